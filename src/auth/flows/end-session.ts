import { AuthError, hint } from "../../base/errors.ts";
import type { Secret } from "../../base/secret.ts";
import { discardBody } from "../../http/peek.ts";
import { readJsonObject, send, serviceFailure, type ExchangeOptions } from "../../http/request.ts";
import { clientFetch } from "../oauth/client-authentication.ts";
import { resourceFetch } from "../oauth/dpop-fetch.ts";
import { revokeTokens, type Revocation } from "../oauth/revocation.ts";
import { saysSessionEnded } from "../oauth/www-authenticate.ts";
import type { Session } from "../sessions/session.ts";

export type EndableSession = Pick<
  Session,
  "server" | "clientId" | "clientSecret" | "accessToken" | "tokenType" | "refreshToken" | "dpopKey" | "clockOffsetMs"
>;

/**
 * At the service's own logout where the service issued the tokens, else by revoking them (RFC 7009): a logout elsewhere would leave them
 * valid.
 *
 * @returns one result for each token; empty where the server ends the session as a whole
 */
export async function endSession(session: EndableSession, exchange: ExchangeOptions): Promise<readonly Revocation[]> {
  const { server, clientId: client_id, accessToken: access_token, refreshToken: refresh_token } = session;
  if (server.logout_endpoint !== undefined) {
    await logoutRequest(server.logout_endpoint, access_token, { ...exchange, fetch: resourceFetch(session, exchange) });
    return [];
  }
  if (server.revocation_endpoint !== undefined) {
    return revokeTokens(
      server.revocation_endpoint,
      { client_id, refresh_token, access_token },
      { ...exchange, fetch: clientFetch(session, exchange.fetch) },
    );
  }
  throw new AuthError("configuration_invalid", `"${server.issuer}" has no way to end a session`, {
    hint: hint`To forget it here: ${{ command: "auth logout", options: ["--force"] }}`,
  });
}

/**
 * A server that says that the session has ended already has nothing left to end: success too. A bare 401 or 403 says no such thing: it may
 * be about an expired access token, or come from a filter in front of the service (S-015).
 */
async function logoutRequest(endpoint: string, accessToken: Secret, options: ExchangeOptions): Promise<void> {
  const response = await send(
    endpoint,
    { method: "POST", headers: { authorization: `Bearer ${accessToken.reveal()}` } },
    options,
  );
  if (response.ok) return void (await discardBody(response));
  const body = await readJsonObject(response);
  const isRefusal = response.status === 401 || response.status === 403;
  if (!isRefusal || !saysSessionEnded(response.headers, body)) throw serviceFailure(response, body);
}
