import { AuthError } from "../../base/errors.ts";
import type { Secret } from "../../base/secret.ts";
import { form, readJsonObject, send, serviceFailure, type ExchangeOptions } from "../../http/request.ts";

/** The result for one token. */
export interface Revocation {
  readonly token: "refresh_token" | "access_token";
  /** Why it may stay valid until it expires; undefined when it was revoked. */
  readonly error: AuthError | undefined;
}

/**
 * Revokes the tokens of a session (RFC 7009 §2.1). The refresh token comes first: it is the long-lived one, and a server revokes
 * the rest of the grant with it where it can. If one fails, the other is revoked all the same.
 *
 * @param endpoint - `revocation_endpoint` of the server that issued the tokens
 * @param grant - the client and its tokens
 * @returns one result for each token, in the order of the requests
 */
export async function revokeTokens(
  endpoint: string,
  grant: { client_id: string; refresh_token: Secret | undefined; access_token: Secret },
  options: ExchangeOptions,
): Promise<readonly Revocation[]> {
  const results: Revocation[] = [];
  for (const token of ["refresh_token", "access_token"] as const) {
    const value = grant[token];
    if (value === undefined) continue;
    const request = form({ token: value.reveal(), token_type_hint: token, client_id: grant.client_id });
    try {
      await revocationResponse(await send(endpoint, request, options));
      results.push({ token, error: undefined });
    } catch (error) {
      if (!(error instanceof AuthError)) throw error;
      results.push({ token, error });
    }
  }
  return results;
}

/**
 * Judges the answer of the revocation endpoint. A token that it does not know is a success: there is nothing left to revoke
 * (RFC 7009 §2.2).
 *
 * @throws {@link ServiceError} as `serviceFailure`, such as `unsupported_token_type` for an access token that cannot be revoked
 */
async function revocationResponse(response: Response): Promise<void> {
  if (response.status !== 200) throw serviceFailure(response, await readJsonObject(response));
  await response.body?.cancel();
}
