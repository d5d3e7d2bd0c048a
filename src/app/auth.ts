import type { LoginOptions } from "./login/options.ts";
import type { AuthorizedFetch } from "../auth/authorized-fetch.ts";
import type { AccessToken, AccessTokenOptions } from "../auth/token-manager/access-token.ts";
import type { AuthEvents } from "../auth/sessions/events.ts";
import type { AuthError } from "../base/errors.ts";
import type * as runtime from "../base/runtime-types.ts";

/** Result of {@link Auth.session}. Times are milliseconds since 1970 by this machine's clock. */
export interface AuthSession {
  /** `login`: stored here; `given`: in a variable; `exchanged`: for a platform's identity; `lent`: by an agent. */
  readonly source: "login" | "given" | "exchanged" | "lent";
  readonly profile: string;
  /** Undefined if nothing names one. */
  readonly service: string | undefined;
  readonly issuer: string | undefined;
  /** Undefined if only the service knows. `isUnnamed`: the issuer names no user, and `name` is the issuer's. */
  readonly user:
    | { readonly id: string; readonly email?: string; readonly name?: string; readonly isUnnamed?: true }
    | undefined;
  readonly teams: readonly {
    readonly id: string;
    readonly name: string;
    readonly role?: string;
    readonly isPrivateTeamspace?: boolean;
  }[];
  /** Granted; empty if unknown. */
  readonly scope: string;
  /** Of the access token. */
  readonly expiresAt: number | undefined;
  /** If false, a login is needed at expiry. */
  readonly isRefreshable: boolean;
  readonly authenticatedAt: number | undefined;
  /** Of the newest ID token (OpenID Connect Core §2), validated. */
  readonly claims: Readonly<Record<string, unknown>> | undefined;
  /** Not enumerable: a logged session does not show it. */
  readonly idToken: string | undefined;
}

/** Made by {@link createAuth}. An interface, so that a test can pass one of its own. */
export interface Auth {
  /**
   * Logs in, and ends the previous session.
   *
   * @throws {@link AuthError} `consent_required`, `timed_out`, `access_denied`, or a code of the issuer, the service or the
   *   storage; the signal's reason. The stored session is then unchanged
   */
  login(options?: LoginOptions): Promise<AuthSession>;
  /**
   * Ends the session at the service, and removes it here whatever the response.
   *
   * @param options - `force`: without telling the service
   * @throws {@link AuthError} `storage_…` when it could not be removed here
   */
  logout(options?: { force?: boolean; signal?: runtime.AbortSignal }): Promise<{
    /** `unconfirmed`: tokens may remain valid until they expire; `untold`: with `force`; `none`: not logged in. */
    readonly service: "ended" | "unconfirmed" | "untold" | "none";
    readonly error: AuthError | undefined;
  }>;
  /**
   * A valid token, refreshed when needed: once for all callers and processes.
   *
   * @throws {@link NotAuthenticatedError}; {@link AuthError} `network_unavailable`, `service_unavailable`,
   *   `lock_unavailable` or `storage_…` when a refresh was needed and failed: the session is then unchanged. The
   *   signal's reason
   */
  getToken(options?: AccessTokenOptions): Promise<AccessToken>;
  /** The `token` of {@link Auth.getToken}. */
  getAccessToken(options?: AccessTokenOptions): Promise<string>;
  readonly fetch: AuthorizedFetch;
  /**
   * Undefined when not logged in; sends no request.
   * @throws {@link AuthError} `storage_…` or `keychain_unavailable`
   */
  session(): Promise<AuthSession | undefined>;
  /**
   * The profiles on this machine; sends no request.
   * @throws as {@link Auth.session}
   */
  accounts(): Promise<
    readonly {
      readonly profile: string;
      readonly service: string;
      readonly isInUse: boolean;
      readonly session: AuthSession | undefined;
    }[]
  >;
  /**
   * Makes a profile the active one, for this object and for later programs that name no profile.
   *
   * @returns its session; undefined when not logged in
   * @throws {@link NotAuthenticatedError} when there is no such profile; {@link AuthError} `storage_…`
   */
  use(profile: string): Promise<AuthSession | undefined>;
  /** The URL that the tokens go to, without a trailing `/`. */
  service(): Promise<string>;
  /** Listens until the returned function is called; errors of the listener are ignored. */
  on<Name extends keyof AuthEvents>(name: Name, listener: (event: AuthEvents[Name]) => void): () => void;
  /** A `TokenCredential` of the Azure SDK; the requested scopes are ignored. */
  credential(): {
    getToken(
      scopes: string | string[],
      options?: { abortSignal?: unknown },
    ): Promise<{ readonly token: string; readonly expiresOnTimestamp: number }>;
  };
  /**
   * Waits for a running refresh, and for a limited time until an unsaved session is stored. Call it last.
   * @throws {@link AuthError} `storage_…` when the session is lost with this process
   */
  close(): Promise<void>;
}
