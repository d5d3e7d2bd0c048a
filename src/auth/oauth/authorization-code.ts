import type { Secret } from "../../base/secret.ts";
import type { AuthorizationServer } from "./authorization-server.ts";
import type { ExchangeOptions } from "../../http/request.ts";
import { tokenRequest, tokenResponse, type TokenResponse } from "./token-endpoint.ts";

/**
 * Exchanges an authorization code for tokens (RFC 6749 §4.1.3, RFC 7636 §4.5).
 *
 * Sent once and never again: a code is good for one use, and a server that sees it twice revokes what it issued (§4.1.2).
 *
 * @param server - the server that the user was sent to
 * @param grant - the code from the callback, the verifier whose challenge was sent, the very redirect URI of the request, and
 * the resource that the token is for, where one was asked for (RFC 8707 §2.2)
 * @throws {@link ServiceError} as `tokenResponse`
 */
export async function authorizationCodeGrant(
  server: AuthorizationServer,
  grant: { client_id: string; code: Secret; code_verifier: Secret; redirect_uri: string; resource?: string | undefined },
  options: ExchangeOptions,
): Promise<TokenResponse> {
  const parameters = {
    grant_type: "authorization_code",
    client_id: grant.client_id,
    code: grant.code.reveal(),
    code_verifier: grant.code_verifier.reveal(),
    redirect_uri: grant.redirect_uri,
    resource: grant.resource,
  };
  return tokenResponse(await tokenRequest(server, parameters, options));
}
