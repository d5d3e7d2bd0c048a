import { AuthError, NotAuthenticatedError, ServiceError, hint, login } from "../../base/errors.ts";
import type { Fetch } from "../../base/runtime-types.ts";
import type { Clock } from "../../platform/clock.ts";
import { judgeRefreshFailure } from "../oauth/refresh.ts";
import type { VaultLock } from "../secure-storage/vault.ts";
import { isSameSession, type Session } from "../session.ts";
import { sessionTokens } from "../session-tokens.ts";
import { refreshLockName, type SessionStore, type StoreReservation } from "../session-store.ts";
import type { AccessTokenOptions } from "./access-token.ts";
import type { AuthEventStream } from "./events.ts";
import { remainingMs, type CurrentSession } from "./current-session.ts";
import { refreshLimitMs, requestRefresh, retryBudgetMs, type RefreshedTokens } from "./refresh-request.ts";

/** Longer than a holder that is alive and running needs, in milliseconds. */
const lockLimitMs = refreshLimitMs + 5_000;

export interface SessionRefresherOptions {
  readonly store: SessionStore;
  readonly current: CurrentSession;
  readonly clock: Clock;
  readonly fetch: Fetch;
  /** From 0 to 1, for jitter. */
  readonly random: () => number;
  readonly events: AuthEventStream;
}

/** New tokens, and the room that was taken for them. */
interface StorableTokens extends RefreshedTokens {
  readonly room: StoreReservation | undefined;
}

/** A refreshed session that the disk has not taken yet, the one that is stored instead, and the lock that keeps others from using that. */
interface UnsavedSession {
  readonly expected: Session;
  readonly next: Session;
  readonly lock: VaultLock;
}

/** Refreshes a session so that its refresh token is spent once, whatever other processes do and whatever fails. */
export class SessionRefresher {
  readonly #options: SessionRefresherOptions;
  readonly #current: CurrentSession;
  #unsaved: UnsavedSession | undefined;

  constructor(options: SessionRefresherOptions) {
    this.#options = options;
    this.#current = options.current;
  }

  /** Whether the disk has an old session. While it has, every caller is a reason to try to store the new one again. */
  get isUnsaved(): boolean {
    return this.#unsaved !== undefined;
  }

  /**
   * A session that is enough for a caller, refreshed if need be. One call at a time.
   *
   * The order is what makes it safe. Everything is looked at again under the lock, since the process that had it before may have
   * refreshed. The room on disk is taken before the refresh token is spent. The lock is released after the new session is stored;
   * a process that gets it earlier would send a spent refresh token, and the service would revoke the session (RFC 9700 §4.14.2).
   *
   * @throws as `TokenManager.getAccessToken`
   */
  async refresh(need: AccessTokenOptions): Promise<Session> {
    await this.save().catch(() => undefined);
    const startedAt = this.#options.clock.monotonic();
    for (let isSuccessor = false; ; ) {
      const mark = this.#options.store.mark();
      const before = await this.load();
      if (this.#current.isEnough(before, need)) return before;
      let lock: VaultLock | undefined;
      try {
        lock = await this.#lock(before, need, startedAt, mark);
      } catch (error) {
        return this.#fallBack(before, need, error);
      }
      if (lock === undefined) continue;
      try {
        const session = await this.load();
        if (this.#current.isEnough(session, need)) return session;
        const answer = await this.#request(session, lock, startedAt);
        if ("tokens" in answer) {
          const stored = await this.#store(session, answer, lock);
          if (stored !== undefined) return stored;
          continue;
        }
        if (isSuccessor || !(await this.#hasSuccessor(session, answer.error)))
          return await this.#giveUp(session, need, answer.error);
        isSuccessor = true;
      } finally {
        // Kept while the disk has a spent refresh token: another process would send it, and end the session.
        if (this.#unsaved?.lock !== lock) lock.release();
      }
    }
  }

  /** The newest session there is: in memory alone when the disk refused it, else as stored. Fails as {@link CurrentSession.load}. */
  async load(): Promise<Session> {
    return this.#unsaved?.next ?? this.#current.load();
  }

  /** Stores what could not be stored before, if there is anything. Throws {@link NotAuthenticatedError} when the session was removed meanwhile. */
  async save(): Promise<void> {
    if (this.#unsaved !== undefined) await this.#replace(this.#unsaved);
  }

  /** Ends the session of a token that the service has refused for good. Throws `session_ended` unless another token has taken its place. */
  async end(accessToken: string): Promise<void> {
    await this.save().catch(() => undefined);
    const unsaved = this.#unsaved;
    const session = unsaved?.next ?? (await this.#current.profileStored())?.session;
    // Gone already: another request, or another process, was told the same and was faster.
    if (session === undefined) throw this.#ended();
    if (session.accessToken.reveal() !== accessToken) return;
    try {
      await this.#clear(unsaved?.expected ?? session);
    } finally {
      unsaved?.lock.release();
    }
  }

  /** @returns undefined when something was stored while this process waited: perhaps a token, which can be used without the lock */
  async #lock(
    session: Session,
    need: AccessTokenOptions,
    startedAt: number,
    mark: string | undefined,
  ): Promise<VaultLock | undefined> {
    if (this.#unsaved !== undefined) return this.#unsaved.lock;
    const { store, clock } = this.#options;
    // A caller whose token is still good does not wait for a holder that is stopped, or that the service keeps waiting.
    const isGood = need.rejected !== session.accessToken.reveal() && remainingMs(session, clock.now()) > refreshLimitMs;
    const left = Math.max(0, (isGood ? retryBudgetMs : lockLimitMs) - (clock.monotonic() - startedAt));
    return store.lock(refreshLockName(this.#current.profile), left, () => store.mark() !== mark);
  }

  /** Takes the room for the next session, then spends the refresh token: a full disk must not cost the session. */
  async #request(session: Session, lock: VaultLock, startedAt: number): Promise<StorableTokens | { error: unknown }> {
    const { store, clock, fetch, random } = this.#options;
    const { profile } = this.#current;
    if (session.refreshToken === undefined)
      return { error: this.#ended(undefined, "the access token expired, and the service gave no refresh token") };
    let room: StoreReservation | undefined;
    try {
      // Once the disk has a spent token, there is nothing on it to lose.
      if (this.#unsaved === undefined) room = await store.reserve();
      return {
        ...(await requestRefresh(session, session.refreshToken, {
          profile,
          clock,
          fetch,
          random,
          lock,
          waitedMs: clock.monotonic() - startedAt,
        })),
        room,
      };
    } catch (error) {
      room?.discard();
      return { error };
    }
  }

  /**
   * Stores a refreshed session, or keeps it in memory, with the lock, until the disk takes it. Undefined when a new login came first: its
   * token may not be enough either.
   */
  async #store(
    session: Session,
    { tokens, sentAt, room }: StorableTokens,
    lock: VaultLock,
  ): Promise<Session | undefined> {
    const next: Session = { ...session, ...sessionTokens(tokens, sentAt, session) };
    this.#unsaved = { expected: this.#unsaved?.expected ?? session, next, lock };
    let stored: Session;
    try {
      stored = await this.#replace(this.#unsaved, room);
    } catch (error) {
      if (!(error instanceof AuthError) || error instanceof NotAuthenticatedError) throw error;
      this.#options.events.emit("unsaved", { profile: this.#current.profile, error });
      stored = this.#current.hold(next).session;
    } finally {
      room?.discard();
    }
    // Only now: its refresh token is the one that counts.
    if (tokens.expires_in === 0 && stored.accessToken.equals(tokens.access_token)) throw expiredOnArrival(session);
    return isSameSession(stored, next) ? stored : undefined;
  }

  /** Puts the new session in place of the old one, unless a logout or a new login came first: then that is what counts (S-003). */
  async #replace({ expected, next, lock }: UnsavedSession, room?: StoreReservation): Promise<Session> {
    const profile = await this.#options.store.replaceSession(this.#current.profile, expected, next, room);
    this.#unsaved = undefined;
    lock.release();
    const session = this.#current.sessionIn(profile);
    this.#current.hold(session);
    this.#current.announce(isSameSession(session, next) ? "refreshed" : "adopted", session);
    return session;
  }

  /**
   * Whether another holder has refreshed although this process has the lock: another machine on the same home folder. What it
   * stored is the session then, and the whole thing begins again with that, once.
   */
  async #hasSuccessor(session: Session, error: unknown): Promise<boolean> {
    const verdict = judgeRefreshFailure(error);
    if (session.refreshToken === undefined || (verdict !== "dead" && verdict !== "replayed")) return false;
    const { clock } = this.#options;
    const refused = this.#unsaved?.expected ?? session;
    const waitMs =
      verdict === "replayed" && error instanceof ServiceError ? Math.min(error.retryAfterMs ?? 0, retryBudgetMs) : 0;
    for (const until = clock.monotonic() + waitMs; ; await clock.sleep(50)) {
      if (!isSameSession(await this.#current.load(), refused)) {
        this.#unsaved = undefined;
        return true;
      }
      if (clock.monotonic() >= until) return false;
    }
  }

  async #giveUp(session: Session, need: AccessTokenOptions, error: unknown): Promise<Session> {
    const verdict = judgeRefreshFailure(error);
    if (session.refreshToken !== undefined && verdict === "dead")
      return this.#clear(this.#unsaved?.expected ?? session, error);
    return this.#fallBack(
      session,
      need,
      verdict === "replayed" ? refreshedElsewhere(this.#current.profile, error) : error,
    );
  }

  /** Removes a session that expired or was revoked, if it is the one that is stored (S-002). */
  async #clear(stored: Session, cause?: unknown): Promise<never> {
    this.#current.forget();
    this.#unsaved = undefined;
    const { profile } = this.#current;
    try {
      const ends = Date.parse(stored.refreshTokenExpiresAt ?? "");
      const reason = ends <= this.#options.clock.now() + stored.clockOffsetMs ? "expired" : "revoked";
      if (await this.#options.store.clearSession(profile, stored))
        this.#options.events.emit("ended", { profile, reason });
    } catch (error) {
      // The service will refuse it again next time; what the user has to know now is that the session ended.
      if (!(error instanceof AuthError)) throw error;
    }
    // Some errors say more than that it ended.
    throw cause instanceof NotAuthenticatedError ? cause : this.#ended(cause);
  }

  /** A token that could not be refreshed and is still good is better than an error. */
  #fallBack(session: Session, need: AccessTokenOptions, error: unknown): Session {
    if (!(error instanceof AuthError)) throw error;
    this.#options.events.emit("refused", { profile: this.#current.profile, error });
    if (need.rejected === session.accessToken.reveal() || remainingMs(session, this.#options.clock.now()) <= 0)
      throw error;
    return session;
  }

  #ended(cause?: unknown, message = "Session expired or revoked"): NotAuthenticatedError {
    return new NotAuthenticatedError(message, {
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
      hint: "You are still logged in. Try again; if it happens every time, the service needs to be fixed",
    },
  );
}

function refreshedElsewhere(profile: string, cause: unknown): ServiceError {
  return new ServiceError(
    "service_unavailable",
    "another program has just refreshed this session, and its result is not stored here",
    {
      status: 409,
      hint: hint`Try again in a moment. If it happens every time, log in again: ${login(profile, "--force")}`,
      cause,
    },
  );
}
