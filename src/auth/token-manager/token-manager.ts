import { AuthError, NotAuthenticatedError, hint, isAuthError, login } from "../../base/errors.ts";
import type * as runtime from "../../base/runtime-types.ts";
import type { Clock } from "../../platform/clock.ts";
import {
  noChoice,
  unknownProfile,
  unnamedProfile,
  type Credential,
  type NamedProfile,
  type ProfileInUse,
  type Session,
} from "../sessions/session.ts";
import type { SessionStore, StoredProfile } from "../sessions/store.ts";
import type { CurrentSession, FoundSession } from "./current-session.ts";
import type { AuthEventSource, AuthEventStream } from "./events.ts";
import { hold, isEnough, leftMs, type HeldSession } from "./freshness.ts";
import type { AccessToken, AccessTokenOptions } from "./access-token.ts";
import type { Refresher } from "./refresh.ts";
import type { TokenSource } from "./token-source.ts";

/** What a {@link TokenManager} works with. @internal */
export interface TokenManagerOptions {
  store: SessionStore;
  /** The profile whose tokens are given out; undefined: the one that is in use when the first token is asked for. */
  profile?: NamedProfile | undefined;
  /** The service that the caller wants to talk to; undefined: the profile's own. */
  service?: string | undefined;
  /** Where the tokens come from, if not from the stored session. */
  source?: TokenSource | undefined;
  clock: Clock;
  events: AuthEventStream;
  /** Sends the refreshes. */
  fetch: runtime.Fetch;
  /** From 0 to 1, for jitter; `Math.random` by default. */
  random?: () => number;
  /** The command or the program, for what is remembered of a login. */
  by?: string | undefined;
}

/** A request for a session that is under way, and what it was begun for. */
interface Pending {
  readonly session: Promise<Session>;
  /** One promise for all callers without special needs, however many they are. */
  readonly accessToken: Promise<string>;
  readonly minValidityMs: number;
}

/**
 * The one source of access tokens. Any number of callers in any number of processes cause one refresh: callers in this process
 * share one promise, processes share one lock, and the process that gets the lock first looks whether the work is done.
 */
export class TokenManager {
  /** What happens to the session. */
  readonly events: AuthEventSource;
  readonly #options: TokenManagerOptions;
  readonly #random: () => number;
  readonly #current: Current;
  #refresher: Refresher | undefined;
  #pending: Pending | undefined;

  /** Nothing is read before a token is asked for. @internal */
  constructor(options: TokenManagerOptions) {
    const { store, clock, events, profile, service, random = Math.random } = options;
    this.#options = options;
    this.#random = random;
    this.events = events;
    this.#current = new Current({ store, clock, events, profile, service });
  }

  /**
   * A valid access token, refreshed when needed.
   *
   * @throws {@link NotAuthenticatedError} when nobody is logged in, or the session expired or was revoked; {@link AuthError}
   * `network_unavailable`, `service_unavailable`, `lock_unavailable` or `storage_…` when a refresh was needed and failed: the
   * session is then unchanged. The signal's reason when it aborts.
   */
  getAccessToken(options: AccessTokenOptions = {}): Promise<string> {
    if (this.#options.source)
      return this.#options.source.getCredential(options).then(({ accessToken }) => accessToken.reveal());
    const held = this.held(options);
    if (held !== undefined) return held.text;
    const isPlain = options.signal === undefined && options.rejected === undefined && !options.minValidityMs;
    if (isPlain && this.#pending !== undefined) return this.#pending.accessToken;
    return this.getSession(options).then(({ accessToken }) => accessToken.reveal());
  }

  /** The same token, and what a caller has to know to use it. Same parameters and failures as {@link TokenManager.getAccessToken}. */
  async getToken(options?: AccessTokenOptions): Promise<AccessToken> {
    return accessTokenOf(await this.getCredential(options));
  }

  /**
   * The token in memory, if it is enough for a caller: one look, and the same promises for everybody. Undefined where something has to be
   * read or asked first.
   */
  held(options: AccessTokenOptions = noNeeds): HeldSession["given"] {
    const held = this.#options.source === undefined ? this.#current.held(options) : undefined;
    return (
      held &&
      (held.given ??= {
        text: Promise.resolve(held.token),
        token: Promise.resolve(Object.freeze(accessTokenOf(held.session))),
      })
    );
  }

  /**
   * The session that {@link TokenManager.getAccessToken} takes its token from, for what else it holds, such as the teams.
   * Same parameters and failures.
   */
  async getSession(options: AccessTokenOptions = {}): Promise<Session> {
    options.signal?.throwIfAborted();
    for (;;) {
      const held = this.#current.held(options);
      if (held !== undefined) return held.session;
      const shared = this.#pending;
      const pending = shared ?? this.#begin(options);
      const session = await abortable(pending.session, options.signal);
      if (shared === undefined || this.#hasServed(shared, session, options)) return session;
    }
  }

  /**
   * The access token together with what it takes to present it, for callers that send requests with it. Same parameters and
   * failures as {@link TokenManager.getAccessToken}.
   */
  getCredential(options: AccessTokenOptions = {}): Promise<Credential> {
    return this.#options.source?.getCredential(options) ?? this.getSession(options);
  }

  /**
   * Refreshes once, whether that is needed or not. Joins a refresh that is under way.
   *
   * @throws as {@link TokenManager.getAccessToken}
   */
  async refresh({ signal }: { signal?: runtime.AbortSignal } = {}): Promise<Session> {
    const { session } = await (this.#refresher?.look() ?? this.#current.load());
    return this.getSession({ rejected: session.accessToken.reveal(), ...(signal && { signal }) });
  }

  /**
   * Refreshes the token before it expires, again and again, without keeping the process alive.
   *
   * @param options - `signal` ends it
   * @returns when the signal aborts
   * @throws {@link NotAuthenticatedError} when the session expired or was revoked
   */
  async keepFresh({ signal }: { signal: runtime.AbortSignal }): Promise<void> {
    const { keepFresh } = await import("./keep-fresh.ts");
    const renew = (minValidityMs: number): Promise<Session> => this.getSession({ minValidityMs, signal });
    return keepFresh(renew, { clock: this.#options.clock, random: this.#random, signal });
  }

  /**
   * Call this before the process ends: it waits for a refresh under way, and tries once more to store what could not be stored.
   *
   * @throws {@link AuthError} `storage_…` when the session is lost with this process
   */
  async close(): Promise<void> {
    await this.#pending?.session.catch(() => undefined);
    try {
      await this.#refresher?.close();
    } catch (error) {
      // Logged out meanwhile: then there is nothing to lose.
      if (error instanceof NotAuthenticatedError) return;
      if (!(error instanceof AuthError)) throw error;
      throw new AuthError(
        error.code,
        `the refreshed session cannot be stored, and ends with this process: ${error.message}`,
        {
          hint: hint`Fix this, then log in again: ${login(this.profile, "--force")}`,
          cause: error,
        },
      );
    }
  }

  /**
   * The service that the tokens are for, and the only one that they may be sent to. It stays the same for the life
   * of this manager: tokens of another service, which a later login may have brought, are refused instead of given out.
   *
   * @returns its address, without a trailing `/`
   * @throws {@link AuthError} `configuration_invalid` when nothing names a service
   */
  async service(): Promise<string> {
    const { lender } = this.#options.source ?? {};
    return lender === undefined ? this.#current.service() : (await lender()).service;
  }

  /**
   * Call this when the service says that the session of a token ended. What is stored is removed only if it is still that
   * session.
   *
   * @param accessToken - the token that was refused
   * @returns when another token has taken its place, which may be good
   * @throws {@link NotAuthenticatedError} `session_ended` when there is none
   */
  async sessionRefused(accessToken: string): Promise<void> {
    if (this.#options.source) return this.#options.source.sessionRefused(accessToken);
    await (await this.#loadRefresher()).end(accessToken);
  }

  /** The profile in use, decided once: see {@link CurrentSession.inUse}. @internal */
  profileInUse(options: { mayBeNew?: boolean }): Promise<ProfileInUse> {
    return this.#current.inUse(options);
  }

  /** The same where what is stored cannot be read. @internal */
  get named(): NamedProfile {
    return this.#current.named;
  }

  /** Forgets what is in memory, after a login or a logout in this process: what is stored counts. @internal */
  forget(): void {
    this.#current.forget();
  }

  /** The profile's name, once it is decided. */
  get profile(): string {
    return this.#current.profile;
  }

  #begin(need: AccessTokenOptions): Pending {
    const session = this.#obtain(need).finally(() => (this.#pending = undefined));
    const accessToken = session.then((renewed) => renewed.accessToken.reveal());
    // The caller that began it hears of its failure; perhaps nobody else waits.
    accessToken.catch(() => undefined);
    return (this.#pending = { session, accessToken, minValidityMs: need.minValidityMs ?? 0 });
  }

  /** What is stored, if it is enough; else a refresh. The code of that is loaded when it is needed: most commands never do. */
  async #obtain(need: AccessTokenOptions): Promise<Session> {
    try {
      if (this.#refresher === undefined) {
        const { session } = await this.#current.load();
        if (this.#current.isEnough(session, need)) return session;
      }
      return await (await this.#loadRefresher()).refresh(need);
    } catch (error) {
      if (!isAuthError(error) || error.code !== "storage_unreachable") throw error;
      // A store that cannot be reached takes nothing away from a token that is still good.
      const session = this.#current.stillGood(need);
      if (session === undefined) throw error;
      this.#options.events.emit("refused", { profile: this.profile, error });
      return session;
    }
  }

  async #loadRefresher(): Promise<Refresher> {
    const { Refresher } = await import("./refresh.ts");
    const { store, clock, fetch, events, by } = this.#options;
    return (this.#refresher ??= new Refresher({
      store,
      current: this.#current,
      clock,
      fetch,
      random: this.#random,
      events,
      by,
    }));
  }

  /**
   * Whether the session that others waited for will do for this caller too. It need not be enough: a token that could not be
   * refreshed and is still good is given to all callers that wait, or each of them would ask the failing service in turn.
   */
  #hasServed(pending: Pending, session: Session, need: AccessTokenOptions): boolean {
    if (session.accessToken.reveal() === need.rejected) return false;
    return (need.minValidityMs ?? 0) <= pending.minValidityMs || this.#current.isEnough(session, need);
  }
}

function accessTokenOf({ accessToken, tokenType, accessTokenExpiresAt: ends, clockOffsetMs }: Credential): AccessToken {
  return { token: accessToken.reveal(), tokenType, expiresAt: ends === undefined ? undefined : ends - clockOffsetMs };
}

const noNeeds: AccessTokenOptions = {};

/** Waits for a promise that others wait for too: a signal ends this wait and not the work. */
export function abortable<T>(promise: Promise<T>, signal: runtime.AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}

/**
 * The session that a token manager gives out. Its profile and its service are decided at the first read and stay the same for the
 * life of the manager; what was read last is held in memory.
 */
class Current implements CurrentSession {
  readonly #store: SessionStore;
  readonly #clock: Clock;
  readonly #events: AuthEventStream;
  #named: NamedProfile | undefined;
  #service: string | undefined;
  #held: HeldSession | undefined;

  /** `profile`: undefined for the one that is in use at the first read; `service`: undefined for the profile's own. */
  constructor({
    store,
    clock,
    events,
    profile,
    service,
  }: {
    store: SessionStore;
    clock: Clock;
    events: AuthEventStream;
    profile: NamedProfile | undefined;
    service: string | undefined;
  }) {
    this.#store = store;
    this.#clock = clock;
    this.#events = events;
    this.#named = profile;
    this.#service = service;
  }

  get profile(): string {
    return this.#named?.name ?? "default";
  }

  /**
   * The profile in use, decided once: a later switch does not change whose tokens a running program uses.
   *
   * @param options - `mayBeNew`: whether it may be named and not exist
   * @throws {@link NotAuthenticatedError} when it must exist and does not: a mistyped name must neither act as another account nor be
   *   ignored
   */
  async inUse({
    mayBeNew = false,
  }: {
    mayBeNew?: boolean;
  } = {}): Promise<ProfileInUse & { readonly stored: StoredProfile }> {
    this.#named ??= unnamedProfile(await this.#store.choice());
    const stored = await this.#store.read(this.#named.name);
    if (stored.profile === undefined && this.#named.source !== "active" && !mayBeNew)
      throw unknownProfile(this.#named, await this.#store.names());
    return { ...this.#named, profile: stored.profile, stored };
  }

  /** Decides the profile where what is stored cannot be read: the named one, else the default. */
  get named(): NamedProfile {
    return (this.#named ??= unnamedProfile(noChoice));
  }

  /** The address of the service, without a trailing `/`. Throws `configuration_invalid` when nothing names one. */
  async service(): Promise<string> {
    this.#service ??= (await this.inUse()).profile?.service;
    if (this.#service !== undefined) return this.#service;
    throw new AuthError("configuration_invalid", `no service is known for profile "${this.profile}"`, {
      hint: hint`Set its URL: ${{ variable: "SAAS_URL", value: "https://service.example" }}`,
    });
  }

  async load(): Promise<FoundSession> {
    return this.sessionIn((await this.inUse()).stored);
  }

  async sessionIn(stored: StoredProfile): Promise<FoundSession> {
    const { profile } = stored;
    if (profile?.session === undefined) {
      this.#held = undefined;
      throw (await import("./ended-login.ts")).notLoggedIn(this.profile, profile, this.#clock.now());
    }
    this.#service ??= profile.service;
    // S-001: what one service issued is never sent to another, whatever the environment says now.
    if (this.#service !== profile.service) {
      this.#held = undefined;
      throw new NotAuthenticatedError(
        `profile "${this.profile}" is logged in to ${profile.service}, not to ${this.#service}`,
        {
          hint: hint`Use another profile there: ${{ command: "auth login", options: ["--profile", "NAME"] }}`,
        },
      );
    }
    return { session: profile.session, stored };
  }

  /** The session in memory, if it is enough for a caller. */
  held(need: AccessTokenOptions): HeldSession | undefined {
    return this.#held !== undefined && isEnough(this.#held, need, this.#clock) ? this.#held : undefined;
  }

  /** The session in memory, if its token can still be used at all. */
  stillGood({ rejected }: AccessTokenOptions): Session | undefined {
    const held = this.#held;
    return held !== undefined && held.token !== rejected && leftMs(held, this.#clock) > 0 ? held.session : undefined;
  }

  hold(session: Session): HeldSession {
    return (this.#held = hold(session, this.#held, this.#clock));
  }

  isEnough(session: Session, need: AccessTokenOptions): boolean {
    const known = this.#held?.session;
    const enough = isEnough(this.hold(session), need, this.#clock);
    if (enough && known !== undefined && !known.accessToken.equals(session.accessToken))
      this.announce("adopted", session);
    return enough;
  }

  announce(event: "refreshed" | "adopted", session: Session): void {
    this.#events.emit(event, { profile: this.profile, expiresAt: session.accessTokenExpiresAt });
  }

  forget(): void {
    this.#held = undefined;
  }
}
