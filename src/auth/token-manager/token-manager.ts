import { EventEmitter } from "node:events";
import { AuthError, NotAuthenticatedError } from "../../base/errors.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Secret } from "../../base/secret.ts";
import type { Fetch } from "../../http/request.ts";
import { loginCommand, type Credential, type Session } from "../session.ts";
import type { SessionStore } from "../session-store.ts";
import type { TokenEvents } from "./events.ts";
import type { AccessTokenOptions } from "./freshness.ts";
import { keepFresh } from "./keep-fresh.ts";
import { Renewal } from "./session-refresher.ts";
import { StoredProfile } from "./stored-profile.ts";

export type { TokenEvents } from "./events.ts";
export type { AccessTokenOptions } from "./freshness.ts";

/** What a {@link TokenManager} works with. */
export interface TokenManagerOptions {
  /** Where the sessions are. */
  store: SessionStore;
  /** The profile whose tokens are given out; undefined: the one that is active when the first token is asked for. */
  profile?: string | undefined;
  /** The service that the caller means to talk to; undefined: the profile's own, from the first look on. */
  service?: string | undefined;
  /** A token to give out as it is (`SPEC_KITTY_ACCESS_TOKEN`): nothing is read, stored or refreshed then. */
  accessToken?: Secret | undefined;
  /** The machine's, or a test's. */
  clock: Clock;
  /** Sends the refreshes. */
  fetch: Fetch;
  /** From 0 to 1, for jitter; `Math.random` by default. */
  random?: () => number;
}

/** A refresh under way, and what it was begun for. */
interface Pending {
  readonly session: Promise<Session>;
  /** One promise for all who ask for nothing special, however many they are. */
  readonly accessToken: Promise<string>;
  readonly minValidityMs: number;
}

/**
 * The one source of access tokens. Any number of callers in any number of processes cause one refresh: in this process
 * they share one promise, across processes one lock, and whoever gets the lock first looks whether the work is done.
 */
export class TokenManager {
  /** Tells what happens to the session, see {@link TokenEvents}. */
  readonly events: EventEmitter<TokenEvents> = new EventEmitter();
  readonly #options: TokenManagerOptions;
  readonly #random: () => number;
  readonly #profile: StoredProfile;
  readonly #renewal: Renewal;
  #pending: Pending | undefined;

  /** For who makes every part by hand; else `getTokenManager` or `createApp`. Nothing is read before a token is asked for. */
  constructor(options: TokenManagerOptions) {
    const { store, clock, fetch, random = Math.random } = options;
    this.#options = options;
    this.#random = random;
    this.#profile = new StoredProfile(store, options.profile, options.service);
    this.#renewal = new Renewal({ store, profile: this.#profile, clock, fetch, random, events: this.events });
  }

  /**
   * A valid access token, refreshed when that is needed.
   *
   * @throws {@link NotAuthenticatedError} when nobody is logged in or the session is over; {@link AuthError}
   * `network_unavailable`, `service_unavailable`, `lock_unavailable` or `storage_…` when a refresh was needed and could not
   * be done: the session is then as it was. The signal's reason when it aborts.
   */
  getAccessToken(options: AccessTokenOptions = {}): Promise<string> {
    if (this.#options.accessToken) return Promise.resolve(this.#options.accessToken.reveal());
    const held = this.#renewal.usable(options);
    if (held !== undefined) return Promise.resolve(held.token);
    const isPlain = options.signal === undefined && options.rejected === undefined && !options.minValidityMs;
    if (isPlain && this.#pending !== undefined) return this.#pending.accessToken;
    return this.getSession(options).then(({ accessToken }) => accessToken.reveal());
  }

  /**
   * The session that {@link TokenManager.getAccessToken} takes its token from: for what else it knows, such as its teams.
   * Same parameters and failures.
   */
  async getSession(options: AccessTokenOptions = {}): Promise<Session> {
    options.signal?.throwIfAborted();
    for (;;) {
      const held = this.#renewal.usable(options);
      if (held !== undefined) return held.session;
      const shared = this.#pending;
      const pending = shared ?? this.#begin(options);
      const session = await abortable(pending.session, options.signal);
      if (shared === undefined || this.#hasServed(shared, session, options)) return session;
    }
  }

  /**
   * The access token together with what it takes to present it, for whoever sends requests with it. Same parameters and
   * failures as {@link TokenManager.getAccessToken}.
   */
  getCredential(options: AccessTokenOptions = {}): Promise<Credential> {
    const { accessToken } = this.#options;
    return accessToken === undefined ? this.getSession(options) : Promise.resolve({ accessToken, tokenType: "Bearer", clockOffsetMs: 0 });
  }

  /**
   * Refreshes once, whether that is needed or not. Joins a refresh that is under way.
   *
   * @throws as {@link TokenManager.getAccessToken}
   */
  async refresh({ signal }: { signal?: AbortSignal } = {}): Promise<Session> {
    const session = await this.#renewal.current();
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
    try {
      await this.#renewal.save();
    } catch (error) {
      // Logged out meanwhile: then there is nothing to be lost.
      if (error instanceof NotAuthenticatedError) return;
      if (!(error instanceof AuthError)) throw error;
      throw new AuthError(error.code, `the refreshed session could not be stored and ends with this process: ${error.message}`, {
        hint: `Mend that, then log in again: ${loginCommand(this.profile)} --force`,
        cause: error,
      });
    }
  }

  /**
   * The service that the tokens are for, and the only one that they may be sent to. It stays the same for the life
   * of this manager: tokens of another, which a later login may have brought, are refused instead of given out.
   *
   * @returns its address, without a trailing `/`
   * @throws {@link AuthError} `configuration_invalid` when nothing names a service
   */
  service(): Promise<string> {
    return this.#profile.service();
  }

  /**
   * To be told when the service says that the session of a token is over. What is stored goes only if it is that session
   * still.
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
    await this.#renewal.refused(accessToken);
  }

  /**
   * The profile's name, which is `active` from now on unless it is settled: for who has read the profiles and has to mean the
   * same one.
   */
  settle(active: string): string {
    return this.#profile.settle(active);
  }

  /** The profile's name, once it is settled. */
  get profile(): string {
    return this.#profile.name;
  }

  #begin(need: AccessTokenOptions): Pending {
    const session = this.#renewal.renew(need).finally(() => (this.#pending = undefined));
    const accessToken = session.then((renewed) => renewed.accessToken.reveal());
    // Whoever began it hears of its failure; perhaps nobody else waits.
    accessToken.catch(() => undefined);
    return (this.#pending = { session, accessToken, minValidityMs: need.minValidityMs ?? 0 });
  }

  /**
   * Whether what others waited for will do for this caller too. It need not be enough: a token that nobody could refresh
   * and that is still good is given to all who wait, or each of them would ask the failing service in turn.
   */
  #hasServed(pending: Pending, session: Session, need: AccessTokenOptions): boolean {
    if (session.accessToken.reveal() === need.rejected) return false;
    return (need.minValidityMs ?? 0) <= pending.minValidityMs || this.#renewal.suffices(session, need);
  }
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
