import { AuthError, NotAuthenticatedError, ServiceError, hint, login } from "../../base/errors.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Secret } from "../../base/secret.ts";
import { tokenEndpointFetch, validateTokenType } from "../oauth/dpop-fetch.ts";
import { retryDelay } from "../../http/retry.ts";
import type { Fetch } from "../../base/runtime-types.ts";
import { readJsonObject } from "../../http/request.ts";
import { validateRefreshedIdToken } from "../oauth/id-token.ts";
import { judgeRefreshFailure, refreshTokenGrant } from "../oauth/refresh.ts";
import type { TokenResponse } from "../oauth/token-endpoint.ts";
import type { VaultLock } from "../secure-storage/vault.ts";
import { sessionTokens } from "../session-tokens.ts";
import type { Session } from "../session.ts";

/** One refresh, all its tries and waits together, in milliseconds. The holder of the lock is done after this long. */
export const refreshLimitMs = 10_000;
/** How long this client may wait beyond the service's own time, in milliseconds (NFR-005). */
export const retryBudgetMs = 3_000;

interface RefreshContext {
  /** For the hint when the session ended. */
  profile: string;
  clock: Clock;
  fetch: Fetch;
  /** From 0 to 1, for jitter. */
  random: () => number;
  lock: VaultLock;
  /**
   * How long the caller has waited for the lock, in milliseconds. It counts as waiting between tries: behind a holder that
   * failed for the whole budget, everyone else asks once, so that a failing service costs a queue of commands no more than
   * it costs one.
   */
  waitedMs: number;
}

export interface RefreshedTokens {
  readonly tokens: TokenResponse;
  /**
   * When the request was sent that brought them, milliseconds since 1970. Their lifetime counts from then: a process that was stopped, or
   * whose machine was asleep, may read an answer long after it came.
   */
  readonly sentAt: number;
}

/**
 * Asks the service for new tokens, again where that may help, within the limits above. Throws the error of the last try, `lock_unavailable`
 * when the lock was lost, and {@link NotAuthenticatedError} when the answer does not belong to this session.
 */
export async function requestRefresh(
  session: Session,
  refreshToken: Secret,
  { profile, clock, fetch, random, lock, waitedMs }: RefreshContext,
): Promise<RefreshedTokens> {
  // Reading an answer for the first time loads code for some milliseconds. Here they cost nothing; once the service has
  // rotated the token, each of them is one in which a process that is killed loses the session.
  await readJsonObject(new Response("{}"));
  const signal = clock.timeout(refreshLimitMs);
  const { clientId: client_id, resource } = session;
  const proving = tokenEndpointFetch(session, { fetch, clock });
  for (let attempt = 1, waited = waitedMs; ; attempt += 1) {
    // A process that was stopped for so long that another took its lock must not send what the other has spent.
    if (!lock.held())
      throw new AuthError("lock_unavailable", "the lock on the session was lost while this process was stopped", {
        hint: "Try again",
      });
    const sentAt = clock.now();
    try {
      // A token that was sent without an answer may be spent already. Sending it again loses nothing: it is the only one there
      // is, and servers that rotate tokens are more likely to forgive a replay the sooner it comes.
      const grant = { client_id, refresh_token: refreshToken, resource };
      const tokens = await refreshTokenGrant(session.server, grant, {
        clock,
        fetch: proving,
        signal,
        timeoutMs: refreshLimitMs,
      });
      requireContinuation(session, profile, tokens, sentAt);
      return { tokens, sentAt };
    } catch (error) {
      if (signal.aborted) throw unanswered(session, error);
      if (judgeRefreshFailure(error) !== "transient") throw error;
      const waitMs = retryDelay({
        attempt,
        retryAfterMs: error instanceof ServiceError ? error.retryAfterMs : undefined,
        random: random(),
      });
      waited += waitMs;
      if (waited > retryBudgetMs) throw error;
      await clock.sleep(waitMs);
    }
  }
}

/** If new tokens do not continue the session, they must not be stored, and the ones before them are spent: the session ended. */
function requireContinuation(session: Session, profile: string, tokens: TokenResponse, sentAt: number): void {
  const { server, clientId: client_id, idToken, dpopKey } = session;
  const { access_token, id_token, token_type } = tokens;
  try {
    validateTokenType({ tokenType: token_type, dpopKey }, server.issuer);
    const now = sessionTokens(tokens, sentAt, session).issuedAt;
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

function unanswered({ server }: Session, cause: unknown): ServiceError {
  return new ServiceError("network_unavailable", `"${server.token_endpoint}" did not answer in time`, {
    hint: "You are still logged in. Check the network and the service, then try again",
    cause,
  });
}
