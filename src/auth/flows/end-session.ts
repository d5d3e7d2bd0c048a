import { AuthError } from "../../base/errors.ts";
import { boundFetch } from "../oauth/dpop-fetch.ts";
import type { ExchangeOptions } from "../../http/request.ts";
import { revokeTokens, type Revocation } from "../oauth/revocation.ts";
import { sessionLogout } from "../oauth/session-logout.ts";
import type { Session } from "../session.ts";

/** What of a session its server has to know to end it. */
export type EndingSession = Pick<Session, "server" | "clientId" | "accessToken" | "tokenType" | "refreshToken" | "dpopKey" | "clockOffsetMs">;

/**
 * Ends a session at the server that issued it: at the service's own logout where that is the server, else by revoking its
 * tokens (RFC 7009). A logout at a service that another server issues tokens for would leave those tokens alive.
 *
 * @returns how it went for each token; nothing where the server ends sessions as a whole
 * @throws {@link ServiceError} when the service did not end it; {@link AuthError} `configuration_invalid` when the server has no
 * way to
 */
export async function endSession(session: EndingSession, exchange: ExchangeOptions): Promise<readonly Revocation[]> {
  const { server, clientId: client_id, accessToken: access_token, refreshToken: refresh_token } = session;
  if (server.logout_endpoint !== undefined) {
    await sessionLogout(server.logout_endpoint, access_token, { ...exchange, fetch: boundFetch(session, exchange) });
    return [];
  }
  if (server.revocation_endpoint !== undefined) return revokeTokens(server.revocation_endpoint, { client_id, refresh_token, access_token }, exchange);
  throw new AuthError("configuration_invalid", `"${server.issuer}" has no way to end a session`);
}
