import type { TokenResponse } from "../oauth/token-endpoint.ts";
import type { Session } from "./session.ts";

/**
 * A machine without a clock starts in 1970. A larger difference is not a clock's, and would leave the range of dates.
 */
const centuryMs = 3_155_760_000_000;

/** Decided by a token response. */
export type SessionTokens = Pick<
  Session,
  | "accessToken"
  | "tokenType"
  | "refreshToken"
  | "scope"
  | "issuedAt"
  | "accessTokenExpiresAt"
  | "refreshTokenExpiresAt"
  | "clockOffsetMs"
  | "sessionId"
  | "signedIdToken"
  | "refreshes"
>;

/**
 * From a token response.
 *
 * Expiry counts from the sending of a refresh, before the issue; for a login from the response, after it: the margin of
 * `requiredMs` covers that. The refresh token's lifetime is the server's alone.
 *
 * @param at - this machine's clock at that moment, milliseconds since 1970
 * @param previous - the refreshed session; absent at login
 */
export function sessionTokens(tokens: TokenResponse, at: number, previous?: Session): SessionTokens {
  const offset = tokens.date === undefined ? 0 : tokens.date - at;
  const clockOffsetMs = Math.abs(offset) > 60_000 && Math.abs(offset) < centuryMs ? offset : 0;
  const issuedAt = at + clockOffsetMs;
  const refreshSeconds = tokens.refresh_token_expires_in;
  const refreshTokenExpiresAt =
    tokens.refresh_token_expires_at ??
    (refreshSeconds === undefined ? undefined : new Date(issuedAt + refreshSeconds * 1000).toISOString());
  return {
    accessToken: tokens.access_token,
    tokenType: tokens.token_type ?? previous?.tokenType ?? "Bearer",
    // Absent on refresh: the old one and its expiry stay valid (RFC 6749 §6).
    refreshToken: tokens.refresh_token ?? previous?.refreshToken,
    refreshTokenExpiresAt:
      refreshTokenExpiresAt ?? (tokens.refresh_token === undefined ? previous?.refreshTokenExpiresAt : undefined),
    scope: tokens.scope ?? previous?.scope ?? "",
    issuedAt,
    accessTokenExpiresAt: tokens.expires_in === undefined ? undefined : issuedAt + tokens.expires_in * 1000,
    clockOffsetMs,
    sessionId: tokens.session_id ?? previous?.sessionId,
    // A refresh's is compared with the login's; a login's counts only after validation.
    signedIdToken: previous?.signedIdToken && (tokens.id_token ?? previous.signedIdToken),
    refreshes: previous === undefined ? 0 : previous.refreshes + 1,
  };
}
