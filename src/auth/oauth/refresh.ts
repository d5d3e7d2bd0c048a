import { isTransient, NotAuthenticatedError, ServiceError } from "../../base/errors.ts";
import type { Secret } from "../../base/secret.ts";
import type { AuthorizationServer } from "./authorization-server.ts";
import type { ExchangeOptions } from "../../http/request.ts";
import { answerLimitMs, tokenGrant, type TokenResponse } from "./token-endpoint.ts";

/**
 * RFC 6749 §6. Only the token manager calls this, under its lock: a rotated refresh token that is presented twice ends
 * the session (RFC 9700 §4.14.2).
 *
 * @param server - from the session itself (S-001)
 */
export function refreshTokenGrant(
  server: AuthorizationServer,
  grant: { client_id: string; refresh_token: Secret; resource?: string | undefined },
  options: ExchangeOptions,
): Promise<TokenResponse> {
  return tokenGrant(server, { grant_type: "refresh_token", ...grant }, { ...options, timeoutMs: answerLimitMs });
}

export type RefreshVerdict = "dead" | "replayed" | "transient" | "refused";

/**
 * - `dead`: revoked, expired, or another user's; the session is removed, if it is still the refused one.
 * - `replayed`: another process refreshed first, and its session counts.
 * - `transient`: no response, or one that may change. The session stays (S-004).
 * - `refused`: a mistake in the configuration, or no OAuth response. The session stays.
 */
export function judgeRefreshFailure(error: unknown): RefreshVerdict {
  if (error instanceof NotAuthenticatedError) return "dead";
  if (!(error instanceof ServiceError)) return "refused";
  if (error.error === "refresh_replay_benign_retry") return "replayed";
  // GitHub: status 200, and an error name of its own.
  const refusal = error.status === 400 || error.status === 401 || error.status === 200;
  if (refusal && ["invalid_grant", "session_invalid", "bad_refresh_token"].includes(error.error ?? "")) return "dead";
  return isTransient(error) ? "transient" : "refused";
}
