import { AuthError } from "../../base/errors.ts";
import type { Secret } from "../../base/secret.ts";
import { form, readJsonObject, send, serviceFailure, type ExchangeOptions } from "../../http/request.ts";

/** How it went for one token. */
export interface Revocation {
  readonly token: "refresh_token" | "access_token";
  /** Why it may live on until it expires; undefined when it does not. */
  readonly error: AuthError | undefined;
}

/**
 * Revokes what a session holds (RFC 7009 §2.1). The refresh token comes first: it is the one that lives long, and a server
 * revokes the rest of the grant with it where it can. A failure with one is no reason to spare the other.
 *
 * @param endpoint - `revocation_endpoint` of the server that issued the tokens
 * @param grant - the client and its tokens
 * @returns one result for each token, in the order they were sent
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
 * Judges what the revocation endpoint answered. A token that it does not know is success: there is nothing left to revoke
 * (RFC 7009 §2.2).
 *
 * @throws {@link ServiceError} as `serviceFailure`, such as `unsupported_token_type` for an access token that cannot be revoked
 */
async function revocationResponse(response: Response): Promise<void> {
  if (response.status !== 200) throw serviceFailure(response, await readJsonObject(response));
  await response.body?.cancel();
}
