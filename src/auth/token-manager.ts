import { EventEmitter } from "node:events";
import { AuthError, NotAuthenticatedError, ServiceError } from "../errors.ts";
import type { Clock } from "../platform/clock.ts";
import type { Reservation } from "../platform/private-file.ts";
import type { ProcessLock } from "../platform/process-lock.ts";
import type { Secret } from "../secret.ts";
import type { Fetch } from "./oauth/exchange.ts";
import { judgeRefreshFailure } from "./oauth/refresh.ts";
import type { TokenResponse } from "./oauth/token-endpoint.ts";
import { isSameSession, remainingMs, sessionTokens, unknownProfile, type Profile, type Session } from "./session.ts";
import { refreshLockName, type SessionStore } from "./session-store.ts";
import { hold, isEnough, type AccessTokenOptions, type Held } from "./token-manager/freshness.ts";
import { keepFresh } from "./token-manager/keep-fresh.ts";
import { refreshLimitMs, requestRefresh, retryBudgetMs } from "./token-manager/refresh-request.ts";

export type { AccessTokenOptions } from "./token-manager/freshness.ts";

/** Longer than a holder that lives and runs needs. */
const lockLimitMs = refreshLimitMs + 5_000;

/** What a token manager tells its embedder. No event holds a secret. */
export interface TokenEvents {
  /** A refresh succeeded and is stored. `expiresAt`: milliseconds since 1970, undefined when the service does not say. */
  refreshed: [{ profile: string; expiresAt: number | undefined }];
  /** A token that another process stored was taken over without a request. */
  adopted: [{ profile: string; expiresAt: number | undefined }];
  /** A refresh failed. */
  refused: [{ profile: string; error: AuthError }];
  /** The session is over and was removed. */
  cleared: [{ profile: string }];
  /** The refreshed session could not be stored: it lives in this process only until a later try succeeds. */
  unsaved: [{ profile: string; error: AuthError }];
}

/** What a {@link TokenManager} works with. */
export interface TokenManagerOptions {
  store: SessionStore;
  /** The profile whose tokens are given out; undefined: the one that is active when the first token is asked for. */
  profile?: string | undefined;
  /** The service that the caller means to talk to; undefined: the profile's own, from the first look on. */
  service?: string | undefined;
  /** A token to give out as it is (`SPEC_KITTY_ACCESS_TOKEN`): nothing is read, stored or refreshed then. */
  accessToken?: Secret | undefined;
  clock: Clock;
  fetch: Fetch;
  /** From 0 to 1, for jitter; `Math.random` by default. */
  random?: () => number;
}

/** A refresh under way, and what it was begun for. */
interface Pending {
  readonly session: Promise<Session>;
  readonly minValidityMs: number;
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
 * The one source of access tokens. Any number of callers in any number of processes cause one refresh: in this process
 * they share one promise, across processes one lock, and whoever gets the lock first looks whether the work is done.
 */
export class TokenManager {
  readonly events: EventEmitter<TokenEvents> = new EventEmitter();
  readonly #options: TokenManagerOptions;
  readonly #random: () => number;
  #profile: string | undefined;
  #service: string | undefined;
  #held: Held | undefined;
  #pending: Pending | undefined;
  #unsaved: Unsaved | undefined;

  constructor(options: TokenManagerOptions) {
    this.#options = options;
    this.#profile = options.profile;
    this.#service = options.service;
    this.#random = options.random ?? Math.random;
  }

  /**
   * A valid access token, refreshed when that is needed.
   *
   * @throws {@link NotAuthenticatedError} when nobody is logged in or the session is over; {@link AuthError}
   * `network_unavailable`, `service_unavailable`, `lock_unavailable` or `storage_…` when a refresh was needed and could not
   * be done: the session is then as it was. The signal's reason when it aborts.
   */
  async getAccessToken(options: AccessTokenOptions = {}): Promise<string> {
    if (this.#options.accessToken) return this.#options.accessToken.reveal();
    const held = this.#usable(options);
    return held === undefined ? (await this.getSession(options)).accessToken.reveal() : held.token;
  }

  /**
   * The session that {@link TokenManager.getAccessToken} takes its token from: for what else it knows, such as its teams.
   * Same parameters and failures.
   */
  async getSession(options: AccessTokenOptions = {}): Promise<Session> {
    options.signal?.throwIfAborted();
    for (;;) {
      const held = this.#usable(options);
      if (held !== undefined) return held.session;
      const shared = this.#pending;
      const pending = shared ?? this.#begin(options);
      const session = await abortable(pending.session, options.signal);
      if (shared === undefined || this.#hasServed(shared, session, options)) return session;
    }
  }

  /**
   * Refreshes once, whether that is needed or not. Joins a refresh that is under way.
   *
   * @throws as {@link TokenManager.getAccessToken}
   */
  async refresh({ signal }: { signal?: AbortSignal } = {}): Promise<Session> {
    const session = this.#unsaved?.next ?? (await this.#load());
    return this.getSession({ rejected: session.accessToken.reveal(), ...(signal && { signal }) });
  }

  /**
   * Keeps the token warm: refreshes it before it ends, again and again, without keeping the process alive.
   *
   * @param options - `signal` ends it
   * @returns when the signal aborts
   * @throws {@link NotAuthenticatedError} when the session is over
   */
  keepFresh({ signal }: { signal: AbortSignal }): Promise<void> {
    const renew = (minValidityMs: number): Promise<Session> => this.getSession({ minValidityMs, signal });
    return keepFresh(renew, { clock: this.#options.clock, random: this.#random, signal });
  }

  /**
   * To be called before the process ends: a refresh under way is waited for, and what could not be stored is tried once more.
   *
   * @throws {@link AuthError} `storage_…` when the session is lost with this process
   */
  async close(): Promise<void> {
    await this.#pending?.session.catch(() => undefined);
    if (this.#unsaved === undefined) return;
    try {
      await this.#save(this.#unsaved);
    } catch (error) {
      // Logged out meanwhile: then there is nothing to be lost.
      if (error instanceof NotAuthenticatedError) return;
      if (!(error instanceof AuthError)) throw error;
      throw new AuthError(error.code, `the refreshed session could not be stored and ends with this process: ${error.message}`, {
        hint: "Once there is room, log in again: spec-kitty auth login --force",
        cause: error,
      });
    }
  }

  /**
   * The service that the tokens are for, and the only one that they may be sent to (S-001). It stays the same for the life
   * of this manager: tokens of another, which a later login may have brought, are refused instead of given out.
   *
   * @returns its address, without a trailing `/`
   * @throws {@link AuthError} `configuration_invalid` when nothing names a service
   */
  async service(): Promise<string> {
    this.#service ??= (await this.#loadProfile())?.service;
    if (this.#service !== undefined) return this.#service;
    throw new AuthError("configuration_invalid", `no service is known for profile "${this.profile}"`, {
      hint: "Give its address: export SPEC_KITTY_SAAS_URL=https://service.example",
    });
  }

  /**
   * To be told when the service says that the session of a token is over. What is stored goes only if it is that session
   * still (S-002).
   *
   * @param accessToken - the token that was refused
   * @returns when another token has taken its place, which may be good
   * @throws {@link NotAuthenticatedError} `session_ended` when there is none
   */
  async sessionRefused(accessToken: string): Promise<void> {
    if (this.#options.accessToken) {
      throw new NotAuthenticatedError("the service refuses the access token that was given to this program", {
        code: "session_ended",
        hint: "Set SPEC_KITTY_ACCESS_TOKEN to a new one",
      });
    }
    if (this.#unsaved !== undefined) await this.#save(this.#unsaved).catch(() => undefined);
    const unsaved = this.#unsaved;
    const current = unsaved?.next ?? (await this.#loadProfile())?.session;
    // Gone already: another request, or another process, was told the same and was faster.
    if (current === undefined) throw sessionOver();
    if (current.accessToken.reveal() !== accessToken) return;
    try {
      await this.#end(unsaved?.expected ?? current, undefined);
    } finally {
      unsaved?.lock.release();
    }
  }

  /** The profile's name, once it is settled. */
  get profile(): string {
    return this.#profile ?? "default";
  }

  /** What this process holds, if it will do. While the disk has an old session, every caller is a reason to try that again. */
  #usable(need: AccessTokenOptions): Held | undefined {
    const held = this.#held;
    return held !== undefined && this.#unsaved === undefined && isEnough(held, need, this.#options.clock) ? held : undefined;
  }

  #begin(need: AccessTokenOptions): Pending {
    const session = this.#renew(need).finally(() => (this.#pending = undefined));
    return (this.#pending = { session, minValidityMs: need.minValidityMs ?? 0 });
  }

  /**
   * Whether what others waited for will do for this caller too. It need not be enough: a token that nobody could refresh
   * and that is still good is given to all who wait, or each of them would ask the failing service in turn.
   */
  #hasServed(pending: Pending, session: Session, need: AccessTokenOptions): boolean {
    if (session.accessToken.reveal() === need.rejected) return false;
    return (need.minValidityMs ?? 0) <= pending.minValidityMs || isEnough(this.#hold(session), need, this.#options.clock);
  }

  #hold(session: Session): Held {
    return (this.#held = hold(session, this.#held, this.#options.clock));
  }

  /** What is stored now. */
  async #load(): Promise<Session> {
    return this.#sessionOf(await this.#loadProfile());
  }

  async #loadProfile(): Promise<Profile | undefined> {
    const { store, profile: named } = this.#options;
    const stored = await store.read();
    // Settled once: a switch made elsewhere does not change whose name a running program acts in.
    this.#profile ??= stored.active;
    const profile = stored.profiles.get(this.profile);
    if (profile === undefined && named !== undefined) throw unknownProfile(named, stored);
    return profile;
  }

  #sessionOf(profile: Profile | undefined): Session {
    if (profile?.session === undefined) throw this.#notLoggedIn();
    this.#service ??= profile.service;
    // S-001: what one service issued is never sent to another, whatever the environment says now.
    if (this.#service !== profile.service) {
      throw new NotAuthenticatedError(`profile "${this.profile}" is logged in to ${profile.service}, not to ${this.#service}`, {
        hint: `Log in there under another name: spec-kitty auth login --profile NAME`,
      });
    }
    return profile.session;
  }

  async #renew(need: AccessTokenOptions): Promise<Session> {
    const { store, clock } = this.#options;
    if (this.#unsaved !== undefined) await this.#save(this.#unsaved).catch(() => undefined);
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
        // While waiting, look at the file: what the holder of the lock has stored can be used at once, lock or no lock.
        const left = Math.max(0, lockLimitMs - (clock.monotonic() - startedAt));
        lock = await store.lock(refreshLockName(this.profile), left, () => store.mark() !== mark);
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
    const { store, clock, fetch } = this.#options;
    if (session.refreshToken === undefined) return this.#unrefreshed(session, turn.need, noRefreshToken());
    let reservation: Reservation | undefined;
    let tokens: TokenResponse;
    try {
      // Before the token is spent: a full disk or a folder that cannot be written must not cost the session. Once the disk
      // has a spent one, there is nothing there to be lost.
      if (this.#unsaved === undefined) reservation = store.reserve();
      tokens = await requestRefresh(session, session.refreshToken, { clock, fetch, random: this.#random, lock: turn.lock, waitedMs: turn.waitedMs });
    } catch (error) {
      reservation?.discard();
      return this.#afterFailure(session, turn, error);
    }
    const next: Session = { ...session, ...sessionTokens(tokens, clock.now(), session) };
    this.#unsaved = { expected: this.#unsaved?.expected ?? session, next, lock: turn.lock };
    try {
      return await this.#save(this.#unsaved, reservation);
    } catch (error) {
      if (!(error instanceof AuthError) || error instanceof NotAuthenticatedError) throw error;
      this.events.emit("unsaved", { profile: this.profile, error });
      return this.#hold(next).session;
    } finally {
      reservation?.discard();
    }
  }

  /** Stores what was refreshed, unless a logout or a new login came first; then that is what counts (S-003). */
  async #save({ expected, next, lock }: Unsaved, reservation?: Reservation): Promise<Session> {
    const stored = await this.#options.store.replaceSession(this.profile, expected, next, reservation);
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
    return this.#unrefreshed(session, turn.need, verdict === "replayed" ? refreshedElsewhere(error) : error);
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
  async #end(stored: Session, cause: unknown): Promise<never> {
    this.#held = undefined;
    this.#unsaved = undefined;
    try {
      if (await this.#options.store.clearSession(this.profile, stored)) this.events.emit("cleared", { profile: this.profile });
    } catch (error) {
      // It will be refused again the next time; what the user has to know now is that it is over.
      if (!(error instanceof AuthError)) throw error;
    }
    throw sessionOver(cause);
  }

  /** A token that could not be refreshed and is still good is better than an error. */
  #unrefreshed(session: Session, need: AccessTokenOptions, error: unknown): Session {
    if (!(error instanceof AuthError)) throw error;
    this.events.emit("refused", { profile: this.profile, error });
    if (need.rejected === session.accessToken.reveal() || remainingMs(session, this.#options.clock.now()) <= 0) throw error;
    return session;
  }

  #notLoggedIn(): NotAuthenticatedError {
    this.#held = undefined;
    return new NotAuthenticatedError(`not logged in (profile "${this.profile}")`);
  }

  #emit(event: "refreshed" | "adopted", session: Session): void {
    this.events.emit(event, { profile: this.profile, expiresAt: session.accessTokenExpiresAt });
  }
}

function sessionOver(cause?: unknown): NotAuthenticatedError {
  return new NotAuthenticatedError("Session expired or revoked. Run: spec-kitty auth login", { code: "session_ended", cause });
}

function noRefreshToken(): NotAuthenticatedError {
  return new NotAuthenticatedError("the access token is over, and the service gave no refresh token", { code: "session_ended" });
}

function refreshedElsewhere(cause: unknown): ServiceError {
  return new ServiceError("service_unavailable", "another program has just refreshed this session, and what it got is not stored here", {
    status: 409,
    hint: "Try again in a moment. If it stays so, log in again: spec-kitty auth login --force",
    cause,
  });
}

/** Waits for a promise that others wait for too: a signal ends this wait and not the work. */
function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}
