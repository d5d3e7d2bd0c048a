import { isAuthErrorCode, type AuthErrorCode, type KnownErrorCode } from "../base/errors.ts";

/** 1 failed, 2 wrong usage, 3 worth a retry, 4 not authenticated, 5 denied, 6 timed out. */
export const exitCodes: Readonly<Record<KnownErrorCode, number>> = {
  usage_invalid: 2,
  configuration_invalid: 2,
  consent_required: 2,
  network_unavailable: 3,
  service_unavailable: 3,
  lock_unavailable: 3,
  storage_unreachable: 3,
  not_authenticated: 4,
  session_ended: 4,
  access_denied: 5,
  timed_out: 6,
  interrupted: 130,
  refresh_unconfirmed: 1,
  service_rejected: 1,
  service_answer_invalid: 1,
  storage_unsafe: 1,
  storage_damaged: 1,
  storage_unreadable: 1,
  storage_unwritable: 1,
  keychain_unavailable: 1,
};

/** 1 for an unknown code of another copy of the package. */
export function exitCodeOf(code: AuthErrorCode): number {
  return isAuthErrorCode(code) ? exitCodes[code] : 1;
}
