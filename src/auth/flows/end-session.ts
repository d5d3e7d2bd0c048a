import { AuthError, hint } from "../../base/errors.ts";
import { discardBody } from "../../http/peek.ts";
import { readJsonObject, send, serviceFailure, type ExchangeOptions } from "../../http/request.ts";
import { clientFetch, type Client } from "../oauth/client-authentication.ts";
import { resourceFetch } from "../oauth/dpop-fetch.ts";
import { revokeTokens, type Revocation } from "../oauth/revocation.ts";
import { saysSessionEnded } from "../oauth/www-authenticate.ts";
import type { Session } from "../sessions/session.ts";

type EndableSession = Client &
  Pick<Session, "server" | "accessToken" | "tokenType" | "refreshToken" | "dpopKey" | "clockOffsetMs">;

/**
 * By the service's own logout if it issued the tokens, else by revocation (RFC 7009): a logout elsewhere would leave
 * them valid.
 *
 * @returns one result for each token; empty where the server ends the session as a whole
 */
export async function endSession(session: EndableSession, exchange: ExchangeOptions): Promise<readonly Revocation[]> {
  const { server, clientId: client_id, accessToken: access_token, refreshToken: refresh_token } = session;
  if (server.logout_endpoint !== undefined) {
    await logoutResponse(await logoutRequest(server.logout_endpoint, session, exchange));
    return [];
  }
  if (server.revocation_endpoint !== undefined) {
    return revokeTokens(
      server.revocation_endpoint,
      { client_id, refresh_token, access_token },
      { ...exchange, fetch: clientFetch(session, exchange.fetch) },
    );
  }
  throw new AuthError("configuration_invalid", `"${server.issuer}" cannot end a session`, {
    hint: hint`To remove it here: ${{ command: "auth logout", options: ["--force"] }}`,
  });
}

export function logoutRequest(endpoint: string, session: EndableSession, exchange: ExchangeOptions): Promise<Response> {
  const headers = { authorization: `Bearer ${session.accessToken.reveal()}` };
  return send(endpoint, { method: "POST", headers }, { ...exchange, fetch: resourceFetch(session, exchange) });
}

/**
 * A session that had already ended is success too. A bare 401 or 403 does not say so: it may be about an expired access
 * token, or come from a filter in front of the service (S-015).
 */
export async function logoutResponse(response: Response): Promise<void> {
  if (response.ok) return discardBody(response);
  const body = await readJsonObject(response);
  const isRefusal = response.status === 401 || response.status === 403;
  if (!isRefusal || !saysSessionEnded(response.headers, body)) throw serviceFailure(response, body);
}
