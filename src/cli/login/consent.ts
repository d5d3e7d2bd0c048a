import type { ConsentQuestion, LoginOptions } from "../../app/login/options.ts";
import type { Context } from "../command.ts";

/**
 * Asks on the terminal, where there is one.
 *
 * @param granted - what the user has agreed to beforehand
 */
export function askedConsent({ out, terminal, signal }: Context, granted: Readonly<Record<ConsentQuestion["about"], boolean>>): LoginOptions["onConsent"] {
  return async (question) => {
    if (granted[question.about]) return true;
    const { isInteractive, ask } = await terminal();
    if (!isInteractive) return undefined;
    if (question.about === "profile") out.say(`Profile "${question.profile}" belongs to ${question.from}. This login is at ${question.to}.`);
    else {
      out.say(`The key of the session would not be in a keychain: ${question.reason}.`);
      out.say("The session would be stored in an encrypted file that your user can open on this machine.");
      out.say("It is safe from a stray copy, not from your own programs.");
    }
    const asked = question.about === "profile" ? `Change the profile to ${question.to}?` : "Store it in the encrypted file?";
    return /^y(es)?$/i.test(await ask(`${asked} [y/N] `, signal));
  };
}
