import { hintText } from "../base/hint-text.ts";
import { ownIdentity } from "../base/identity.ts";
import { AuthError } from "../base/errors.ts";

/** One thing that was looked at, and what was found. No member ever holds a secret. */
export interface Finding {
  /** Stable: the same thing has the same number in every version. */
  readonly number: string;
  /** `critical`: something a login or a request needs does not work. `warning`: it works, and should be seen to. */
  readonly severity: "ok" | "note" | "warning" | "critical";
  /** What was looked at, in a word or two. */
  readonly subject: string;
  /** What was found. */
  readonly sentence: string;
  /** What mends it: a command to paste wherever one does. */
  readonly fix?: string;
}

/** Makes findings of one number. */
export type Report = (severity: Finding["severity"], sentence: string, fix?: string) => Finding;

/** A report on one thing. */
export function finder(number: string, subject: string): Report {
  return (severity, sentence, fix) => ({ number, severity, subject, sentence, ...(fix !== undefined && { fix }) });
}

/**
 * A failure as a finding: the doctor is there for what does not work, so nothing of the kind may end it.
 * @param sentence - for what is no error of ours, and says nothing to people
 * @throws the error itself when it is a defect
 */
export function failed(report: Report, error: unknown, sentence?: string, fix?: string): Finding {
  if (error instanceof AuthError) return report("critical", error.message, error.hint === undefined ? fix : hintText(error.hint, { identity: ownIdentity }).replace(/^Run: /, ""));
  if (sentence === undefined) throw error;
  return report("critical", sentence, fix);
}

/** A path as a shell takes it. */
export function quoted(path: string): string {
  return /^[\w./~-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
}
