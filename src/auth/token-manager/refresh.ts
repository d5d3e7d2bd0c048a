import { AuthError, NotAuthenticatedError, ServiceError, hint, login } from "../../base/errors.ts";
import type { Fetch } from "../../base/runtime-types.ts";
import type { Clock } from "../../platform/clock.ts";
import { judgeRefreshFailure } from "../oauth/refresh.ts";
import { answerLimitMs } from "../oauth/token-endpoint.ts";
import { isSameToken, type Profile, type Session } from "../sessions/session.ts";
import type { Claim, SessionStore } from "../sessions/store.ts";
import type { AccessTokenOptions } from "./access-token.ts";
import type { CurrentSession, FoundSession } from "./current-session.ts";
import { endOf, whyEnded, withoutLogin } from "./ended-login.ts";
import type { AuthEventStream } from "./events.ts";
import { remainingMs } from "./freshness.ts";
import { requestRefresh, retryBudgetMs } from "./refresh-request.ts";

/** A caller whose token is valid for longer, in milliseconds, does not wait for a holder. */
const comfortableMs = 10_000;
/** The wait for a holder that shows no activity, in milliseconds: it may be stopped, or on another machine. */
const holderLimitMs = 15_000;
/** First and longest wait between tries to store, in milliseconds. */
const [firstTryMs, slowestTryMs] = [100, 5_000];

export interface RefresherOptions {
  readonly store: SessionStore;
  readonly current: CurrentSession;
  readonly clock: Clock;
  readonly fetch: Fetch;
  /** From 0 to 1, for jitter. */
  readonly random: () => number;
  readonly events: AuthEventStream;
  readonly by: string | undefined;
}

/** A refreshed session not stored yet, and the claim that keeps others from sending the spent token. */
interface KeptSession extends FoundSession {
  readonly claim: Claim;
}

/** Refreshes a session so that its refresh token is spent once, whatever other processes do and whatever fails. */
export class Refresher {
  readonly #options: RefresherOptions;
  readonly #current: CurrentSession;
  #kept: KeptSession | undefined;
  #storing: Promise<Session | undefined> | undefined;
  #isRefreshing = false;

  constructor(options: RefresherOptions) {
    this.#options = options;
    this.#current = options.current;
  }

  /**
   * A session that satisfies a caller, refreshed if need be. One call at a time.
   *
   * The claim comes before the refresh token is sent, and holds only if nothing else was stored meanwhile: the holder
   * before may have refreshed. It ends once the new session is stored. Another process that got it earlier would send a
   * spent refresh token, and the service would revoke the session (RFC 9700 §4.14.2).
   *
   * @throws as `TokenManager.getAccessToken`
   */
  async refresh(need: AccessTokenOptions): Promise<Session> {
    // Not while a refresh token may be on its way.
    await this.#storeKept().catch(() => undefined);
    this.#isRefreshing = true;
    try {
      return await this.#refresh(need);
    } finally {
      this.#isRefreshing = false;
    }
  }

  async #refresh(need: AccessTokenOptions): Promise<Session> {
    const startedAt = this.#options.clock.monotonic();
    const begunAgain = new Set<string>();
    for (;;) {
      const found = await this.look();
      const { session } = found;
      if (this.#current.isEnough(session, need)) return session;
      let claim: Claim | undefined;
      try {
        claim = this.#kept?.claim ?? (await this.#claim(found, need, startedAt));
      } catch (error) {
        return this.#fallBack(session, need, error);
      }
      // Something else was stored: perhaps a token that needs no claim.
      if (claim === undefined) continue;
      try {
        const answer = await this.#request(session, claim, startedAt);
        if ("next" in answer) {
          const next = { ...answer.next, refreshedBy: this.#options.by };
          const stored = await this.#store({ session: next, stored: found.stored, claim });
          if (stored === undefined) continue;
          // Only now: the refresh token must be stored first.
          if (answer.tokens.expires_in === 0) throw expiredOnArrival(session);
          return stored;
        }
        const reason = await this.#reasonToBeginAgain(session, answer.error);
        if (reason === undefined || begunAgain.has(reason)) return await this.#giveUp(session, need, answer.error);
        begunAgain.add(reason);
      } finally {
        // Held while a spent refresh token is stored: another process would send it, and end the session.
        if (this.#kept?.claim !== claim) await claim.release();
      }
    }
  }

  /** The newest session, even if only in memory. Fails as {@link CurrentSession.load}. */
  async look(): Promise<FoundSession> {
    return this.#kept ?? this.#current.load();
  }

  /**
   * Ends the session of a token that the service refused for good. Throws `session_ended` unless another token replaced
   * it.
   */
  async end(accessToken: string): Promise<void> {
    // A new login may have replaced the kept session.
    if (!this.#isRefreshing) await this.#storeKept().catch(() => undefined);
    const kept = this.#kept;
    const { profile } = await this.#current.inUse();
    const session = kept?.session ?? profile?.session;
    // Removed already, by a faster request or process.
    if (session === undefined) throw this.#ended(profile);
    if (session.accessToken.reveal() !== accessToken) return;
    try {
      await this.#remove(session);
    } finally {
      await kept?.claim.release();
    }
  }

  /**
   * Stores what could not be stored before, with a short wait for a store that refuses it.
   * @throws {@link AuthError} `storage_…`
   */
  async close(): Promise<void> {
    const { clock } = this.#options;
    const until = clock.monotonic() + (this.#kept?.claim.outageMs ?? 0);
    for (let waitMs = firstTryMs; this.#kept !== undefined; waitMs *= 2) {
      try {
        await this.#storeKept();
      } catch (error) {
        if (error instanceof NotAuthenticatedError || clock.monotonic() + waitMs > until) throw error;
        await clock.sleep(waitMs);
      }
    }
  }

  #claim({ session, stored }: FoundSession, need: AccessTokenOptions, startedAt: number): Promise<Claim | undefined> {
    const { store, clock } = this.#options;
    const isGood = need.rejected !== session.accessToken.reveal() && remainingMs(session, clock.now()) > comfortableMs;
    const waited = clock.monotonic() - startedAt;
    return store.claim(stored, {
      timeoutMs: Math.max(0, (isGood ? retryBudgetMs : holderLimitMs) - waited),
      whileAtWorkMs: Math.max(0, (isGood ? retryBudgetMs : answerLimitMs) - waited),
    });
  }

  async #request(
    session: Session,
    claim: Claim,
    startedAt: number,
  ): Promise<Awaited<ReturnType<typeof requestRefresh>> | { readonly error: unknown }> {
    const { clock, fetch, random, events } = this.#options;
    if (session.refreshToken === undefined)
      return {
        error: this.#ended(undefined, undefined, "the access token expired, and the service gave no refresh token"),
      };
    return requestRefresh(session, session.refreshToken, {
      profile: this.#current.profile,
      clock,
      fetch,
      random,
      onWait: (awaited) => events.emit("waiting", awaited),
      isHeld: () => claim.isHeld(),
      waitedMs: clock.monotonic() - startedAt,
    }).catch((error: unknown) => ({ error }));
  }

  /**
   * Stores a refreshed session, or keeps it and the claim in memory and tries again. Undefined when a new login came
   * first, whose token may not be enough either.
   */
  async #store(next: KeptSession): Promise<Session | undefined> {
    const isFirst = this.#kept === undefined;
    this.#kept = next;
    try {
      return await this.#storeKept();
    } catch (error) {
      if (!(error instanceof AuthError) || error instanceof NotAuthenticatedError) throw error;
      this.#options.events.emit("unsaved", { profile: this.#current.profile, error });
      if (isFirst) void this.#keepTrying();
      this.#current.hold(next.session);
      return next.session;
    }
  }

  /** In the background: neither callers nor other processes should depend on the next request here. */
  async #keepTrying(): Promise<void> {
    for (let waitMs = firstTryMs; this.#kept !== undefined; waitMs = Math.min(2 * waitMs, slowestTryMs)) {
      await this.#options.clock.sleep(waitMs, { background: true });
      // A logout meanwhile is no failure; callers hear of every other one.
      if (!this.#isRefreshing) await this.#storeKept().catch(() => undefined);
    }
  }

  /** Stores the kept session, once for all callers. Undefined when there is none, or a new login came first. */
  #storeKept(): Promise<Session | undefined> {
    const kept = this.#kept;
    if (kept === undefined) return Promise.resolve(undefined);
    return (this.#storing ??= this.#replace(kept).finally(() => (this.#storing = undefined)));
  }

  /** Replaces the old session, unless a logout or a new login came first: that one counts (S-003). */
  async #replace({ session: next, claim }: KeptSession): Promise<Session | undefined> {
    const stored = await claim.store(next);
    this.#kept = undefined;
    const { session } = await this.#current.sessionIn(stored);
    const isOurs = session.id === next.id && session.accessToken.equals(next.accessToken) && isSameToken(session, next);
    this.#current.hold(isOurs ? next : session);
    this.#current.announce(isOurs ? "refreshed" : "adopted", session);
    return isOurs ? next : undefined;
  }

  /**
   * Whether another holder has refreshed or is about to, despite this claim: another machine that could not see it, or
   * a process that took it over during a stop. Its session counts, and everything begins again, once for each reason.
   */
  async #reasonToBeginAgain(session: Session, error: unknown): Promise<"lost" | "replaced" | undefined> {
    const verdict = judgeRefreshFailure(error);
    // Nothing was sent.
    if (error instanceof AuthError && error.code === "lock_unavailable") return "lost";
    if (session.refreshToken === undefined || (verdict !== "dead" && verdict !== "replayed")) return undefined;
    const { clock } = this.#options;
    const waitMs =
      verdict === "replayed" && error instanceof ServiceError ? Math.min(error.retryAfterMs ?? 0, retryBudgetMs) : 0;
    for (const until = clock.monotonic() + waitMs; ; await clock.sleep(50)) {
      const now = (await this.#current.load()).session;
      // While this session is kept in memory, its predecessor is stored.
      if (now.id !== session.id || (!isSameToken(now, session) && now.refreshes >= session.refreshes)) {
        this.#kept = undefined;
        return "replaced";
      }
      if (clock.monotonic() >= until) return undefined;
    }
  }

  async #giveUp(session: Session, need: AccessTokenOptions, error: unknown): Promise<Session> {
    const verdict = judgeRefreshFailure(error);
    if (session.refreshToken !== undefined && verdict === "dead") return this.#remove(session, error);
    return this.#fallBack(
      session,
      need,
      verdict === "replayed" ? refreshedElsewhere(this.#current.profile, error) : error,
    );
  }

  /**
   * The one place that removes an expired or revoked session: only if it is the stored one (S-002), or the spent
   * predecessor of the refused one.
   */
  async #remove(refused: Session, cause?: unknown): Promise<never> {
    const { profile } = this.#current;
    const isKept = this.#kept?.session === refused;
    this.#current.forget();
    this.#kept = undefined;
    const { store, clock, events, by } = this.#options;
    const [now, ends] = [clock.now(), endOf(refused)];
    const end = ends <= now ? ({ reason: "expired", at: ends } as const) : ({ reason: "revoked", at: now } as const);
    let isRemoved = false;
    const withoutRefused = (stored: Profile | undefined): Profile | undefined => {
      const session = stored?.session;
      isRemoved = session?.id === refused.id && (isKept || isSameToken(session, refused));
      return stored !== undefined && isRemoved ? withoutLogin(stored, { ...end, by, cause }) : stored;
    };
    let after: Profile | undefined;
    try {
      after = await store.change(profile, withoutRefused);
      if (isRemoved) events.emit("ended", { profile, reason: end.reason });
    } catch (error) {
      // The service will refuse it again; the user must learn now that the session ended.
      if (!(error instanceof AuthError)) throw error;
    }
    // Some errors say more.
    throw cause instanceof NotAuthenticatedError ? cause : this.#ended(after, cause);
  }

  /** A token that is still valid is better than an error. */
  #fallBack(session: Session, need: AccessTokenOptions, error: unknown): Session {
    if (!(error instanceof AuthError)) throw error;
    this.#options.events.emit("refused", { profile: this.#current.profile, error });
    if (need.rejected === session.accessToken.reveal() || remainingMs(session, this.#options.clock.now()) <= 0)
      throw error;
    return session;
  }

  /** `profile`: as stored now, if readable. */
  #ended(
    profile: Profile | undefined,
    cause?: unknown,
    message: string = "Session expired or revoked",
  ): NotAuthenticatedError {
    const { session, ended } = profile ?? {};
    const why = session === undefined && ended !== undefined ? `: ${whyEnded(ended)}` : "";
    return new NotAuthenticatedError(`${message}${why}`, {
      code: "session_ended",
      hint: hint`Run: ${login(this.#current.profile)}`,
      cause,
    });
  }
}

function expiredOnArrival({ server }: Session): ServiceError {
  return new ServiceError(
    "service_answer_invalid",
    `"${server.token_endpoint}" sent an access token that has already expired ("expires_in")`,
    {
      status: 200,
      hint: "The session was renewed and stored. If this happens every time, the service needs to be fixed",
    },
  );
}

function refreshedElsewhere(profile: string, cause: unknown): ServiceError {
  return new ServiceError(
    "service_unavailable",
    "another process has refreshed this session, but did not store it here",
    {
      status: 409,
      hint: hint`Try again in a moment. If it happens every time, log in again: ${login(profile, "--force")}`,
      cause,
    },
  );
}
