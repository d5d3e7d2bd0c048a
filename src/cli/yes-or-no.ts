import { noBreak } from "../base/text.ts";
import type { Context } from "./command.ts";

/**
 * Asks on the terminal until the answer is one: what is neither yes nor no may be a slip.
 *
 * @param usual - what Enter means. The end of input agrees to nothing
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
