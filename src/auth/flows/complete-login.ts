import { AuthError, ServiceError } from "../../base/errors.ts";
import { boundFetch, refuseForeignKey } from "../oauth/dpop-fetch.ts";
import { defaultAuthorizationServer, type AuthorizationServer } from "../oauth/authorization-server.ts";
import type { ExchangeOptions } from "../../http/request.ts";
import { validateIdToken, type IdTokenClaims } from "../oauth/id-token.ts";
import { JwkSets } from "../oauth/jwks.ts";
import type { TokenResponse } from "../oauth/token-endpoint.ts";
import { userInfoRequest, userInfoResponse, type UserInfo } from "../oauth/user-info.ts";
import { sessionTokens, type AuthFlow, type Session } from "../session.ts";
import { endSession } from "./end-session.ts";
import type { LoginRequest } from "./login-request.ts";

/** Public keys, fetched again when they do not do: one set for the life of the process. */
const keys = new JwkSets();

/**
 * Makes a session of the tokens that a login brought, by finding out whose they are, and has it stored.
 *
 * @param tokens - the answer to the grant
 * @param request - what was asked for, and of whom
 * @param how - the flow, and the nonce that its request carried
 * @param store - stores the session and tells the user
 * @returns the session, and what `store` returned
 * @throws {@link AuthError} when nobody says who is logged in, when what is said must not be believed, or as `store` does. The
 * tokens are given back then, as far as the server takes them: a session that nobody can name or find again must not live on.
 */
export async function completeLogin<T>(
  tokens: TokenResponse,
  request: LoginRequest,
  how: { authFlow: AuthFlow; nonce?: string | undefined },
  store: (session: Session) => Promise<T>,
  options: ExchangeOptions,
): Promise<{ session: Session; stored: T }> {
  const { clientId, dpopKey, resource } = request;
  const held = sessionTokens(tokens, options.clock.now());
  const common = { ...held, clientId, dpopKey };
  try {
    refuseForeignKey(common, request.server.issuer);
    const idToken = await whomItNames(tokens, request, how, held.issuedAt, options);
    const bound = { ...options, fetch: boundFetch(common, options) };
    const { user: { teams, ...user }, server } = await whoIsLoggedIn(tokens, request, idToken, bound);
    // A server that grants what was asked for may leave the scope out (RFC 6749 §5.1).
    const scope = tokens.scope ?? request.scope;
    const session: Session = { ...common, server, scope, resource, idToken, user, teams, authFlow: how.authFlow, authenticatedAt: held.issuedAt };
    // The last moment at which Ctrl-C still means that nothing was changed.
    options.signal?.throwIfAborted();
    return { session, stored: await store(session) };
  } catch (error) {
    // Without the signal: it may be the one that ended the login, and this is what is left to do after that.
    const ending: ExchangeOptions = { fetch: options.fetch, clock: options.clock, timeoutMs: 3_000 };
    await endSession({ ...common, server: request.server }, ending).catch(() => undefined);
    throw error;
  }
}

/** What the ID token says, checked before the access token that came with it is used for anything. */
async function whomItNames(
  { id_token, access_token }: TokenResponse,
  { server, clientId: client_id, isOpenId }: LoginRequest,
  { authFlow, nonce }: { authFlow: AuthFlow; nonce?: string | undefined },
  now: number,
  options: ExchangeOptions,
): Promise<IdTokenClaims | undefined> {
  if (!isOpenId) return undefined;
  if (id_token !== undefined) return validateIdToken(id_token, { server, client_id, access_token, now, nonce }, keys, options);
  // Servers differ on whether a device login is one of OpenID Connect, which does not mention it.
  if (authFlow === "device_code") return undefined;
  throw new AuthError("service_answer_invalid", `"${server.issuer}" gave no ID token, although "openid" was asked for`);
}

/**
 * Finds out who is logged in: the service's own answer where it has one, with teams; else the server's UserInfo, else what
 * the ID token said (OpenID Connect Core §5.3, §5.4).
 *
 * @returns the user, and the server with the endpoints that the session will use from now on
 */
async function whoIsLoggedIn(
  { access_token }: TokenResponse,
  { service, server, isDiscovered, isOpenId }: LoginRequest,
  claims: IdTokenClaims | undefined,
  options: ExchangeOptions,
): Promise<{ user: UserInfo; server: AuthorizationServer }> {
  const ask = async (endpoint: string, sub?: string): Promise<UserInfo> => userInfoResponse(await userInfoRequest(endpoint, access_token, options), sub);
  const { userinfo_endpoint = "", logout_endpoint = "" } = defaultAuthorizationServer(service);
  try {
    // Of another server's tokens a service may know nothing at all; one that has the endpoint and refuses is an error.
    const user = await ask(userinfo_endpoint).catch(unless((error) => isDiscovered && isNothingThere(error)));
    // Only where the service issues its own tokens does its logout end them.
    if (user !== undefined) return { user, server: { ...server, userinfo_endpoint, ...(server.issuer === service && { logout_endpoint }) } };

    const { userinfo_endpoint: ofServer, ...rest } = server;
    if (ofServer !== undefined) {
      // A token for one resource is none for another (RFC 8707 §3), and UserInfo is one of its own.
      const known = await ask(ofServer, claims?.sub).catch(unless((error) => claims !== undefined && isRefusal(error)));
      if (known !== undefined) return { user: { ...known, teams: [] }, server };
    }
    if (claims === undefined) throw new AuthError("service_answer_invalid", `"${server.issuer}" has no way to say it`);
    const { sub: id, email, name } = claims;
    return { user: { id, ...(email && { email }), ...(name && { name }), teams: [] }, server: rest };
  } catch (error) {
    if (!(error instanceof AuthError) || error.code === "interrupted") throw error;
    const again = isDiscovered && !isOpenId ? 'Ask for that too: spec-kitty auth login --scope "openid email"' : "Try again: spec-kitty auth login";
    throw new AuthError(error.code, `you were let in, but the service did not say who you are: ${error.message}`, {
      hint: `Nothing was stored. ${again}`,
      cause: error,
    });
  }
}

/** Makes nothing of an error that is expected, and lets every other one pass. */
function unless(isExpected: (error: unknown) => boolean): (error: unknown) => undefined {
  return (error) => {
    if (!isExpected(error)) throw error;
  };
}

function isRefusal(error: unknown): boolean {
  return error instanceof ServiceError && (error.status === 401 || error.status === 403);
}

function isNothingThere(error: unknown): boolean {
  return error instanceof ServiceError && !isRefusal(error) && (error.status === 404 || error.code === "service_answer_invalid");
}
