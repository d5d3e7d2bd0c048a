import { AuthError, NotAuthenticatedError, hint, isAuthError, login } from "../../base/errors.ts";
import type * as runtime from "../../base/runtime-types.ts";
import { abortable } from "../../platform/clock.ts";
import type { Credential, NamedProfile, ProfileInUse, Session } from "../sessions/session.ts";
import { CurrentSession, type CurrentSessionOptions } from "./current-session.ts";
import type { AuthEventSource } from "../sessions/events.ts";
import type { Held } from "./freshness.ts";
import type { AccessToken, AccessTokenOptions } from "./access-token.ts";
import type { Refresher } from "./refresh.ts";
import type { TokenSource } from "./token-source.ts";

interface TokenManagerOptions extends CurrentSessionOptions {
  /** If not the stored session. */
  source?: TokenSource | undefined;
  fetch: runtime.Fetch;
  /** From 0 to 1, for jitter; `Math.random` by default. */
  random?: () => number;
  /** The command or program, for the record of an ended login. */
  by?: string | undefined;
}

interface Pending {
  readonly session: Promise<Session>;
  readonly minValidityMs: number;
}

/**
 * The one source of access tokens. Any number of callers in any number of processes cause one refresh: callers here
 * share a promise, processes share a lock, and each new holder first checks whether the work is done.
 */
export class TokenManager {
  readonly events: AuthEventSource;
  readonly #options: TokenManagerOptions;
  readonly #random: () => number;
  readonly #current: CurrentSession;
  #refresher: Refresher | undefined;
  #pending: Pending | undefined;

  /** Reads nothing before the first request for a token. */
  constructor(options: TokenManagerOptions) {
    this.#options = options;
    this.#random = options.random ?? Math.random;
    this.events = options.events;
    this.#current = new CurrentSession(options);
  }

  /**
   * A valid access token, refreshed when needed.
   *
   * @throws {@link NotAuthenticatedError} when not logged in, or the session expired or was revoked; {@link AuthError}
   *   `network_unavailable`, `service_unavailable`, `lock_unavailable` or `storage_…` when a refresh was needed and
   *   failed: the session is then unchanged. The signal's reason when it aborts.
   */
  async getAccessToken(options?: AccessTokenOptions): Promise<string> {
    return (await this.getCredential(options)).accessToken.reveal();
  }

  /** With its type and expiry. Parameters and failures of this and the next ones: {@link TokenManager.getAccessToken}. */
  async getToken(options?: AccessTokenOptions): Promise<AccessToken> {
    return accessTokenOf(await this.getCredential(options));
  }

  /**
   * The token in memory, if it satisfies the caller, with the same promises for all. Undefined where something has to
   * be read or requested first.
   */
  held(options: AccessTokenOptions = noNeeds): Held["given"] {
    const held = this.#options.source === undefined ? this.#current.held(options) : undefined;
    return (
      held &&
      (held.given ??= {
        text: Promise.resolve(held.token),
        token: Promise.resolve(Object.freeze(accessTokenOf(held.credential))),
      })
    );
  }

  /** For what else the session holds, such as teams. */
  async getSession(options: AccessTokenOptions = {}): Promise<Session> {
    options.signal?.throwIfAborted();
    for (;;) {
      const held = this.#current.held(options);
      if (held !== undefined) return held.credential;
      const shared = this.#pending;
      const pending = shared ?? this.#begin(options);
      const session = await abortable(pending.session, options.signal);
      if (shared === undefined || this.#hasServed(shared, session, options)) return session;
    }
  }

  getCredential(options: AccessTokenOptions = {}): Promise<Credential> {
    return this.#options.source?.getCredential(options) ?? this.getSession(options);
  }

  /** Refreshes once, needed or not. Joins a refresh under way. */
  async refresh({ signal }: Pick<AccessTokenOptions, "signal"> = {}): Promise<Session> {
    const { session } = await (this.#refresher?.look() ?? this.#current.load());
    return this.getSession({ rejected: session.accessToken.reveal(), signal });
  }

  /**
   * Refreshes the token before each expiry, without keeping the process alive.
   *
   * @returns when the signal aborts
   * @throws {@link NotAuthenticatedError} when the session expired or was revoked
   */
  async keepFresh({ signal }: { signal: runtime.AbortSignal }): Promise<void> {
    const { keepFresh } = await import("./keep-fresh.ts");
    const renew = (minValidityMs: number): Promise<Session> => this.getSession({ minValidityMs, signal });
    return keepFresh(renew, { clock: this.#options.clock, random: this.#random, signal });
  }

  /**
   * Call this before the process ends: it waits for a refresh under way, and for a limited time to store
   * an unsaved session.
   *
   * @throws {@link AuthError} `storage_…` when the session is lost with this process
   */
  async close(): Promise<void> {
    await this.#pending?.session.catch(() => undefined);
    try {
      await this.#refresher?.close();
    } catch (error) {
      // After a logout there is nothing to lose.
      if (error instanceof NotAuthenticatedError) return;
      if (!(error instanceof AuthError)) throw error;
      throw new AuthError(
        error.code,
        `cannot store the refreshed session, which ends with this process: ${error.message}`,
        {
          hint: hint`Fix this, then log in again: ${login(this.profile, "--force")}`,
          cause: error,
        },
      );
    }
  }

  /**
   * The only service that the tokens may be sent to, fixed for the life of this manager: tokens of another service,
   * from a later login, are refused.
   *
   * @returns its URL, without a trailing `/`
   * @throws {@link AuthError} `configuration_invalid` when nothing names a service
   */
  async service(): Promise<string> {
    const { lender } = this.#options.source ?? {};
    return lender === undefined ? this.#current.service() : (await lender()).service;
  }

  /** See {@link TokenSource}. Removes what is stored only if it is still that session. */
  async sessionRefused(accessToken: string): Promise<void> {
    if (this.#options.source) return this.#options.source.sessionRefused(accessToken);
    await (await this.#loadRefresher()).end(accessToken);
  }

  /** See {@link CurrentSession.inUse}. */
  profileInUse(options: { mayBeNew?: boolean }): Promise<ProfileInUse> {
    return this.#current.inUse(options);
  }

  /** The same where the storage cannot be read. */
  get named(): NamedProfile {
    return this.#current.named;
  }

  /** After a login or logout in this process. */
  forget(): void {
    this.#current.forget();
  }

  /** Once it is decided. */
  get profile(): string {
    return this.#current.profile;
  }

  #begin(need: AccessTokenOptions): Pending {
    const session = this.#obtain(need).finally(() => (this.#pending = undefined));
    return (this.#pending = { session, minValidityMs: need.minValidityMs ?? 0 });
  }

  /** The stored session if it is enough, else a refresh, whose code most commands never load. */
  async #obtain(need: AccessTokenOptions): Promise<Session> {
    try {
      if (this.#refresher === undefined) {
        const { session } = await this.#current.load();
        if (this.#current.isEnough(session, need)) return session;
      }
      return await (await this.#loadRefresher()).refresh(need);
    } catch (error) {
      if (!isAuthError(error) || error.code !== "storage_unreachable") throw error;
      // A store out of reach does not invalidate a good token.
      const session = this.#current.stillGood(need);
      if (session === undefined) throw error;
      this.#options.events.emit("refused", { profile: this.profile, error });
      return session;
    }
  }

  async #loadRefresher(): Promise<Refresher> {
    const { Refresher } = await import("./refresh.ts");
    return (this.#refresher ??= new Refresher({ ...this.#options, current: this.#current, random: this.#random }));
  }

  /**
   * Whether the awaited session also serves this caller, even if it is not enough: a token that could not be refreshed
   * and is still valid goes to all waiting callers, or each would ask the failing service in turn.
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
