import type { LoginOptions } from "./login/options.ts";
import type { AuthorizedFetch } from "../auth/authorized-fetch.ts";
import type { AccessToken, AccessTokenOptions } from "../auth/token-manager/access-token.ts";
import type { AuthEvents } from "../auth/token-manager/events.ts";
import type { AuthError } from "../base/errors.ts";
import type * as runtime from "../base/runtime-types.ts";

/** Whose tokens these are, and until when. Times are milliseconds since 1970 by this machine's clock. */
export interface AuthSession {
  /**
   * Where the tokens come from: `login`, a login that is stored here; `given`, a variable that holds a token; `exchanged`, the identity of
   * a platform; `lent`, an agent. A login here is of use for the first only.
   */
  readonly source: "login" | "given" | "exchanged" | "lent";
  readonly profile: string;
  /** Where its tokens go, and nowhere else; undefined where a token was given, and nothing names a service. */
  readonly service: string | undefined;
  /** Undefined where the tokens come from elsewhere. */
  readonly issuer: string | undefined;
  /**
   * Undefined where only the service knows, as for a token that was given. `isUnnamed`: the issuer names nobody, and `name` is the
   * issuer's.
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
  /** What was granted, separated by spaces; empty where it is not known. */
  readonly scope: string;
  /** When the access token expires; undefined when nobody says. */
  readonly expiresAt: number | undefined;
  /** Whether it can be refreshed then. If not, the user has to log in again. */
  readonly isRefreshable: boolean;
  /** Undefined where the tokens come from elsewhere. */
  readonly authenticatedAt: number | undefined;
  /** What the newest ID token says of the user (OpenID Connect Core §2), after it was validated; undefined where the issuer gave none. */
  readonly claims: Readonly<Record<string, unknown>> | undefined;
  /**
   * The newest ID token itself, as the issuer signed it. It is a secret, so it is not enumerable: a session that is logged does not show
   * it.
   */
  readonly idToken: string | undefined;
}

/** A profile of the tool on this machine. */
export interface AuthAccount {
  readonly profile: string;
  readonly service: string;
  /** Whether it is the one in use. */
  readonly isInUse: boolean;
  /** Undefined when nobody is logged in. */
  readonly session: AuthSession | undefined;
}

/** The outcome of a logout. The session is removed here in every case. */
export interface LogoutResult {
  /**
   * `ended` at the service; `unconfirmed`, so that its tokens may be valid until they expire; `untold` with `force`; `none` if nobody was
   * logged in.
   */
  readonly service: "ended" | "unconfirmed" | "untold" | "none";
  readonly error: AuthError | undefined;
}

/** The login of a tool, for the tool. Made by {@link createAuth}; an interface, so that a test can pass one of its own. */
export interface Auth {
  /**
   * Logs in, and ends the session that this one replaces.
   *
   * @throws {@link AuthError} `consent_required`, `timed_out`, `access_denied`, and as the service and the storage do; the signal's
   * reason. What was stored is still there then
   */
  login(options?: LoginOptions): Promise<AuthSession>;
  /**
   * Ends the session at the service, then removes it here, whatever the service answers.
   *
   * @param options - `force`: without telling the service
   * @throws {@link AuthError} `storage_…` when it could not be removed here
   */
  logout(options?: { force?: boolean; signal?: runtime.AbortSignal }): Promise<LogoutResult>;
  /**
   * A valid access token, refreshed when needed: once, for any number of callers in any number of processes.
   *
   * @throws {@link NotAuthenticatedError} when nobody is logged in, or the session expired or was revoked; {@link AuthError}
   * `network_unavailable`, `service_unavailable`, `lock_unavailable` or `storage_…` when a refresh was needed and failed: the
   * session is then unchanged. The signal's reason when it aborts.
   */
  getToken(options?: AccessTokenOptions): Promise<AccessToken>;
  /** The token of {@link Auth.getToken} alone, with its parameters and failures. */
  getAccessToken(options?: AccessTokenOptions): Promise<string>;
  /** `fetch` with the access token: paths go to the service; a request to another origin gets no token. See {@link AuthorizedFetch}. */
  readonly fetch: AuthorizedFetch;
  /**
   * Whose tokens these are, without a request to the service; undefined when nobody is logged in.
   * @throws {@link AuthError} `storage_…` or `keychain_unavailable`
   */
  session(): Promise<AuthSession | undefined>;
  /**
   * The profiles of this tool here, in order, without a request.
   * @throws as {@link Auth.session}
   */
  accounts(): Promise<readonly AuthAccount[]>;
  /**
   * Makes a profile the one in use: of this object from now on, whatever named another, and of every later program that names none.
   *
   * @returns who is logged in there; undefined when nobody is
   * @throws {@link NotAuthenticatedError} when there is no such profile; {@link AuthError} `storage_…`
   */
  use(profile: string): Promise<AuthSession | undefined>;
  /** Where the tokens go, and nowhere else: the address, without a trailing `/`. */
  service(): Promise<string>;
  /** Listens; what the listener throws is ignored, since it is called in the middle of the work. Returns a function that stops it. */
  on<Name extends keyof AuthEvents>(name: Name, listener: (event: AuthEvents[Name]) => void): () => void;
  /**
   * The login as a `TokenCredential` of the Azure SDK (`@azure/core-auth`), for every client that takes one. The scopes are those of the
   * login, whatever is asked for.
   */
  credential(): {
    getToken(
      scopes: string | string[],
      options?: { abortSignal?: unknown },
    ): Promise<{ readonly token: string; readonly expiresOnTimestamp: number }>;
  };
  /**
   * Call this before the process ends, where it may end during a refresh: it waits for that, and tries once more to store what could
   * not be stored.
   * @throws {@link AuthError} `storage_…` when the session is lost with this process
   */
  close(): Promise<void>;
}
