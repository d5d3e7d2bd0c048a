import type { LoginOptions } from "./login/options.ts";
import type { AuthorizedFetch } from "../auth/authorized-fetch.ts";
import type { AccessToken, AccessTokenOptions } from "../auth/token-manager/access-token.ts";
import type { AuthEvents } from "../auth/token-manager/events.ts";
import type { AuthError } from "../base/errors.ts";
import type * as runtime from "../base/runtime-types.ts";

/** The user and the lifetime of the tokens. Times are milliseconds since 1970 by this machine's clock. */
export interface AuthSession {
  /**
   * The source of the tokens: `login`, a login stored here; `given`, a token in a variable; `exchanged`, the identity
   * of a platform; `lent`, an agent. A login here affects only the first.
   */
  readonly source: "login" | "given" | "exchanged" | "lent";
  readonly profile: string;
  /** The only place its tokens go to; undefined for a given token when nothing names a service. */
  readonly service: string | undefined;
  /** Undefined where tokens come from elsewhere. */
  readonly issuer: string | undefined;
  /**
   * Undefined where only the service knows, as for a given token. `isUnnamed`: the issuer names no user, and `name` is
   * the issuer's.
   */
  readonly user:
    | { readonly id: string; readonly email?: string; readonly name?: string; readonly isUnnamed?: true }
    | undefined;
  /** Empty where the service has none. */
  readonly teams: readonly {
    readonly id: string;
    readonly name: string;
    readonly role?: string;
    readonly isPrivateTeamspace?: boolean;
  }[];
  /** Granted scopes, separated by spaces; empty if unknown. */
  readonly scope: string;
  /** Expiry of the access token; undefined if unknown. */
  readonly expiresAt: number | undefined;
  /** If false, the user has to log in again at expiry. */
  readonly isRefreshable: boolean;
  /** Undefined where tokens come from elsewhere. */
  readonly authenticatedAt: number | undefined;
  /** The claims of the newest ID token (OpenID Connect Core §2), validated; undefined where the issuer gave none. */
  readonly claims: Readonly<Record<string, unknown>> | undefined;
  /**
   * The newest ID token, as the issuer signed it. Not enumerable, since it is a secret: a logged session does not show
   * it.
   */
  readonly idToken: string | undefined;
}

/** A profile of the tool on this machine. */
export interface AuthAccount {
  readonly profile: string;
  readonly service: string;
  readonly isInUse: boolean;
  /** Undefined when not logged in. */
  readonly session: AuthSession | undefined;
}

/** The outcome of a logout. The session is removed here in every case. */
export interface LogoutResult {
  /**
   * `ended` at the service; `unconfirmed`: its tokens may stay valid until they expire; `untold` with `force`; `none`
   * if not logged in.
   */
  readonly service: "ended" | "unconfirmed" | "untold" | "none";
  readonly error: AuthError | undefined;
}

/** The login of a tool, for the tool. Made by {@link createAuth}; an interface, so that a test can pass one of its own. */
export interface Auth {
  /**
   * Logs in, and ends the session that this one replaces.
   *
   * @throws {@link AuthError} `consent_required`, `timed_out`, `access_denied`, and as the service and the storage do;
   *   the signal's reason. The stored session is then unchanged
   */
  login(options?: LoginOptions): Promise<AuthSession>;
  /**
   * Ends the session at the service, then removes it here, whatever the response.
   *
   * @param options - `force`: without telling the service
   * @throws {@link AuthError} `storage_…` when it could not be removed here
   */
  logout(options?: { force?: boolean; signal?: runtime.AbortSignal }): Promise<LogoutResult>;
  /**
   * A valid access token, refreshed when needed: once, for any number of callers in any number of processes.
   *
   * @throws {@link NotAuthenticatedError} when not logged in, or the session expired or was revoked; {@link AuthError}
   *   `network_unavailable`, `service_unavailable`, `lock_unavailable` or `storage_…` when a refresh was needed and
   *   failed: the session is then unchanged. The signal's reason when it aborts.
   */
  getToken(options?: AccessTokenOptions): Promise<AccessToken>;
  /** The token of {@link Auth.getToken} alone, with its parameters and failures. */
  getAccessToken(options?: AccessTokenOptions): Promise<string>;
  /** `fetch` with the access token: paths go to the service; a request to another origin gets no token. See {@link AuthorizedFetch}. */
  readonly fetch: AuthorizedFetch;
  /**
   * The current session, without a request to the service; undefined when not logged in.
   * @throws {@link AuthError} `storage_…` or `keychain_unavailable`
   */
  session(): Promise<AuthSession | undefined>;
  /**
   * The profiles of this tool here, in order, without a request.
   * @throws as {@link Auth.session}
   */
  accounts(): Promise<readonly AuthAccount[]>;
  /**
   * Makes a profile the one in use: for this object, whatever named another, and for later programs that name none.
   *
   * @returns its session; undefined when not logged in
   * @throws {@link NotAuthenticatedError} when there is no such profile; {@link AuthError} `storage_…`
   */
  use(profile: string): Promise<AuthSession | undefined>;
  /** The only place the tokens go to: its URL, without a trailing `/`. */
  service(): Promise<string>;
  /**
   * Listens; errors of the listener are ignored, since it runs in the middle of the work. Returns a function that stops
   * it.
   */
  on<Name extends keyof AuthEvents>(name: Name, listener: (event: AuthEvents[Name]) => void): () => void;
  /**
   * The login as a `TokenCredential` of the Azure SDK (`@azure/core-auth`). The scopes are those of the login, whatever
   * is requested.
   */
  credential(): {
    getToken(
      scopes: string | string[],
      options?: { abortSignal?: unknown },
    ): Promise<{ readonly token: string; readonly expiresOnTimestamp: number }>;
  };
  /**
   * Call this before the process ends, if a refresh may be under way: it waits, and tries once more to store an unsaved
   * session.
   * @throws {@link AuthError} `storage_…` when the session is lost with this process
   */
  close(): Promise<void>;
}
