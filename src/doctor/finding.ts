import { isAuthError, type Hint } from "../base/errors.ts";

/** No member ever contains a secret. */
export interface Finding {
  /** The same in every version. */
  readonly number: string;
  /** `critical`: a login or request needs what does not work. `warning`: it works, but needs attention. */
  readonly severity: "ok" | "note" | "warning" | "critical";
  readonly subject: string;
  readonly sentence: string;
  readonly fix?: Hint;
}

type Report = (severity: Finding["severity"], sentence: string, fix?: Hint | string) => Finding;

export function reportOn(number: string, subject: string): Report {
  return (severity, sentence, fix) => ({
    number,
    severity,
    subject,
    sentence,
    ...(fix !== undefined && { fix: typeof fix === "string" ? [fix] : fix }),
  });
}

/** Only a bug may end the doctor. `sentence`: for a foreign error, which means nothing to users. */
export function reportFailure(report: Report, error: unknown, sentence?: string, fix?: Hint | string): Finding {
  if (isAuthError(error)) {
    const { next = error.hint ?? fix } = error;
    return report("critical", error.message, next?.[0] === "Run: " && typeof next !== "string" ? next.slice(1) : next);
  }
  if (sentence === undefined) throw error;
  return report("critical", sentence, fix);
}

export const repairCommand: Hint = [{ command: "auth doctor --repair" }];
