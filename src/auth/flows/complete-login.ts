import { randomBytes } from "node:crypto";
import { AuthError, NotAuthenticatedError, ServiceError, hint, issuersMistake, login } from "../../base/errors.ts";
import { discardBody } from "../../http/peek.ts";
import type { ExchangeOptions } from "../../http/request.ts";
import { defaultAuthorizationServer, type AuthorizationServer } from "../oauth/authorization-server.ts";
import { resourceFetch, validateTokenType } from "../oauth/dpop-fetch.ts";
import { validateIdToken, type IdTokenClaims } from "../oauth/id-token.ts";
import { missingScope } from "../oauth/scope.ts";
import type { TokenResponse } from "../oauth/token-endpoint.ts";
import { userInfoRequest, userInfoResponse, userNames, type UserInfo } from "../oauth/user-info.ts";
import { challengesOf } from "../oauth/www-authenticate.ts";
import { sessionTokens } from "../sessions/session-tokens.ts";
import { newLoginId, type AuthFlow, type Session } from "../sessions/session.ts";
import { endSession } from "./end-session.ts";
import type { LoginRequest } from "./login-request.ts";

/**
 * Identifies the user, and has the session stored. On failure the tokens are revoked: a session that cannot be found
 * again must not stay valid.
 */
export async function completeLogin(
  tokens: TokenResponse,
  request: LoginRequest,
  how: {
    authFlow: AuthFlow;
    nonce?: string | undefined;
    /** The tokens are from another login. */
    isBorrowed?: boolean;
  },
  store: (session: Session) => Promise<unknown>,
  options: ExchangeOptions,
): Promise<Session> {
  const { clientId, clientSecret, dpopKey, resource } = request;
  const { authFlow } = how;
  const common = { ...sessionTokens(tokens, options.clock.now()), clientId, clientSecret, dpopKey };
  const { issuedAt } = common;
  try {
    if (tokens.flaw !== undefined) throw tokens.flaw;
    validateTokenType(common, request.server.issuer);
    const idToken = await idTokenClaims(tokens, request, { ...how, now: issuedAt }, options);
    const {
      user: { teams, ...user },
      server,
    } = await findUser(tokens, request, idToken, { ...options, fetch: resourceFetch(common, options) });
    // No login vouches for a token from elsewhere.
    if (how.isBorrowed && user.isUnnamed) throw notKnown(request);
    // A server that grants what was requested may omit the scope (RFC 6749 §5.1).
    const scope = tokens.scope ?? request.scope;
    const missing = missingScope(request.scope, { ...common, scope, idToken });
    const session: Session = {
      id: newLoginId(),
      ...common,
      server,
      scope,
      missingScope: missing,
      resource,
      idToken,
      signedIdToken: idToken && tokens.id_token,
      user,
      teams,
      authFlow,
      authenticatedAt: issuedAt,
    };
    // The last moment for Ctrl-C to leave everything unchanged.
    options.signal?.throwIfAborted();
    await store(session);
    return session;
  } catch (error) {
    // A token from elsewhere is not ours to revoke.
    if (how.isBorrowed) throw error instanceof AuthError && isRefusal(error.cause) ? notKnown(request) : error;
    // Without the signal, which may have ended the login.
    const ending: ExchangeOptions = { fetch: options.fetch, clock: options.clock, timeoutMs: 3_000 };
    await endSession({ ...common, server: request.server }, ending).catch(() => undefined);
    throw error;
  }
}

function notKnown({ server, clientId, service }: LoginRequest): NotAuthenticatedError {
  return new NotAuthenticatedError(
    `the token is neither a refresh token of client "${clientId}" at "${server.issuer}" nor an access token for ${service}`,
    { hint: "Check the token, the client ID and the URL of the service" },
  );
}

/** Before its access token is used for anything. */
async function idTokenClaims(
  { id_token, access_token }: TokenResponse,
  { server, clientId: client_id, isOpenId }: LoginRequest,
  { authFlow, nonce, now }: { authFlow: AuthFlow; nonce?: string | undefined; now: number },
  options: ExchangeOptions,
): Promise<IdTokenClaims | undefined> {
  if (!isOpenId) return undefined;
  if (id_token !== undefined)
    return validateIdToken(id_token, { server, client_id, access_token, now, nonce }, options);
  // Servers differ on whether a device login is an OpenID Connect login, which the standard omits, and a refresh need
  // not bring an ID token.
  if (authFlow !== "authorization_code") return undefined;
  throw new AuthError("service_answer_invalid", `"${server.issuer}" returned no ID token for the scope "openid"`, {
    hint: hint`${issuersMistake}. To log in without an ID token, omit "openid": ${login(undefined, "--scope", "…")}`,
  });
}

/**
 * From the service's own endpoint, with teams; else from UserInfo, else from the ID token (OpenID Connect Core §5.3,
 * §5.4). A plain OAuth 2.0 server names no user.
 *
 * @returns the user, and the server with the session's endpoints from now on
 */
async function findUser(
  tokens: TokenResponse,
  request: LoginRequest,
  claims: IdTokenClaims | undefined,
  options: ExchangeOptions,
): Promise<{ user: UserInfo; server: AuthorizationServer }> {
  const { service, server } = request;
  const ask = (endpoint: string): Promise<Response> => userInfoRequest(endpoint, tokens.access_token, options);
  const { userinfo_endpoint, logout_endpoint } = defaultAuthorizationServer(service);
  try {
    const user = request.hasOwnApi ? await userOfService(await ask(userinfo_endpoint), request, claims) : undefined;
    // The service's logout ends the tokens only if the service issues them.
    if (user !== undefined)
      return { user, server: { ...server, userinfo_endpoint, ...(server.issuer === service && { logout_endpoint }) } };
    const { userinfo_endpoint: ofServer, ...rest } = server;
    if (ofServer !== undefined) {
      // A token for one resource is not valid for another (RFC 8707 §3), such as UserInfo; nor does UserInfo accept one
      // requested without `openid` (Core §5.3).
      const known = await userInfoResponse(await ask(ofServer), claims?.sub).catch(ignoring(isRefusal));
      if (known !== undefined) return { user: { ...known, teams: [] }, server };
    }
    if (claims === undefined) return { user: unnamedUser(server, tokens.scope ?? request.scope), server: rest };
    const { sub: id, email, name } = claims;
    return { user: { id, ...userNames(email, name), teams: [] }, server: rest };
  } catch (error) {
    if (!(error instanceof AuthError) || error.code === "interrupted") throw error;
    throw new AuthError(error.code, `the service does not name the user of this login: ${error.message}`, {
      hint: hint`Try again: ${login()}`,
      cause: error,
    });
  }
}

async function userOfService(
  response: Response,
  { server, isDiscovered }: LoginRequest,
  claims: IdTokenClaims | undefined,
): Promise<UserInfo | undefined> {
  // Gateways refuse unknown paths too; one that asks for this kind of token has the endpoint.
  const isElsewhere =
    isDiscovered && isBareRefusal(response) && (server.userinfo_endpoint !== undefined || claims !== undefined);
  if (!isElsewhere)
    return userInfoResponse(response).catch(ignoring((error) => isDiscovered && isEndpointMissing(error)));
  await discardBody(response);
  return undefined;
}

/** The next login there may be another user's: nothing is continued. */
function unnamedUser({ issuer }: AuthorizationServer, scope: string): UserInfo {
  const id = `unnamed:${randomBytes(9).toString("base64url")}`;
  return { id, name: scope ? `${issuer} (${scope})` : issuer, isUnnamed: true, teams: [] };
}

/** A refusal that asks for no such token (RFC 6750 §3, RFC 9449 §7.1). */
function isBareRefusal({ status, headers }: Response): boolean {
  return (
    (status === 401 || status === 403) &&
    !challengesOf(headers).some(({ scheme }) => scheme === "bearer" || scheme === "dpop")
  );
}

function ignoring(isExpected: (error: unknown) => boolean): (error: unknown) => undefined {
  return (error) => {
    if (!isExpected(error)) throw error;
  };
}

function isRefusal(error: unknown): boolean {
  return error instanceof ServiceError && (error.status === 401 || error.status === 403);
}

function isEndpointMissing(error: unknown): boolean {
  return (
    error instanceof ServiceError &&
    !isRefusal(error) &&
    (error.status === 404 || error.code === "service_answer_invalid")
  );
}
