import { EventEmitter } from "node:events";
import { AuthError, NotAuthenticatedError, ServiceError } from "../errors.ts";
import type { Clock } from "../platform/clock.ts";
import type { Reservation } from "../platform/private-file.ts";
import type { ProcessLock } from "../platform/process-lock.ts";
import { Secret } from "../secret.ts";
import { retryDelay } from "./http/retry-delay.ts";
import type { Fetch } from "./oauth/exchange.ts";
import { judgeRefreshFailure, refreshTokenGrant } from "./oauth/refresh.ts";
import type { TokenResponse } from "./oauth/token-endpoint.ts";
import { isSameSession, remainingMs, requiredMs, sessionTokens, type Session } from "./session.ts";
import { refreshLockName, type SessionStore } from "./session-store.ts";

/** One refresh, all its tries and waits together. A holder of the lock is done after this long. */
const refreshLimitMs = 10_000;
/** What our own waiting between the tries may add to the service's time (NFR-005). */
const retryBudgetMs = 3_000;
/** Longer than a holder that lives and runs needs. */
const lockLimitMs = 15_000;

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
  /** The service that the caller means to talk to; undefined: the profile's own. */
  service?: string | undefined;
  /** A token to give out as it is (`SPEC_KITTY_ACCESS_TOKEN`): nothing is read, stored or refreshed then. */
  accessToken?: Secret | undefined;
  clock: Clock;
  fetch: Fetch;
  /** From 0 to 1, for jitter; `Math.random` by default. */
  random?: () => number;
}

/** What a caller needs of an access token. */
export interface AccessTokenOptions {
  /** How long it must still be good, in milliseconds; at least a minute or a tenth of its life, whichever is less. */
  minValidityMs?: number;
  /** A token that the service has just answered with 401: it is replaced unless that has happened already. */
  rejected?: string;
  /** Ends this caller's wait. A refresh that others wait for goes on. */
  signal?: AbortSignal;
}

/** A session in this process's memory, with the two clock readings after which it is no longer looked at without asking. */
interface Held {
  readonly session: Session;
  readonly token: string;
  /** On the monotonic clock, which nobody sets back. */
  readonly endsAtMonotonic: number;
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
  #held: Held | undefined;
  #pending: Promise<Session> | undefined;
  /** A refreshed session that the disk did not take, the one it replaces, and the lock that keeps others from that one. */
  #unsaved: { expected: Session; next: Session; lock: ProcessLock } | undefined;

  constructor(options: TokenManagerOptions) {
    this.#options = options;
    this.#profile = options.profile;
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
      // Others may have asked for less than this caller needs; then one more refresh, which is this caller's own.
      const isOwn = this.#pending === undefined;
      this.#pending ??= this.#renew(options).finally(() => (this.#pending = undefined));
      const session = await abortable(this.#pending, options.signal);
      if (isOwn) return session;
    }
  }

  /**
   * Refreshes once, whether that is needed or not. Joins a refresh that is under way.
   *
   * @throws as {@link TokenManager.getAccessToken}
   */
  async refresh({ signal }: { signal?: AbortSignal } = {}): Promise<Session> {
    const session = await this.#load();
    return this.getSession({ rejected: session.accessToken.reveal(), ...(signal && { signal }) });
  }

  /**
   * Keeps the token warm: refreshes it before it ends, again and again, without keeping the process alive.
   *
   * @param options - `signal` ends it
   * @returns when the signal aborts
   * @throws {@link NotAuthenticatedError} when the session is over
   */
  async keepFresh({ signal }: { signal: AbortSignal }): Promise<void> {
    const { clock } = this.#options;
    let failures = 0;
    while (!signal.aborted) {
      let waitMs: number;
      try {
        // Ahead of everybody who refreshes on demand, by up to a minute more, so that processes do not do it in step.
        const aheadMs = 60_000 * (1 + this.#random());
        const session = await this.getSession({ minValidityMs: aheadMs, signal });
        failures = 0;
        // In short steps: a machine that slept through the moment wakes up within one of them.
        waitMs = Math.min(30_000, Math.max(1_000, remainingMs(session, clock.now()) - requiredMs(session, aheadMs)));
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof NotAuthenticatedError) throw error;
        failures += 1;
        waitMs = retryDelay({ attempt: failures, retryAfterMs: error instanceof ServiceError ? error.retryAfterMs : undefined, random: this.#random() });
      }
      await clock.sleep(waitMs, { signal, background: true }).catch(() => undefined);
    }
  }

  /**
   * To be called before the process ends: what could not be stored is tried once more.
   *
   * @throws {@link AuthError} `storage_…` when the session is lost with this process
   */
  async close(): Promise<void> {
    await this.#saveAgain();
  }

  /** The profile's name, once it is settled. */
  get profile(): string {
    return this.#profile ?? "default";
  }

  /** What this process holds, if it will do. Nothing is held back for later while the disk has an old session. */
  #usable(need: AccessTokenOptions): Held | undefined {
    return this.#unsaved === undefined && this.#satisfies(this.#held, need) ? this.#held : undefined;
  }

  #satisfies(held: Held | undefined, { minValidityMs = 0, rejected }: AccessTokenOptions): boolean {
    if (held === undefined || held.token === rejected) return false;
    const { clock } = this.#options;
    const required = requiredMs(held.session, minValidityMs);
    return held.endsAtMonotonic - clock.monotonic() > required && remainingMs(held.session, clock.now()) > required;
  }

  /** Takes a session into memory. Its life counts from now on both clocks, so that setting one of them changes nothing. */
  #hold(session: Session): Held {
    if (this.#held !== undefined && this.#held.session.accessToken.equals(session.accessToken)) return this.#held;
    const { clock } = this.#options;
    this.#held = { session, token: session.accessToken.reveal(), endsAtMonotonic: clock.monotonic() + remainingMs(session, clock.now()) };
    return this.#held;
  }

  /** What is stored now. */
  async #load(): Promise<Session> {
    const { store, service } = this.#options;
    const { active, profiles } = await store.read();
    // Settled once: a switch made elsewhere does not change whose name a running program acts in.
    this.#profile ??= active;
    const profile = profiles.get(this.profile);
    if (profile?.session === undefined) throw this.#notLoggedIn();
    // S-001: what one service issued is never sent to another, whatever the environment says now.
    if (service !== undefined && service !== profile.service) {
      throw new NotAuthenticatedError(`profile "${this.profile}" is logged in to ${profile.service}, not to ${service}`, {
        hint: `Log in there under another name: spec-kitty auth login --profile NAME`,
      });
    }
    return profile.session;
  }

  async #renew(need: AccessTokenOptions): Promise<Session> {
    const { store, clock } = this.#options;
    await this.#saveAgain().catch(() => undefined);
    if (this.#unsaved !== undefined) {
      const { next, lock } = this.#unsaved;
      return this.#adopt(next, need) ? next : this.#refresh(next, need, lock);
    }
    const startedAt = clock.monotonic();
    for (;;) {
      const mark = store.mark();
      const session = await this.#load();
      if (this.#adopt(session, need)) return session;
      if (session.refreshToken === undefined) return this.#unrefreshed(session, need, noRefreshToken());
      // While waiting, look at the file: what the holder of the lock has stored can be used at once, lock or no lock.
      const left = lockLimitMs - (clock.monotonic() - startedAt);
      const lock = await store.lock(refreshLockName(this.profile), left, () => store.mark() !== mark);
      if (lock === undefined) continue;
      try {
        // Again, under the lock: the process that had it before may have refreshed.
        const current = await this.#load();
        return this.#adopt(current, need) ? current : await this.#refresh(current, need, lock);
      } finally {
        // Kept while the disk has a spent refresh token: another process would present it, and end the session.
        if (this.#isSaved()) lock.release();
      }
    }
  }

  #isSaved(): boolean {
    return this.#unsaved === undefined;
  }

  #adopt(session: Session, need: AccessTokenOptions): boolean {
    const known = this.#held?.session;
    const satisfied = this.#satisfies(this.#hold(session), need);
    if (satisfied && known !== undefined && !known.accessToken.equals(session.accessToken)) this.#emit("adopted", session);
    return satisfied;
  }

  /** Spends the refresh token, under the lock. */
  async #refresh(session: Session, need: AccessTokenOptions, lock: ProcessLock): Promise<Session> {
    const { store, clock } = this.#options;
    // Before the token is spent: a full disk or a folder that cannot be written must not cost the session.
    const reservation = store.reserve();
    try {
      let tokens: TokenResponse;
      try {
        tokens = await this.#request(session, lock);
      } catch (error) {
        return await this.#afterFailure(session, need, lock, error);
      }
      const next: Session = { ...session, ...sessionTokens(tokens, clock.now(), session) };
      const expected = this.#unsaved?.expected ?? session;
      try {
        return await this.#save(expected, next, reservation);
      } catch (error) {
        if (!(error instanceof AuthError) || error instanceof NotAuthenticatedError) throw error;
        this.#unsaved = { expected, next, lock };
        this.events.emit("unsaved", { profile: this.profile, error });
        return this.#hold(next).session;
      }
    } finally {
      reservation.discard();
    }
  }

  /** Stores what was refreshed, unless a logout or a new login came first; then that is what counts (S-003). */
  async #save(expected: Session, next: Session, reservation?: Reservation): Promise<Session> {
    const stored = await this.#options.store.replaceSession(this.profile, expected, next, reservation);
    if (stored?.session === undefined) throw this.#notLoggedIn();
    this.#hold(stored.session);
    this.#emit(isSameSession(stored.session, next) ? "refreshed" : "adopted", stored.session);
    return stored.session;
  }

  async #saveAgain(): Promise<void> {
    if (this.#unsaved === undefined) return;
    const { expected, next, lock } = this.#unsaved;
    const settle = (): void => {
      this.#unsaved = undefined;
      lock.release();
    };
    try {
      await this.#save(expected, next);
      settle();
    } catch (error) {
      if (error instanceof NotAuthenticatedError) settle();
      throw error;
    }
  }

  /** Asks the service, again where that may help, within the limits. */
  async #request(session: Session, lock: ProcessLock): Promise<TokenResponse> {
    const { clock, fetch } = this.#options;
    const signal = clock.timeout(refreshLimitMs);
    let waitedMs = 0;
    for (let attempt = 1; ; attempt += 1) {
      // A process that was stopped for so long that its lock was given to another must not send what that one has spent.
      if (!lock.held()) throw new AuthError("lock_unavailable", "the lock on the session was lost while this process stood still", { hint: "Try again" });
      try {
        // A token that was sent and not answered may be spent already. Sending it again loses nothing: it is the only one
        // there is, and servers that rotate forgive a replay the more readily the sooner it comes.
        const grant = { client_id: session.clientId, refresh_token: session.refreshToken as Secret };
        return await refreshTokenGrant(session.server, grant, { clock, fetch, signal, timeoutMs: refreshLimitMs });
      } catch (error) {
        if (signal.aborted) throw new ServiceError("network_unavailable", `"${session.server.token_endpoint}" did not answer in time`, { hint: stillLoggedIn, cause: error });
        if (judgeRefreshFailure(error) !== "transient") throw error;
        const waitMs = retryDelay({ attempt, retryAfterMs: (error as ServiceError).retryAfterMs, random: this.#random() });
        waitedMs += waitMs;
        if (waitedMs > retryBudgetMs) throw error;
        await clock.sleep(waitMs);
      }
    }
  }

  async #afterFailure(session: Session, need: AccessTokenOptions, lock: ProcessLock, error: unknown): Promise<Session> {
    const { store } = this.#options;
    const verdict = judgeRefreshFailure(error);
    if (verdict === "dead" || verdict === "replayed") {
      // Another holder whom the lock does not reach (another machine on the same home) may have stored its successor.
      const stored = await this.#successor(session, verdict === "replayed" ? ((error as ServiceError).retryAfterMs ?? 0) : 0);
      if (stored !== undefined) return this.#adopt(stored, need) ? stored : this.#refresh(stored, need, lock);
    }
    if (verdict === "dead") {
      if (await store.clearSession(this.profile, session)) this.events.emit("cleared", { profile: this.profile });
      this.#held = undefined;
      throw new NotAuthenticatedError("Session expired or revoked. Run: spec-kitty auth login", { code: "session_ended", cause: error });
    }
    return this.#unrefreshed(session, need, error);
  }

  /** The session that has taken the place of one, waiting for it a little. */
  async #successor(session: Session, waitMs: number): Promise<Session | undefined> {
    const { clock } = this.#options;
    const until = clock.monotonic() + Math.min(waitMs, 5_000);
    for (;;) {
      const stored = await this.#load();
      if (!isSameSession(stored, session)) return stored;
      if (clock.monotonic() >= until) return undefined;
      await clock.sleep(50);
    }
  }

  /** A token that could not be refreshed and is still good is better than an error. */
  #unrefreshed(session: Session, need: AccessTokenOptions, error: unknown): Session {
    if (error instanceof AuthError) this.events.emit("refused", { profile: this.profile, error });
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

function noRefreshToken(): NotAuthenticatedError {
  return new NotAuthenticatedError("the access token is over, and the service gave no refresh token", { code: "session_ended" });
}

const stillLoggedIn = "You are still logged in. Check the network and the service, then try again";

/** Waits for a promise that others wait for too: a signal ends this wait and not the work. */
function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}
