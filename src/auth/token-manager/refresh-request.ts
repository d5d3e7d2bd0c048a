import { AuthError, NotAuthenticatedError, ServiceError, hint, login } from "../../base/errors.ts";
import type { Fetch } from "../../base/runtime-types.ts";
import type { Secret } from "../../base/secret.ts";
import { readJsonObject, wasNeverSent } from "../../http/request.ts";
import { retryDelay } from "../../http/retry.ts";
import type { Clock } from "../../platform/clock.ts";
import { tokenEndpointFetch, validateTokenType } from "../oauth/dpop-fetch.ts";
import { validateRefreshedIdToken } from "../oauth/id-token.ts";
import { judgeRefreshFailure, refreshTokenGrant } from "../oauth/refresh.ts";
import { answerLimitMs, type TokenResponse } from "../oauth/token-endpoint.ts";
import { sessionTokens } from "../sessions/session-tokens.ts";
import type { Session } from "../sessions/session.ts";
import type { AwaitedWork } from "../sessions/store.ts";

/** How long this client may wait beyond the service's own time, in milliseconds (NFR-005). */
export const retryBudgetMs = 3_000;
/** After this long a user wonders what is going on. */
const tellAfterMs = 1_000;

interface RefreshContext {
  /** For the hint when the session ended. */
  profile: string;
  clock: Clock;
  fetch: Fetch;
  /** From 0 to 1, for jitter. */
  random: () => number;
  /** Whether the token may still be sent. */
  isHeld: () => Promise<boolean>;
  /** Told after a second without an answer. */
  onWait: (awaited: AwaitedWork) => void;
  /**
   * How long the caller has waited for the claim, in milliseconds. It counts as waiting between tries: behind a holder that
   * failed for the whole budget, everyone else asks once, so that a failing service costs a queue of commands no more than
   * it costs one.
   */
  waitedMs: number;
}

/**
 * Asks the service for new tokens, again where that may help. Nothing cuts a request short that was sent: callers stop waiting, and the
 * request goes on.
 *
 * @returns the session that the answer makes of this one. Lifetimes count from when the request was sent that brought it: a process that
 *   was stopped,
 * or whose machine was asleep, may read an answer long after it came
 * @throws the error of the last try; {@link AuthError} `refresh_unconfirmed` when one was sent and not answered, `lock_unavailable` when
 * the claim was lost; {@link NotAuthenticatedError} when the answer does not belong to this session
 */
export async function requestRefresh(
  session: Session,
  refreshToken: Secret,
  { profile, clock, fetch, random, isHeld, onWait, waitedMs }: RefreshContext,
): Promise<{ readonly next: Session; readonly tokens: TokenResponse }> {
  // Reading an answer for the first time loads code for some milliseconds. Here they cost nothing; once the service has
  // rotated the token, each of them is one in which a process that is killed loses the session.
  await readJsonObject(new Response("{}"));
  const { clientId: client_id, resource, server } = session;
  const proving = tokenEndpointFetch(session, { fetch, clock });
  const grant = { client_id, refresh_token: refreshToken, resource };
  const startedAt = clock.monotonic();
  let unanswered: unknown;
  let isTold = false;
  for (let attempt = 1, waited = waitedMs; ; attempt += 1) {
    // A process that was stopped for so long that another took its claim must not send what the other has spent.
    if (!(await isHeld()))
      throw new AuthError("lock_unavailable", "the lock on the session was lost while this process was stopped", {
        hint: "Try again",
      });
    const sentAt = clock.now();
    let isAnswered = false;
    clock.timeout(tellAfterMs).addEventListener("abort", () => {
      if (!isAnswered && !isTold) onWait({ work: "answer", host: new URL(server.token_endpoint).host });
      isTold ||= !isAnswered;
    });
    try {
      const tokens = await refreshTokenGrant(server, grant, { clock, fetch: proving });
      requireContinuation(session, profile, tokens, sentAt);
      return { next: { ...session, ...sessionTokens(tokens, sentAt, session) }, tokens };
    } catch (error) {
      const verdict = judgeRefreshFailure(error);
      // A token that was sent without an answer may be spent. Sending it again loses nothing: it is the only one there is, and
      // servers that rotate tokens are more likely to forgive a replay the sooner it comes.
      if (verdict === "transient" && isUnanswered(error)) unanswered = error;
      const waitMs = retryDelay({
        attempt,
        retryAfterMs: error instanceof ServiceError ? error.retryAfterMs : undefined,
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

/** Whether a request may have reached the service, and its answer has not come back. */
function isUnanswered(error: unknown): boolean {
  return error instanceof AuthError && error.code === "network_unavailable" && !wasNeverSent(error);
}

/** What is true after a request that was not answered: nobody here knows whether the service has renewed the session. */
function unconfirmed({ server }: Session, profile: string, cause: unknown): AuthError {
  const why = cause instanceof Error ? `: ${cause.message}` : "";
  return new AuthError(
    "refresh_unconfirmed",
    `no response to the refresh${why}. "${server.issuer}" may have renewed the session`,
    {
      hint: hint`Try again in a moment. If the session has ended by then: ${login(profile)}`,
      cause,
    },
  );
}

/** If new tokens do not continue the session, they must not be stored, and the ones before them are spent: the session ended. */
function requireContinuation(session: Session, profile: string, tokens: TokenResponse, sentAt: number): void {
  const { server, clientId: client_id, idToken, dpopKey } = session;
  const { access_token, id_token } = tokens;
  try {
    const { tokenType, issuedAt: now } = sessionTokens(tokens, sentAt, session);
    validateTokenType({ tokenType, dpopKey }, server.issuer);
    if (id_token !== undefined && idToken !== undefined)
      validateRefreshedIdToken(id_token, { server, client_id, access_token, now }, idToken);
  } catch (cause) {
    if (!(cause instanceof AuthError)) throw cause;
    throw new NotAuthenticatedError(`the session was not continued: ${cause.message}`, {
      code: "session_ended",
      hint: hint`Run: ${login(profile)}`,
      cause,
    });
  }
}
