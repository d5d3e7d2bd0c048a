import { appFor } from "./app/create-app.ts";
import type { Auth } from "./app/auth.ts";
import { authOf } from "./app/create-auth.ts";
import type { AuthOptions } from "./app/options.ts";
import type { AuthorizedFetch } from "./auth/authorized-fetch.ts";

let ofThisProcess: Auth | undefined;

/**
 * The login of this package's own command, one for the process: `await getTokenManager().getAccessToken()`.
 *
 * @param options - what differs, such as `{ profile: "work" }`, for a separate login
 * @throws as {@link createAuth}
 */
export function getTokenManager(options?: Partial<AuthOptions>): Auth {
  return options === undefined ? (ofThisProcess ??= authOf(appFor(undefined))) : authOf(appFor(options));
}

/**
 * The `fetch` of {@link getTokenManager}.
 *
 * @param options - see {@link getTokenManager}
 */
export function createAuthorizedFetch(options?: Partial<AuthOptions>): AuthorizedFetch {
  return getTokenManager(options).fetch;
}

export { createAuth } from "./app/create-auth.ts";
export { serveSelf } from "./app/serve-self.ts";
export type { Auth, AuthSession } from "./app/auth.ts";
export type { AuthOptions } from "./app/options.ts";
export type { ConsentQuestion, LoginAddress, LoginCode, LoginOptions } from "./app/login/options.ts";
export type { AuthorizedFetch } from "./auth/authorized-fetch.ts";
export type { AccessToken, AccessTokenOptions } from "./auth/token-manager/access-token.ts";
export type { AuthEvent, AuthEvents } from "./auth/sessions/events.ts";
export {
  AuthError,
  isAuthError,
  isTransient,
  NotAuthenticatedError,
  ServiceError,
  type AuthErrorCode,
} from "./base/errors.ts";
