import { appFor } from "./app/create-app.ts";
import type { Auth } from "./app/auth.ts";
import { authOf } from "./app/create-auth.ts";
import type { AuthOptions } from "./app/options.ts";
import type { AuthorizedFetch } from "./auth/authorized-fetch.ts";

let ofThisProcess: Auth | undefined;

/**
 * The login at the default service, with the profile and settings of the command; one for this process. `await
 * getTokenManager().getAccessToken()` is all that a script needs.
 *
 * @param options - such as `{ profile: "work" }`, as for {@link createAuth}; such a login is a separate one
 * @throws AuthError `configuration_invalid` when a variable of this tool cannot be used
 */
export function getTokenManager(options?: Partial<AuthOptions>): Auth {
  return options === undefined ? (ofThisProcess ??= authOf(appFor(undefined))) : authOf(appFor(options));
}

/**
 * The `fetch` of {@link getTokenManager}: paths go to the service; a request to another origin gets no token. See
 * {@link AuthorizedFetch} for what it adds.
 *
 * @param options - as for {@link getTokenManager}
 * @throws AuthError `configuration_invalid` when a variable of this tool cannot be used
 */
export function createAuthorizedFetch(options?: Partial<AuthOptions>): AuthorizedFetch {
  return getTokenManager(options).fetch;
}

export { createAuth } from "./app/create-auth.ts";
export { serveSelf } from "./app/serve-self.ts";
export type { Auth, AuthAccount, AuthSession, LogoutResult } from "./app/auth.ts";
export type { AuthOptions } from "./app/options.ts";
export type { ConsentQuestion, LoginAddress, LoginCode, LoginOptions } from "./app/login/options.ts";
export type { AuthorizedFetch } from "./auth/authorized-fetch.ts";
export type { AccessToken, AccessTokenOptions } from "./auth/token-manager/access-token.ts";
export type { AuthEvent, AuthEvents } from "./auth/token-manager/events.ts";
export {
  AuthError,
  isAuthError,
  isTransient,
  NotAuthenticatedError,
  ServiceError,
  type AuthErrorCode,
} from "./base/errors.ts";
