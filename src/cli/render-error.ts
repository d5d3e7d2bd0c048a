import { evidence, isAuthError, systemErrorCode, type AuthErrorCode } from "../base/errors.ts";
import type { Identity } from "../base/identity.ts";
import { redact } from "../base/secret.ts";
import type { ErrorOutput } from "./json-output.ts";
import type { Output } from "./output.ts";

/** The exit code for each error code: 1 failed, 2 wrong usage, 3 worth a retry, 4 not authenticated, 5 denied, 6 timed out. */
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
 * Prints a failure: one `error:` line in plain words, and one `hint:` line with the next step.
 *
 * @param how - `debug`: whether to print the stack and the evidence too; `json`: whether to print the failure as JSON too; `mayHaveChanged`: see `App`, for a command that was interrupted
 * @returns the exit code
 */
export function renderError(
  error: unknown,
  { out, identity, debug, json, mayHaveChanged }: { out: Output; identity: Identity; debug: boolean; json: boolean; mayHaveChanged: boolean },
): number {
  const known = isAuthError(error) ? error : undefined;
  // Commands and rare paths are loaded when they are needed: what the start of the program says of this can come later too.
  const unloadable = known === undefined ? /^(?:E[MN]FILE|ERR_MODULE_NOT_FOUND)$/.exec(systemErrorCode(error) ?? "")?.[0] : undefined;
  const message = unloadable ? `the program could not be loaded (${unloadable})` : error instanceof Error ? error.message : String(error);
  const interrupted = mayHaveChanged ? "The service may have done it: check before you run it again" : "Nothing was changed";
  const hint = known?.next ?? known?.hint ?? (known?.code === "interrupted" ? interrupted : undefined);
  const reinstall = "Close some programs or raise the limit of open files, or reinstall it";
  const next = unloadable ? reinstall : known === undefined ? `This is a bug in ${identity.name}. Run it again with --debug to see where` : hint;
  if (json) {
    const failure: ErrorOutput = { error: { code: known?.code ?? "internal_error", message: redact(message), ...(next !== undefined && { hint: redact(out.words(next)) }) } };
    out.jsonFailure(failure);
  }
  out.error(message);
  if (next !== undefined) out.hint(next);
  if (debug) out.say(evidence(error));
  return known === undefined ? 1 : exitCodes[known.code];
}
