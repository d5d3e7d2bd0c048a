import type { Secret } from "../../base/secret.ts";
import type { ExchangeOptions } from "../../http/request.ts";
import { tokenEndpointFetch } from "../oauth/dpop-fetch.ts";
import { judgeRefreshFailure, refreshTokenGrant } from "../oauth/refresh.ts";
import type { TokenResponse } from "../oauth/token-endpoint.ts";
import type { Session } from "../sessions/session.ts";
import { completeLogin } from "./complete-login.ts";
import type { LoginRequest } from "./login-request.ts";

/**
 * Takes over a login made elsewhere, by its refresh or access token. The first is tried first: the token endpoint knows
 * no access tokens, and passes on nothing.
 *
 * @param request - with the client that the token was issued to
 * @throws {@link NotAuthenticatedError} when it is neither; {@link ServiceError} as a login
 */
export async function tokenLogin({
  token,
  request,
  store,
  ...exchange
}: ExchangeOptions & {
  token: Secret;
  request: LoginRequest;
  store: (session: Session) => Promise<unknown>;
}): Promise<Session> {
  // A refresh token with a key would be useless here.
  const unbound = { ...request, dpopKey: undefined };
  const refreshed = await asRefreshToken(token, unbound, exchange);
  const isBorrowed = refreshed === undefined;
  const tokens = refreshed ?? asAccessToken(token);
  return completeLogin(tokens, unbound, { authFlow: "token", isBorrowed }, store, exchange);
}

/** Undefined when the issuer does not know it. */
async function asRefreshToken(
  token: Secret,
  request: LoginRequest,
  { fetch, clock }: ExchangeOptions,
): Promise<TokenResponse | undefined> {
  const { server, clientId: client_id, resource } = request;
  // Without the signal: a sent token's response is awaited.
  const exchange = { fetch: tokenEndpointFetch(request, { fetch, clock }), clock };
  try {
    return await refreshTokenGrant(server, { client_id, refresh_token: token, resource }, exchange);
  } catch (error) {
    if (judgeRefreshFailure(error) === "dead") return undefined;
    throw error;
  }
}

function asAccessToken(access_token: Secret): TokenResponse {
  return {
    access_token,
    token_type: "Bearer",
    expires_in: undefined,
    refresh_token: undefined,
    refresh_token_expires_at: undefined,
    refresh_token_expires_in: undefined,
    scope: undefined,
    session_id: undefined,
    id_token: undefined,
    date: undefined,
  };
}
