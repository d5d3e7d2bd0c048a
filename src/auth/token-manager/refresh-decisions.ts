import { AuthError, ServiceError } from "../../base/errors.ts";
import { judgeRefreshFailure } from "../oauth/refresh.ts";
import { answerLimitMs } from "../oauth/token-endpoint.ts";
import { isSameToken, type Session } from "../sessions/session.ts";
import type { ClaimOptions } from "../sessions/store.ts";
import type { AccessTokenOptions } from "./access-token.ts";
import { endOf } from "./ended-login.ts";
import { remainingMs } from "./freshness.ts";
import { retryBudgetMs } from "./refresh-request.ts";

/** A caller whose token is valid for longer, in milliseconds, does not wait for a holder. */
const comfortableMs = 10_000;
/** The wait for a holder that shows no activity, in milliseconds: it may be stopped, or on another machine. */
const holderLimitMs = 15_000;

/** How long a caller that has waited before waits for the claim. */
export function patience(session: Session, need: AccessTokenOptions, waitedMs: number, now: number): ClaimOptions {
  const isGood = leftFor(need, session, now) > comfortableMs;
  const left = (limitMs: number): number => Math.max(0, limitMs - waitedMs);
  return {
    timeoutMs: left(isGood ? retryBudgetMs : holderLimitMs),
    whileAtWorkMs: left(isGood ? retryBudgetMs : answerLimitMs),
  };
}

/** For how long a caller can use the token of a session that could not be refreshed, in milliseconds. */
export function leftFor({ rejected }: AccessTokenOptions, session: Session, now: number): number {
  return rejected === session.accessToken.reveal() ? 0 : remainingMs(session, now);
}

/**
 * What a failed refresh says:
 *
 * - `claim lost`: nothing was sent, and the next holder may have refreshed.
 * - `token spent`: perhaps by another holder, whose session counts: another machine that could not see this claim, or a
 *   process that took it over during a stop. `waitMs`: until that session is stored, as the service says.
 * - `session ended`: the same, and if there is no such session, this one has ended.
 * - `failed`: the session stays as it is (S-004).
 */
export type RefreshFailure =
  | { readonly what: "claim lost" | "session ended" | "failed" }
  | { readonly what: "token spent"; readonly waitMs: number };

export function judge({ refreshToken }: Session, error: unknown): RefreshFailure {
  if (error instanceof AuthError && error.code === "lock_unavailable") return { what: "claim lost" };
  const verdict = refreshToken === undefined ? "refused" : judgeRefreshFailure(error);
  if (verdict === "dead") return { what: "session ended" };
  if (verdict !== "replayed") return { what: "failed" };
  const toldMs = error instanceof ServiceError ? (error.retryAfterMs ?? 0) : 0;
  return { what: "token spent", waitMs: Math.min(toldMs, retryBudgetMs) };
}

/** Whether what is stored now replaced a session. While that one is in memory only, its predecessor is stored. */
export function isReplaced(session: Session, now: Session): boolean {
  return now.id !== session.id || (!isSameToken(now, session) && now.refreshes >= session.refreshes);
}

/** How a session that the service refuses has ended. */
export function endOfRefused(
  session: Session,
  now: number,
): { readonly reason: "expired" | "revoked"; readonly at: number } {
  const ends = endOf(session);
  return ends <= now ? { reason: "expired", at: ends } : { reason: "revoked", at: now };
}
