import { isAuthError, type Hint } from "../base/errors.ts";

/** One thing that was examined, and what was found. No member ever contains a secret. */
export interface Finding {
  /** Stable: the same thing has the same number in every version. */
  readonly number: string;
  /** `critical`: something that a login or a request needs does not work. `warning`: it works, but needs attention. */
  readonly severity: "ok" | "note" | "warning" | "critical";
  readonly subject: string;
  readonly sentence: string;
  readonly fix?: Hint;
}

export type Report = (severity: Finding["severity"], sentence: string, fix?: Hint | string) => Finding;

export function reportOn(number: string, subject: string): Report {
  return (severity, sentence, fix) => ({
    number,
    severity,
    subject,
    sentence,
    ...(fix !== undefined && { fix: typeof fix === "string" ? [fix] : fix }),
  });
}

/**
 * A failure as a finding: the doctor exists for what does not work, so no such failure may end it, unless it is a bug. `sentence`: for an
 * error that is not one of ours, and means nothing to users.
 */
export function reportFailure(report: Report, error: unknown, sentence?: string, fix?: Hint | string): Finding {
  if (isAuthError(error)) {
    const { next = error.hint ?? fix } = error;
    return report("critical", error.message, next?.[0] === "Run: " && typeof next !== "string" ? next.slice(1) : next);
  }
  if (sentence === undefined) throw error;
  return report("critical", sentence, fix);
}

export const repairCommand: Hint = [{ command: "auth doctor --repair" }];
