import type { ConsentQuestion, LoginOptions } from "../../app/login/options.ts";
import { duration } from "../../base/duration.ts";
import { oneLine } from "../../base/text.ts";
import type { Context } from "../command.ts";
import { yesOrNo } from "../yes-or-no.ts";

/** Asks on the terminal, if any, for what was not `granted` beforehand. */
export function askedConsent(
  context: Context,
  granted: Readonly<Partial<Record<ConsentQuestion["about"], boolean>>>,
): LoginOptions["onConsent"] {
  return async (question) => {
    if (granted[question.about]) return true;
    if (!(await context.terminal()).isInteractive) return undefined;
    // Everybody here needs the file. The other questions are about trust, which Enter does not give.
    return yesOrNo(context, explained(question, context.out.say), question.about === "file");
  };
}

function explained(question: ConsentQuestion, say: (line: string) => void): string {
  switch (question.about) {
    case "profile":
      say(`Profile "${question.profile}" belongs to ${question.from}. This login is at ${question.to}.`);
      return `Change the profile to ${question.to}?`;
    case "host": {
      const { host: own } = new URL(question.issuer);
      say(`Logins at ${question.issuer} use a login page on another host: ${question.host}.`);
      say(`If the two hosts do not belong together, ${own} could then act as you at ${question.host}.`);
      return `Trust ${question.host} with logins at ${own}?`;
    }
    case "resource":
      say(`${question.address} requires tokens for all of ${question.resource}, and could use them there.`);
      return `Get tokens for ${question.resource}?`;
    case "file":
      return `${question.reason.charAt(0).toUpperCase()}${question.reason.slice(1)}. Keep the session in an encrypted file?`;
  }
}

/** Where Linux silently cuts a longer line, in bytes (termios(3), "canonical mode"). Other systems refuse it. */
const cutLine = 4095;

/** Shows URL and time limit before anything is opened. `isFirst`: the login creates its profile. */
export async function browserScreen(
  { out, ...context }: Context,
  { opens, isFirst }: { opens: boolean; isFirst: boolean },
): Promise<Pick<LoginOptions, "onAddress">> {
  const terminal = await context.terminal();
  return {
    onAddress({ url, redirectUri, timeoutMs, accept, signal }) {
      if (isFirst && new URL(redirectUri).pathname !== "/callback")
        out.say(`The redirect URL is ${redirectUri}. Register it for this client, for any port.`);
      out.say(`${opens ? "Opening the browser. If it does not appear, open this URL" : "Open this URL in a browser"}:`);
      out.address(url);
      // An issuer can send the browser on to another server unseen: see `redirectPathOf`.
      out.say(`Approve at ${new URL(url).host} only.`);
      out.say(`Waiting for the browser, ${duration(timeoutMs)} at most. Press Ctrl-C to cancel.`);
      if (!terminal.isInteractive) return;
      out.say("If the last page does not load, paste its URL here.");
      terminal.onLine((line) => {
        // A cut code would be refused and spent.
        if (Buffer.byteLength(line) === cutLine) {
          return out.warn(
            "the pasted URL is too long for a line of this terminal: press Ctrl-C, run stty -icanon, and log in again",
          );
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

/**
 * The code is shown even with the URL that contains it: the page asks the user to compare it, which is how victims notice
 * another person's URL (RFC 8628 §5.4).
 */
export function deviceScreen({ out }: Context): Pick<LoginOptions, "onCode" | "onWaiting"> {
  return {
    onCode({ issuer, verificationUri, verificationUriComplete, userCode }) {
      const page = new URL(verificationUri);
      // Shows whose page it should be.
      const foreign =
        page.origin === new URL(issuer).origin
          ? ""
          : `The login is at ${oneLine(issuer)}, and its page is at ${page.host}.`;
      // A URL on another host could be taken for the page that was just named.
      const complete =
        verificationUriComplete !== undefined && new URL(verificationUriComplete).origin === page.origin
          ? `\nThis URL contains the code already:\n\n  ${oneLine(verificationUriComplete)}\n`
          : "";
      out.say(
        `Open this URL in a browser, on any device:\n\n  ${oneLine(verificationUri)}\n\nand enter this code:\n\n  ${inChunks(oneLine(userCode))}\n${complete}${foreign && `\n${foreign}`}`,
      );
    },
    onWaiting: (leftMs) => out.progress(`Waiting for approval, ${duration(leftMs)} left. Press Ctrl-C to cancel.`),
  };
}

/** As the service wrote it, or in groups if it is one long row: servers ignore added dashes (RFC 8628 §6.1). */
function inChunks(code: string): string {
  const size = /^[a-z\d]{8,10}$/i.test(code) ? { 8: 4, 9: 3, 10: 5 }[code.length] : undefined;
  return size === undefined ? code : (code.match(new RegExp(`.{${size}}`, "g")) ?? []).join("-");
}
