import type { LoginOptions } from "../../app/login/options.ts";
import { hint, login } from "../../base/errors.ts";
import type { Context } from "../command.ts";
import { duration } from "../../base/duration.ts";

/** Where Linux cuts a longer line, in bytes, without saying so (termios(3), "canonical mode"). Other systems do not take such a line at all. */
const cutLine = 4095;

/**
 * The conversation of a browser login: the address and the length of the wait are shown before anything is opened, and the
 * address of the page that failed to load can be pasted.
 *
 * @param how - `opens`: whether the browser is opened here, or by the user; `isFirst`: whether this login creates its profile
 */
export async function browserScreen(
  context: Context,
  { opens, isFirst }: { opens: boolean; isFirst: boolean },
): Promise<Pick<LoginOptions, "onAddress">> {
  const { out } = context;
  const terminal = await context.terminal();
  return {
    onAddress({ url, redirectUri, timeoutMs, accept, signal }) {
      if (isFirst && new URL(redirectUri).pathname !== "/callback") out.say(`The redirect address is ${redirectUri}. The issuer must know it for this client, with any port.`);
      out.say(`${opens ? "Opening the browser. If it does not come up, open this address" : "Open this address in a browser"}:`);
      out.address(url);
      out.say(`Waiting for the browser, ${duration(timeoutMs)} at most. Press Ctrl-C to give up.`);
      if (!terminal.isInteractive) return;
      out.say("If the browser ends on a page that does not load, paste that page's address here.");
      terminal.onLine((line) => {
        // The rest of the code would be sent and refused, and the code would be spent.
        if (Buffer.byteLength(line) === cutLine) {
          out.warn("the pasted address is longer than the terminal takes in one line and was cut off, so it was not used");
          return out.hint(hint`Press Ctrl-C, run: stty -icanon, then log in again. Or, without an address to paste: ${login(undefined, "--headless")}`);
        }
        try {
          if (line.trim()) accept(line.trim());
        } catch (error) {
          out.warn(error instanceof Error ? error.message : String(error));
        }
      }, signal);
    },
  };
}
