import { appFor } from "./app/app.ts";
import type { AppOverrides } from "./app/overrides.ts";
import type { AuthorizedFetch } from "./auth/authorized-fetch.ts";
import type { TokenManager } from "./auth/token-manager/token-manager.ts";

/**
 * The token manager of this process: one, made on first use, with the profile and the settings that the command would use.
 *
 * @param overrides - what to use instead of that, such as `{ profile: "work" }`; such a manager is one of its own
 * @throws AuthError `configuration_invalid` when a variable of this tool cannot be used
 */
export function getTokenManager(overrides?: AppOverrides): TokenManager {
  return appFor(overrides).tokens();
}

/**
 * `fetch` with an access token from {@link getTokenManager}: paths go to the service; a request to another origin gets no
 * token. See {@link AuthorizedFetch} for what it adds, and RFC 6750 for what it sends.
 *
 * @param overrides - what to use instead of the machine's own; such a fetch has a token manager of its own
 * @throws AuthError `configuration_invalid` when a variable of this tool cannot be used
 */
export function createAuthorizedFetch(overrides?: AppOverrides): AuthorizedFetch {
  return appFor(overrides).authorizedFetch;
}

export { createAuth } from "./app/create-auth.ts";
export { serveSelf } from "./app/serve-self.ts";
export type {
  Auth,
  AuthOptions,
  AuthSession,
  LogoutResult,
  TimedToken,
  TokenCredential,
} from "./app/auth.ts";
export type { ConsentQuestion, LoginAddress, LoginCallbacks, LoginCode, LoginOptions } from "./app/login/options.ts";
export {
  AuthError,
  isAuthError,
  isTransient,
  NotAuthenticatedError,
  ServiceError,
  type AuthErrorCode,
  type AuthErrorOptions,
} from "./base/errors.ts";
export type { ForeignVariable, Hint, HintPart, SystemCommand, ToolCommand, ToolVariable } from "./base/hint.ts";
export { createIdentity, ownIdentity, type Identity, type OwnCommands } from "./base/identity.ts";
export type { Secret } from "./base/secret.ts";
export type { AppOverrides } from "./app/overrides.ts";
export type { WorkloadIdentity } from "./auth/workload/workload.ts";
export type { Clock } from "./platform/clock.ts";
export type { Environment } from "./platform/paths.ts";
export type { Fetch } from "./base/runtime-types.ts";
export type { RedirectScope } from "./http/redirect.ts";
export type { AuthorizedFetch, AuthorizedRequestInit } from "./auth/authorized-fetch.ts";
export type { AccessToken, AccessTokenOptions } from "./auth/token-manager/access-token.ts";
export type { AuthEvent, AuthEvents, AuthEventSource } from "./auth/token-manager/events.ts";
export type { TokenManager } from "./auth/token-manager/token-manager.ts";
export type { AwaitedWork } from "./auth/sessions/store.ts";
export type { AuthFlow, Credential, Session } from "./auth/sessions/session.ts";
export type { AuthorizationServer } from "./auth/oauth/authorization-server.ts";
export type { IdTokenClaims } from "./auth/oauth/id-token.ts";
export type { Team, UserInfo } from "./auth/oauth/user-info.ts";
export type { SimpleKeychain } from "./auth/secure-storage/simple-keychain.ts";
