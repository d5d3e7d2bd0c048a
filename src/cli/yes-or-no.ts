import { noBreak } from "../base/text.ts";
import type { Context } from "./command.ts";

/**
 * Asks until the answer is yes or no: anything else may be a slip.
 *
 * @param usual - for Enter. The end of input is no consent
 */
export async function yesOrNo(
  { out, terminal, signal }: Pick<Context, "out" | "terminal" | "signal">,
  question: string,
  usual: boolean,
): Promise<boolean> {
  const { ask } = await terminal();
  const text = out.question(`${question}${noBreak}[${usual ? "Y/n" : "y/N"}]${noBreak}`);
  for (;;) {
    const answer = await ask(text, signal);
    if (answer === undefined) return false;
    if (answer === "") return usual;
    if (/^(y(es)?|no?)$/i.test(answer)) return /^y/i.test(answer);
    out.say("Answer y or n.");
  }
}
