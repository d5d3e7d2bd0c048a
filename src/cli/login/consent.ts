import type { ConsentQuestion, LoginOptions } from "../../app/login/options.ts";
import { glue } from "../../base/text.ts";
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
    // The file is what everybody here needs. The other questions are about trust, and Enter gives none.
    const isUsual = question.about === "file";
    const answer = await ask(out.question(`${explained(question, out.say)}${glue}[${isUsual ? "Y/n" : "y/N"}]${glue}`), signal);
    return answer === "" ? isUsual : /^y(es)?$/i.test(answer ?? "");
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
      return `${question.reason.charAt(0).toUpperCase()}${question.reason.slice(1)}. Keep the session in an encrypted file?`;
  }
}
