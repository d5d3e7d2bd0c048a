import { AuthError } from "../../base/errors.ts";
import { retryAfterOf } from "../../http/retry.ts";
import { judgeRefreshFailure, type RefreshVerdict } from "../oauth/refresh.ts";
import { answerLimitMs } from "../oauth/token-endpoint.ts";
import { isSameToken, type Session } from "../sessions/session.ts";
import type { ClaimOptions } from "../sessions/store.ts";
import type { AccessTokenOptions } from "./access-token.ts";
import { endOf, remainingMs } from "./freshness.ts";
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
 * Why a refresh failed. `claim lost`: nothing was sent, and the next holder may have refreshed. `dead` and `replayed`:
 * perhaps another holder spent the token, and its session counts: one on another machine that could not see this claim,
 * or one that took it over during a stop.
 */
type Failure = RefreshVerdict | "claim lost";

export function judge(error: unknown): Failure {
  return error instanceof AuthError && error.code === "lock_unavailable" ? "claim lost" : judgeRefreshFailure(error);
}

/** After a replay, until the other holder has stored its session, as the service says. */
export function successorWaitMs(error: unknown): number {
  return Math.min(retryAfterOf(error) ?? 0, retryBudgetMs);
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
