import type { EventEmitter } from "node:events";
import { AuthError, NotAuthenticatedError, ServiceError } from "../../base/errors.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Reservation } from "../../platform/files.ts";
import type { ProcessLock } from "../../platform/process-lock/process-lock.ts";
import type { Fetch } from "../../http/request.ts";
import { judgeRefreshFailure } from "../oauth/refresh.ts";
import type { TokenResponse } from "../oauth/token-endpoint.ts";
import { isSameSession, loginCommand, remainingMs, sessionTokens, type Profile, type Session } from "../session.ts";
import { refreshLockName, type SessionStore } from "../session-store.ts";
import type { TokenEvents } from "./events.ts";
import { hold, isEnough, type AccessTokenOptions, type Held } from "./freshness.ts";
import { refreshLimitMs, requestRefresh, retryBudgetMs } from "./refresh-request.ts";
import type { StoredProfile } from "./stored-profile.ts";

/** Longer than a holder that lives and runs needs, in milliseconds. */
const lockLimitMs = refreshLimitMs + 5_000;

/** What a {@link Renewal} works with. */
export interface RenewalOptions {
  store: SessionStore;
  profile: StoredProfile;
  clock: Clock;
  fetch: Fetch;
  /** From 0 to 1, for jitter. */
  random: () => number;
  events: EventEmitter<TokenEvents>;
}

/** A refreshed session that the disk has not taken yet, the one it replaces there, and the lock that keeps others from that one. */
interface Unsaved {
  readonly expected: Session;
  readonly next: Session;
  readonly lock: ProcessLock;
}

/** What a refresh is done for and under. */
interface Turn {
  readonly need: AccessTokenOptions;
  readonly lock: ProcessLock;
  /** How long the lock was waited for, in milliseconds. */
  readonly waitedMs: number;
  /** The session that was refused as replaced or over, when this is the try with its successor. */
  readonly successorOf?: Session;
}

/**
 * One process's turn at renewing a session: lock, read again, refresh, store, release. It keeps what was stored last in
 * memory, and in memory alone what the disk would not take.
 */
export class Renewal {
  readonly #options: RenewalOptions;
  readonly #profile: StoredProfile;
  readonly #events: EventEmitter<TokenEvents>;
  #held: Held | undefined;
  #unsaved: Unsaved | undefined;

  constructor(options: RenewalOptions) {
    this.#options = options;
    this.#profile = options.profile;
    this.#events = options.events;
  }

  /** What this process holds, if it will do. While the disk has an old session, every caller is a reason to try that again. */
  usable(need: AccessTokenOptions): Held | undefined {
    const held = this.#held;
    return held !== undefined && this.#unsaved === undefined && isEnough(held, need, this.#options.clock) ? held : undefined;
  }

  /** Whether a session, which {@link Renewal.renew} gave to somebody, is enough for somebody else. */
  suffices(session: Session, need: AccessTokenOptions): boolean {
    return isEnough(this.#hold(session), need, this.#options.clock);
  }

  /** The session as it is now, good or not. */
  async current(): Promise<Session> {
    return this.#unsaved?.next ?? (await this.#load());
  }

  /**
   * A session that is enough, refreshed if need be. One call at a time.
   * @throws as `TokenManager.getAccessToken`
   */
  async renew(need: AccessTokenOptions): Promise<Session> {
    const { store, clock } = this.#options;
    if (this.#unsaved !== undefined) await this.save().catch(() => undefined);
    if (this.#unsaved !== undefined) {
      const { next, lock } = this.#unsaved;
      return this.#adopt(next, need) ? next : this.#underLock(lock, () => this.#refresh(next, { need, lock, waitedMs: 0 }));
    }
    const startedAt = clock.monotonic();
    for (;;) {
      const mark = store.mark();
      const session = await this.#load();
      if (this.#adopt(session, need)) return session;
      let lock: ProcessLock | undefined;
      try {
        // While waiting, look at the file: what the holder of the lock has stored can be used at once, lock or no lock. Who has
        // a token that is still good does not wait for a holder who is stopped, or whom the service keeps waiting.
        const isGood = need.rejected !== session.accessToken.reveal() && remainingMs(session, clock.now()) > refreshLimitMs;
        const left = Math.max(0, (isGood ? retryBudgetMs : lockLimitMs) - (clock.monotonic() - startedAt));
        lock = await store.lock(refreshLockName(this.#profile.name), left, () => store.mark() !== mark);
      } catch (error) {
        return this.#unrefreshed(session, need, error);
      }
      if (lock === undefined) continue;
      const turn: Turn = { need, lock, waitedMs: clock.monotonic() - startedAt };
      return this.#underLock(lock, async () => {
        // Again, under the lock: the process that had it before may have refreshed.
        const current = await this.#load();
        return this.#adopt(current, need) ? current : this.#refresh(current, turn);
      });
    }
  }

  /**
   * Stores what could not be stored before, if there is anything.
   * @throws {@link AuthError} `storage_…`; {@link NotAuthenticatedError} when there is no session any more
   */
  async save(): Promise<void> {
    if (this.#unsaved !== undefined) await this.#store(this.#unsaved);
  }

  /**
   * To be told that the service has refused a token, and its session with it.
   * @returns when another token has taken its place
   * @throws {@link NotAuthenticatedError} `session_ended` when there is none
   */
  async refused(accessToken: string): Promise<void> {
    await this.save().catch(() => undefined);
    const unsaved = this.#unsaved;
    const current = unsaved?.next ?? (await this.#profile.read())?.session;
    // Gone already: another request, or another process, was told the same and was faster.
    if (current === undefined) throw sessionOver(this.#profile.name);
    if (current.accessToken.reveal() !== accessToken) return;
    try {
      await this.#end(unsaved?.expected ?? current);
    } finally {
      unsaved?.lock.release();
    }
  }

  #hold(session: Session): Held {
    return (this.#held = hold(session, this.#held, this.#options.clock));
  }

  /** What is stored now. */
  async #load(): Promise<Session> {
    return this.#sessionOf(await this.#profile.read());
  }

  #sessionOf(profile: Profile | undefined): Session {
    try {
      return this.#profile.sessionOf(profile);
    } catch (error) {
      this.#held = undefined;
      throw error;
    }
  }

  async #underLock(lock: ProcessLock, work: () => Promise<Session>): Promise<Session> {
    try {
      return await work();
    } finally {
      // Kept while the disk has a spent refresh token: another process would present it, and end the session.
      if (this.#unsaved === undefined) lock.release();
    }
  }

  #adopt(session: Session, need: AccessTokenOptions): boolean {
    const known = this.#held?.session;
    const isGood = isEnough(this.#hold(session), need, this.#options.clock);
    if (isGood && known !== undefined && !known.accessToken.equals(session.accessToken)) this.#emit("adopted", session);
    return isGood;
  }

  /** Spends the refresh token, under the lock. */
  async #refresh(session: Session, turn: Turn): Promise<Session> {
    const { store, clock, fetch, random } = this.#options;
    if (session.refreshToken === undefined) return this.#unrefreshed(session, turn.need, noRefreshToken(this.#profile.name));
    let reservation: Reservation | undefined;
    let tokens: TokenResponse;
    try {
      // Before the token is spent: a full disk or a folder that cannot be written must not cost the session. Once the disk
      // has a spent one, there is nothing there to be lost.
      if (this.#unsaved === undefined) reservation = store.reserve();
      tokens = await requestRefresh(session, session.refreshToken, { profile: this.#profile.name, clock, fetch, random, lock: turn.lock, waitedMs: turn.waitedMs });
    } catch (error) {
      reservation?.discard();
      return this.#afterFailure(session, turn, error);
    }
    const next: Session = { ...session, ...sessionTokens(tokens, clock.now(), session) };
    this.#unsaved = { expected: this.#unsaved?.expected ?? session, next, lock: turn.lock };
    let renewed: Session;
    try {
      renewed = await this.#store(this.#unsaved, reservation);
    } catch (error) {
      if (!(error instanceof AuthError) || error instanceof NotAuthenticatedError) throw error;
      this.#events.emit("unsaved", { profile: this.#profile.name, error });
      renewed = this.#hold(next).session;
    } finally {
      reservation?.discard();
    }
    // Only now: its refresh token is the one that there is.
    if (tokens.expires_in === 0 && renewed.accessToken.equals(tokens.access_token)) throw overAlready(session);
    return renewed;
  }

  /** Stores what was refreshed, unless a logout or a new login came first; then that is what counts (S-003). */
  async #store({ expected, next, lock }: Unsaved, reservation?: Reservation): Promise<Session> {
    const stored = await this.#options.store.replaceSession(this.#profile.name, expected, next, reservation);
    this.#unsaved = undefined;
    lock.release();
    const session = this.#sessionOf(stored);
    this.#hold(session);
    this.#emit(isSameSession(session, next) ? "refreshed" : "adopted", session);
    return session;
  }

  async #afterFailure(session: Session, turn: Turn, error: unknown): Promise<Session> {
    const verdict = judgeRefreshFailure(error);
    if ((verdict === "dead" || verdict === "replayed") && turn.successorOf === undefined) {
      // Another holder whom the lock does not reach (another machine on the same home) may have stored its successor.
      const askedMs = verdict === "replayed" && error instanceof ServiceError ? (error.retryAfterMs ?? 0) : 0;
      const stored = await this.#successor(this.#unsaved?.expected ?? session, Math.min(askedMs, retryBudgetMs));
      if (stored !== undefined) {
        this.#unsaved = undefined;
        return this.#adopt(stored, turn.need) ? stored : this.#refresh(stored, { ...turn, successorOf: session });
      }
    }
    if (verdict === "dead") return this.#end(this.#unsaved?.expected ?? session, error);
    return this.#unrefreshed(session, turn.need, verdict === "replayed" ? refreshedElsewhere(this.#profile.name, error) : error);
  }

  /** The session that has taken the place of one on disk, waiting for it a little. */
  async #successor(session: Session, waitMs: number): Promise<Session | undefined> {
    const { clock } = this.#options;
    const until = clock.monotonic() + waitMs;
    for (;;) {
      const stored = await this.#load();
      if (!isSameSession(stored, session)) return stored;
      if (clock.monotonic() >= until) return undefined;
      await clock.sleep(50);
    }
  }

  /** The service says that the session is over. It goes, if it is the one that is stored (S-002). */
  async #end(stored: Session, cause?: unknown): Promise<never> {
    this.#held = undefined;
    this.#unsaved = undefined;
    try {
      if (await this.#options.store.clearSession(this.#profile.name, stored)) this.#events.emit("cleared", { profile: this.#profile.name });
    } catch (error) {
      // It will be refused again the next time; what the user has to know now is that it is over.
      if (!(error instanceof AuthError)) throw error;
    }
    // One that says more than that it is over.
    throw cause instanceof NotAuthenticatedError ? cause : sessionOver(this.#profile.name, cause);
  }

  /** A token that could not be refreshed and is still good is better than an error. */
  #unrefreshed(session: Session, need: AccessTokenOptions, error: unknown): Session {
    if (!(error instanceof AuthError)) throw error;
    this.#events.emit("refused", { profile: this.#profile.name, error });
    if (need.rejected === session.accessToken.reveal() || remainingMs(session, this.#options.clock.now()) <= 0) throw error;
    return session;
  }

  #emit(event: "refreshed" | "adopted", session: Session): void {
    this.#events.emit(event, { profile: this.#profile.name, expiresAt: session.accessTokenExpiresAt });
  }
}

function sessionOver(profile: string, cause?: unknown): NotAuthenticatedError {
  const hint = `Run: ${loginCommand(profile)}`;
  return new NotAuthenticatedError(`Session expired or revoked. ${hint}`, { code: "session_ended", hint, cause });
}

function noRefreshToken(profile: string): NotAuthenticatedError {
  return new NotAuthenticatedError("the access token is over, and the service gave no refresh token", { code: "session_ended", hint: `Run: ${loginCommand(profile)}` });
}

function overAlready({ server }: Session): ServiceError {
  return new ServiceError("service_answer_invalid", `"${server.token_endpoint}" sent an access token that is over already ("expires_in")`, {
    status: 200,
    hint: "You are still logged in. Try again; if it stays so, the service has to be mended",
  });
}

function refreshedElsewhere(profile: string, cause: unknown): ServiceError {
  return new ServiceError("service_unavailable", "another program has just refreshed this session, and what it got is not stored here", {
    status: 409,
    hint: `Try again in a moment. If it stays so, log in again: ${loginCommand(profile)} --force`,
    cause,
  });
}
