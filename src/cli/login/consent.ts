import type { ConsentQuestion, LoginOptions } from "../../app/login/options.ts";
import type { Context } from "../command.ts";

/**
 * Asks on the terminal, where there is one.
 *
 * @param granted - what the user has agreed to beforehand
 */
export function askedConsent({ out, terminal, signal }: Context, granted: Readonly<Partial<Record<ConsentQuestion["about"], boolean>>>): LoginOptions["onConsent"] {
  return async (question) => {
    if (granted[question.about]) return true;
    const { isInteractive, ask } = await terminal();
    if (!isInteractive) return undefined;
    const asked = explained(question, out.say);
    return /^y(es)?$/i.test(await ask(`${asked} [y/N] `, signal));
  };
}

/** Says what it is about. Returns the question itself. */
function explained(question: ConsentQuestion, say: (line: string) => void): string {
  switch (question.about) {
    case "profile":
      say(`Profile "${question.profile}" belongs to ${question.from}. This login is at ${question.to}.`);
      return `Change the profile to ${question.to}?`;
    case "host": {
      const { host: own } = new URL(question.issuer);
      say(`Logins at ${question.issuer} begin at another host: ${question.host}.`);
      say(`If the two do not belong together, ${own} could then act as you at ${question.host}.`);
      return `Trust ${question.host} with logins at ${own}?`;
    }
    case "file":
      say(`The key of the session would not be in a keychain: ${question.reason}.`);
      say("The session would be stored in an encrypted file that your user can open on this machine.");
      say("It is safe from a copy and from other users, not from your own programs.");
      return "Store it in the encrypted file?";
  }
}
