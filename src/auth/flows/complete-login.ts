import { AuthError } from "../../errors.ts";
import type { AuthorizationServer } from "../oauth/authorization-server.ts";
import type { ExchangeOptions } from "../oauth/exchange.ts";
import { sessionLogout } from "../oauth/session-logout.ts";
import type { TokenResponse } from "../oauth/token-endpoint.ts";
import { userInfoRequest, userInfoResponse, type UserInfo } from "../oauth/user-info.ts";
import { sessionTokens, type AuthFlow, type Session } from "../session.ts";

/** Scopes to ask for, always with the one that brings a refresh token (OpenID Connect Core §11). */
export function requestedScope(scope: string | undefined): string {
  const names = (scope ?? "offline_access api.read api.write").split(/\s+/).filter(Boolean);
  return names.includes("offline_access") ? names.join(" ") : ["offline_access", ...names].join(" ");
}

/**
 * Makes a session of the tokens that a login brought, by asking the service whose they are, and has it stored.
 *
 * @param tokens - the answer to the grant
 * @param login - the server that gave it, the client, the scope that was asked for, and how
 * @param store - stores the session and tells the user
 * @returns the session, and what `store` returned
 * @throws {@link AuthError} when the service does not say who is logged in, or as `store` does. The tokens are given back
 * then, as far as the service takes them: a session that nobody can name or find again must not live on.
 */
export async function completeLogin<T>(
  tokens: TokenResponse,
  login: { server: AuthorizationServer; clientId: string; scope: string; authFlow: AuthFlow },
  store: (session: Session) => Promise<T>,
  options: ExchangeOptions,
): Promise<{ session: Session; stored: T }> {
  const receivedAt = options.clock.now();
  try {
    const { teams, ...user } = await whoIsLoggedIn(tokens, login.server, options);
    const held = sessionTokens(tokens, receivedAt);
    // A server that grants what was asked for may leave the scope out (RFC 6749 §5.1).
    const session: Session = { ...held, ...login, scope: tokens.scope ?? login.scope, user, teams, authenticatedAt: held.issuedAt };
    // The last moment at which Ctrl-C still means that nothing was changed.
    options.signal?.throwIfAborted();
    return { session, stored: await store(session) };
  } catch (error) {
    const endpoint = login.server.logout_endpoint;
    // Without the signal: it may be the one that ended the login, and this is what is left to do after that.
    const ending: ExchangeOptions = { fetch: options.fetch, clock: options.clock, timeoutMs: 3_000 };
    if (endpoint) await sessionLogout(endpoint, tokens.access_token, ending).catch(() => undefined);
    throw error;
  }
}

async function whoIsLoggedIn(tokens: TokenResponse, server: AuthorizationServer, options: ExchangeOptions): Promise<UserInfo> {
  const endpoint = server.userinfo_endpoint;
  if (endpoint === undefined) throw new AuthError("service_answer_invalid", `"${server.issuer}" has no way to say who is logged in`);
  try {
    return await userInfoResponse(await userInfoRequest(endpoint, tokens.access_token, options));
  } catch (error) {
    if (!(error instanceof AuthError) || error.code === "interrupted") throw error;
    throw new AuthError(error.code, `you were let in, but the service did not say who you are: ${error.message}`, {
      hint: "Nothing was stored. Try again: spec-kitty auth login",
      cause: error,
    });
  }
}
