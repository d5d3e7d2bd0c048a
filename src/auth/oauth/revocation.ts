import { AuthError, ServiceError } from "../../base/errors.ts";
import type { Secret } from "../../base/secret.ts";
import { discardBody } from "../../http/peek.ts";
import { form, readJsonObject, send, serviceFailure, type ExchangeOptions } from "../../http/request.ts";

export interface Revocation {
  readonly token: "refresh_token" | "access_token";
  /** Why it may stay valid until it expires. */
  readonly error: AuthError | undefined;
}

/** RFC 7009 §2.1. The refresh token first: with it, servers revoke the rest of the grant where they can. */
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
      // A server that no longer knows the access token has ended it with the refresh token.
      const isEnded =
        token === "access_token" && results[0]?.error === undefined && results.length > 0 && saysUnknown(error);
      results.push({ token, error: isEnded ? undefined : error });
    }
  }
  return results;
}

/** RFC 7009 §2.2 wants a 200, but some servers have their own error. Only the token differs from the request before. */
function saysUnknown(error: AuthError): boolean {
  if (!(error instanceof ServiceError) || error.code !== "service_rejected") return false;
  return [
    "invalid_token",
    "invalid_request",
    "invalid_grant",
    "token_revoked",
    "token_expired",
    "expired_token",
  ].includes(error.error ?? "");
}

/** Nothing is left to revoke (RFC 7009 §2.2). */
async function revocationResponse(response: Response): Promise<void> {
  if (response.status !== 200) throw serviceFailure(response, await readJsonObject(response));
  await discardBody(response);
}
