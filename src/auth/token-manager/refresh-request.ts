import { AuthError, NotAuthenticatedError, hint, login } from "../../base/errors.ts";
import type { Fetch } from "../../base/runtime-types.ts";
import type { Secret } from "../../base/secret.ts";
import { readJsonObject, wasNeverSent } from "../../http/request.ts";
import { retryAfterOf, retryDelay } from "../../http/retry.ts";
import type { Clock } from "../../platform/clock.ts";
import { tokenEndpointFetch, validateTokenType } from "../oauth/dpop-fetch.ts";
import { validateRefreshedIdToken } from "../oauth/id-token.ts";
import { judgeRefreshFailure, refreshTokenGrant } from "../oauth/refresh.ts";
import { answerLimitMs, type TokenResponse } from "../oauth/token-endpoint.ts";
import { sessionTokens } from "../sessions/session-tokens.ts";
import type { Session } from "../sessions/session.ts";
import type { Claim } from "../sessions/store.ts";
import type { AuthEventStream } from "../sessions/events.ts";

/** The wait beyond the service's own time, in milliseconds (NFR-005). */
export const retryBudgetMs = 3_000;
const tellAfterMs = 1_000;

interface RefreshContext {
  profile: string;
  clock: Clock;
  fetch: Fetch;
  random: () => number;
  events: AuthEventStream;
  claim: Claim;
  /**
   * The caller's wait for the claim, in milliseconds. It counts as waiting between tries: behind a holder that failed
   * for the whole budget, each waiter asks once, so a failing service costs a queue of commands no more than one.
   */
  waitedMs: number;
}

/**
 * Asks the service for new tokens, again where that may help. A request that was sent is never cut short: callers stop
 * waiting, and it goes on.
 *
 * @returns the continued session. Lifetimes count from the sending: a stopped or sleeping process may read the response
 *   long after it came
 * @throws the error of the last try; {@link AuthError} `refresh_unconfirmed` when one was sent without a response,
 *   `lock_unavailable` when the claim was lost
 */
export async function requestRefresh(
  session: Session,
  refreshToken: Secret,
  { profile, clock, fetch, random, events, claim, waitedMs }: RefreshContext,
): Promise<{ readonly next: Session; readonly tokens: TokenResponse }> {
  // The first response that is read loads code for some milliseconds. Load it now: after the service has rotated the
  // token, a process killed in that time loses the session.
  await readJsonObject(new Response("{}"));
  const { clientId: client_id, resource, server } = session;
  const proving = tokenEndpointFetch(session, { fetch, clock });
  const grant = { client_id, refresh_token: refreshToken, resource };
  const startedAt = clock.monotonic();
  let unanswered: unknown;
  let isTold = false;
  for (let attempt = 1, waited = waitedMs; ; attempt += 1) {
    // After a long stop another process may have taken the claim and spent the token.
    if (!(await claim.isHeld()))
      throw new AuthError("lock_unavailable", "this process lost the lock on the session while it was stopped", {
        hint: "Try again",
      });
    const sentAt = clock.now();
    let isAnswered = false;
    clock.timeout(tellAfterMs).addEventListener("abort", () => {
      if (!isAnswered && !isTold) events.emit("waiting", { work: "answer", host: new URL(server.token_endpoint).host });
      isTold ||= !isAnswered;
    });
    try {
      const tokens = await refreshTokenGrant(server, grant, { clock, fetch: proving });
      const next = { ...session, ...sessionTokens(tokens, sentAt, session) };
      requireContinuation(next, tokens, profile);
      return { next, tokens };
    } catch (error) {
      const verdict = judgeRefreshFailure(error);
      // A token sent without a response may be spent. Sending it again loses nothing: it is the only one there is, and
      // servers that rotate are more likely to forgive an early replay.
      if (verdict === "transient" && isUnanswered(error)) unanswered = error;
      const waitMs = retryDelay({
        attempt,
        retryAfterMs: retryAfterOf(error),
        random: random(),
      });
      waited += waitMs;
      if (verdict !== "transient") throw error;
      if (waited > retryBudgetMs || clock.monotonic() - startedAt >= answerLimitMs)
        throw unanswered === undefined ? error : unconfirmed(session, profile, unanswered);
      await clock.sleep(waitMs);
    } finally {
      isAnswered = true;
    }
  }
}

function isUnanswered(error: unknown): boolean {
  return error instanceof AuthError && error.code === "network_unavailable" && !wasNeverSent(error);
}

/** Only the service knows whether it has renewed the session. */
function unconfirmed({ server }: Session, profile: string, cause: unknown): AuthError {
  const why = cause instanceof Error ? `: ${cause.message}` : "";
  return new AuthError(
    "refresh_unconfirmed",
    `no response to the refresh${why}; "${server.issuer}" may have renewed the session`,
    {
      hint: hint`Try again in a moment. If the session has ended by then, log in again: ${login(profile)}`,
      cause,
    },
  );
}

/** New tokens that do not continue the session must not be stored, and the old ones are spent: the session ended. */
function requireContinuation(next: Session, { access_token, id_token }: TokenResponse, profile: string): void {
  const { server, clientId: client_id, idToken, issuedAt: now } = next;
  try {
    validateTokenType(next, server.issuer);
    if (id_token !== undefined && idToken !== undefined)
      validateRefreshedIdToken(id_token, { server, client_id, access_token, now }, idToken);
  } catch (cause) {
    if (!(cause instanceof AuthError)) throw cause;
    throw new NotAuthenticatedError(`the response to the refresh does not continue the session: ${cause.message}`, {
      code: "session_ended",
      hint: hint`Run: ${login(profile)}`,
      cause,
    });
  }
}
