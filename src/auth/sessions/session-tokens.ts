import type { TokenResponse } from "../oauth/token-endpoint.ts";
import type { Session } from "./session.ts";

/** A machine without a clock starts in 1970. A larger difference does not come from a clock, and would leave the range of dates. */
const centuryMs = 3_155_760_000_000;

/** The members of a session that a token answer decides. @internal */
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
 * Makes the members of a session from a token response.
 *
 * Expiry counts from when a refresh was sent, which is earlier than the moment of issue; for a login from when the answer came, which is
 * later: the margin of `requiredMs` covers the difference. The lifetime of the refresh token is the server's alone.
 *
 * @param at - this machine's clock at that moment, milliseconds since 1970
 * @param previous - the session that was refreshed; absent at login
 * @internal
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
    // Absent on refresh: the old one stays valid (RFC 6749 §6), and so does what is known of its expiry.
    refreshToken: tokens.refresh_token ?? previous?.refreshToken,
    refreshTokenExpiresAt:
      refreshTokenExpiresAt ?? (tokens.refresh_token === undefined ? previous?.refreshTokenExpiresAt : undefined),
    scope: tokens.scope ?? previous?.scope ?? "",
    issuedAt,
    accessTokenExpiresAt: tokens.expires_in === undefined ? undefined : issuedAt + tokens.expires_in * 1000,
    clockOffsetMs,
    sessionId: tokens.session_id ?? previous?.sessionId,
    // Of a refresh it is compared with the one of the login; of a login it is nothing before it was validated.
    signedIdToken: previous?.signedIdToken && (tokens.id_token ?? previous.signedIdToken),
    refreshes: previous === undefined ? 0 : previous.refreshes + 1,
  };
}
