import type { LoginOptions } from "../../app/login/options.ts";
import { oneLine } from "../../base/text.ts";
import { isConfidential } from "../../base/address.ts";
import { duration } from "../../base/duration.ts";
import type { Context } from "../command.ts";
import type { Screen } from "../output.ts";
import { qrCode } from "./qr-code.ts";
import { renderQrCode } from "./qr-render.ts";

/**
 * The conversation of a device login: the address, the code in chunks (RFC 8628 §6.1), and a
 * QR code of the address that contains the code. The code is shown even then, since the page asks the user to compare it: that is
 * how victims notice that they were sent somebody else's address (§5.4).
 *
 * @param withQr - false draws nothing
 */
export function deviceScreen({ out }: Context, withQr: boolean): Pick<LoginOptions, "onCode" | "onWaiting"> {
  return {
    onCode({ issuer, verificationUri, verificationUriComplete, userCode }) {
      const page = new URL(verificationUri);
      // The user sees whose page it should be.
      const foreign = page.origin === new URL(issuer).origin ? "" : `The login is at ${oneLine(issuer)}, and its page is at ${page.host}.`;
      const text = `Open this address in a browser, on any device:\n\n  ${oneLine(verificationUri)}\n\nand enter this code:\n\n  ${inChunks(oneLine(userCode))}\n${foreign && `\n${foreign}`}`;
      out.say(text);
      // Nobody can read where a QR code leads: to the page whose address is shown, or it is not drawn.
      const isSamePage = verificationUriComplete !== undefined && new URL(verificationUriComplete).origin === page.origin;
      const picture = withQr && out.screen && isSamePage ? drawn(verificationUriComplete, out.screen, text) : undefined;
      if (picture) out.draw(picture);
    },
    onWaiting: (leftMs) => out.progress(`Waiting for the approval, ${duration(leftMs)} left. Press Ctrl-C to give up.`),
  };
}

/** As the service wrote it. Eight letters in a row are shown in two halves: RFC 8628 §6.1 has servers ignore dashes that are not theirs. */
function inChunks(code: string): string {
  return /^[a-z]{8}$/i.test(code) ? `${code.slice(0, 4)}-${code.slice(4)}` : code;
}

/**
 * Undefined when the QR code would push address or code off the screen, and for an address that is not safe to open on a phone.
 *
 * @param above - the text that has to stay on the screen, with the line of the countdown below
 */
function drawn(address: string, screen: Screen, above: string): string | undefined {
  if (!isConfidential(new URL(address))) return undefined;
  const modules = qrCode(address);
  const picture = modules && renderQrCode(modules, screen);
  const rows = above.split("\n").reduce((sum, line) => sum + Math.max(1, Math.ceil(line.length / screen.columns)), 0);
  return picture && picture.split("\n").length + rows <= screen.rows ? picture : undefined;
}
