import type { Secret } from "../../base/secret.ts";
import { readJsonObject, send, serviceFailure, type ExchangeOptions } from "../../http/request.ts";

/**
 * Ends the session at the server (the service's own `POST /api/v1/logout`). A server that says it knows of no such session
 * (401, 403) has nothing left to end: that is success too.
 *
 * @param endpoint - `logout_endpoint` of the authorization server
 * @throws {@link ServiceError} when the server failed or did not answer: the tokens may live on until they expire
 */
export async function sessionLogout(endpoint: string, accessToken: Secret, options: ExchangeOptions): Promise<void> {
  const response = await send(endpoint, { method: "POST", headers: { authorization: `Bearer ${accessToken.reveal()}` } }, options);
  if (response.ok || response.status === 401 || response.status === 403) return void (await response.body?.cancel());
  throw serviceFailure(response, await readJsonObject(response));
}
