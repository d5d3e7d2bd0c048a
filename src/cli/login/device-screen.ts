import type { DeviceLoginOptions } from "../../auth/flows/device-login.ts";
import { isConfidential } from "../../base/url.ts";
import { duration } from "../format.ts";
import { oneLine } from "../../base/text.ts";
import type { Output, Screen } from "../output.ts";
import { qrCode } from "./qr-code.ts";
import { renderQrCode } from "./qr-render.ts";

/**
 * The conversation of a login by a code: where to go and what to type, the code in the chunks that the service wrote (RFC 8628
 * §3.3), and a drawing of the address that has the code in it. The code is shown all the same, since the page asks the
 * user to compare it: that is how somebody notices who was sent another's address (§5.4).
 *
 * @param withQr - false draws nothing
 */
export function deviceScreen(out: Output, withQr: boolean): Pick<DeviceLoginOptions, "announce" | "waiting"> {
  return {
    announce({ verification_uri, verification_uri_complete, user_code }) {
      out.say(`Open this address in a browser, on any device:\n\n  ${oneLine(verification_uri)}\n\nand enter this code:\n\n  ${oneLine(user_code)}\n`);
      const picture = withQr && out.screen && verification_uri_complete ? drawn(verification_uri_complete, out.screen) : undefined;
      // Last, so that of a small screen it has all but the countdown's line and the code's.
      if (picture) out.draw(picture);
    },
    waiting: (leftMs) => out.progress(`Waiting for the approval, ${duration(leftMs)} left. Press Ctrl-C to give up.`),
  };
}

/** Undefined where the code would not be whole on the screen, and for an address that a telephone had better not open. */
function drawn(address: string, screen: Screen): string | undefined {
  if (!isConfidential(new URL(address))) return undefined;
  const modules = qrCode(address);
  const picture = modules && renderQrCode(modules, screen);
  return picture && picture.split("\n").length + 3 <= screen.rows ? picture : undefined;
}
