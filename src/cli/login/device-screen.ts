import type { DeviceLoginOptions } from "../../auth/flows/device-login.ts";
import { oneLine } from "../../base/text.ts";
import { isConfidential } from "../../base/address.ts";
import { duration } from "../format.ts";
import type { Output, Screen } from "../output.ts";
import { qrCode } from "./qr-code.ts";
import { renderQrCode } from "./qr-render.ts";

/**
 * The conversation of a device login: the address, the code in the chunks in which the service wrote it (RFC 8628 §3.3), and a
 * QR code of the address that contains the code. The code is shown even then, since the page asks the user to compare it: that is
 * how victims notice that they were sent somebody else's address (§5.4).
 *
 * @param issuer - of the login: where the page is elsewhere, both are named, so that the user sees whose page it should be
 * @param withQr - false draws nothing
 */
export function deviceScreen(out: Output, issuer: string, withQr: boolean): Pick<DeviceLoginOptions, "announce" | "waiting"> {
  return {
    announce({ verification_uri, verification_uri_complete, user_code }) {
      out.say(`Open this address in a browser, on any device:\n\n  ${oneLine(verification_uri)}\n\nand enter this code:\n\n  ${oneLine(user_code)}\n`);
      const page = new URL(verification_uri);
      if (page.origin !== new URL(issuer).origin) out.say(`The login is at ${issuer}, and its page is at ${page.host}.`);
      // Where it leads cannot be read from it: to the page whose address is shown, and to no other.
      const isSamePage = verification_uri_complete !== undefined && new URL(verification_uri_complete).origin === page.origin;
      const picture = withQr && out.screen && isSamePage ? drawn(verification_uri_complete, out.screen) : undefined;
      // Last, so that on a small screen it leaves room for the code and the countdown.
      if (picture) out.draw(picture);
    },
    waiting: (leftMs) => out.progress(`Waiting for the approval, ${duration(leftMs)} left. Press Ctrl-C to give up.`),
  };
}

/** Undefined when the QR code would not fit on the screen, and for an address that a telephone had better not open. */
function drawn(address: string, screen: Screen): string | undefined {
  if (!isConfidential(new URL(address))) return undefined;
  const modules = qrCode(address);
  const picture = modules && renderQrCode(modules, screen);
  return picture && picture.split("\n").length + 3 <= screen.rows ? picture : undefined;
}
