import type { LoginOptions } from "./login/options.ts";
import type { AppOverrides } from "./overrides.ts";
import type { AuthorizedFetch } from "../auth/authorized-fetch.ts";
import type { Team, UserInfo } from "../auth/oauth/user-info.ts";
import type { AccessToken, AccessTokenOptions } from "../auth/token-manager/access-token.ts";
import type { AuthEventSource } from "../auth/token-manager/events.ts";
import type { AuthError } from "../base/errors.ts";
import type { OwnCommands } from "../base/identity.ts";
import type * as runtime from "../base/runtime-types.ts";

/** What a tool says about itself and the service that its users log in to. Everything but the first three has a default. */
export interface AuthOptions extends Omit<AppOverrides, "toolIdentity" | "options" | "command" | "onTraffic"> {
  /**
   * The tool's name: lower-case letters, digits and single dashes. Names the folder, the keychain's entry, the variables (`ACME_PROFILE`)
   * and the `User-Agent`; it is the title of the pages, and in the words of errors and hints.
   */
  name: string;
  version: string;
  /** The authorization server, exactly as it names itself. Its metadata (RFC 8414, OpenID Connect Discovery) says where its endpoints are. */
  issuer: string;
  /**
   * What users type to log in (again), and for whatever else the tool offers: `{ login: "acme login" }`. By default the commands that
   * `createCommand` makes: `acme auth login`.
   */
  commands?: OwnCommands | undefined;
}

/** Who is logged in, and until when. Times are milliseconds since 1970 by this machine's clock. */
export interface AuthSession {
  readonly profile: string;
  /** Where its tokens go, and nowhere else. */
  readonly service: string;
  readonly issuer: string;
  readonly user: Omit<UserInfo, "teams">;
  /** Empty where the service has none. */
  readonly teams: readonly Team[];
  readonly scope: string;
  /** When the access token expires; undefined when the server does not say. */
  readonly expiresAt: number | undefined;
  /** Whether it can be refreshed then. If not, the user has to log in again. */
  readonly isRefreshable: boolean;
  readonly authenticatedAt: number;
}

/** The outcome of a logout. The session is removed here in every case. */
export interface LogoutResult {
  /** `ended` at the service; `unconfirmed`, so that its tokens may be valid until they expire; `untold` with `force`; `none` if nobody was logged in. */
  readonly service: "ended" | "unconfirmed" | "untold" | "none";
  readonly error: AuthError | undefined;
}

/** An access token in the form that the Azure SDK uses (`AccessToken` of `@azure/core-auth`). */
export interface TimedToken {
  readonly token: string;
  readonly expiresOnTimestamp: number;
}

/** A credential in the form that the Azure SDK takes (`TokenCredential` of `@azure/core-auth`). The scopes are those of the login, whatever is asked for. */
export interface TokenCredential {
  getToken(scopes: string | string[], options?: { abortSignal?: unknown }): Promise<TimedToken>;
}

/** The login of a tool, for the tool. Made by {@link createAuth}. */
export interface Auth extends AuthEventSource {
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
  /** `fetch` with the access token: paths go to the service; a request to another origin gets no token. See {@link AuthorizedFetch}. */
  readonly fetch: AuthorizedFetch;
  /**
   * Who is logged in, without a request; undefined when nobody is.
   * @throws {@link AuthError} `storage_…` or `keychain_unavailable`
   */
  session(): Promise<AuthSession | undefined>;
  /** Where the tokens go, and nowhere else: the address, without a trailing `/`. */
  service(): Promise<string>;
  /** The login as a credential of the Azure SDK, for every client that takes one. */
  credential(): TokenCredential;
  /**
   * Call this before the process ends, where it may end during a refresh: it waits for that, and tries once more to store what could
   * not be stored.
   * @throws {@link AuthError} `storage_…` when the session is lost with this process
   */
  close(): Promise<void>;
}
