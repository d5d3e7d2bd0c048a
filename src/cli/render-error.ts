import { inspect } from "node:util";
import { AuthError, type AuthErrorCode } from "../base/errors.ts";
import { hintText } from "../base/hint-text.ts";
import { ownIdentity } from "../base/identity.ts";
import type { Output } from "./output.ts";

/** What each kind of failure is to a script: 1 failed, 2 wrong usage, 3 worth a retry, 4 not authenticated, 5 denied, 6 timed out. */
export const exitCodes: Readonly<Record<AuthErrorCode, number>> = {
  usage_invalid: 2,
  configuration_invalid: 2,
  consent_required: 2,
  network_unavailable: 3,
  service_unavailable: 3,
  lock_unavailable: 3,
  not_authenticated: 4,
  session_ended: 4,
  access_denied: 5,
  timed_out: 6,
  interrupted: 130,
  service_rejected: 1,
  service_answer_invalid: 1,
  storage_unsafe: 1,
  storage_damaged: 1,
  storage_unreadable: 1,
  storage_unwritable: 1,
  keychain_unavailable: 1,
};

/**
 * Prints a failure: one `error:` line in plain words and one `hint:` line with the next step.
 *
 * @param options - `debug` adds the stack and the evidence; `profile`: the one that was named, which a login that the hint
 * advises is for, too: below, most do not know it
 * @returns the exit code
 */
export function renderError(error: unknown, out: Output, { debug, profile }: { debug: boolean; profile?: string | undefined }): number {
  const known = error instanceof AuthError ? error : undefined;
  out.error(error instanceof Error ? error.message : String(error));
  const hint = known === undefined ? ["This is a defect of spec-kitty. Run it again with --debug to see where"] : known.hint;
  if (hint !== undefined) out.hint(hintText(hint, { identity: ownIdentity, profile }));
  if (debug) out.say(inspect(error, { depth: 4 }));
  return known === undefined ? 1 : exitCodes[known.code];
}
