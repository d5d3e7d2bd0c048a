import type { Identity } from "../../base/identity.ts";
import type { Secret } from "../../base/secret.ts";
import type { ExchangeOptions } from "../../http/request.ts";
import { callbackPorts, type RedirectHost } from "../loopback/callback-port.ts";
import { clientRegistrationRequest, clientRegistrationResponse } from "../oauth/client-registration.ts";
import type { LoginRequest } from "./login-request.ts";

/** A client of this program's own at a server. */
export interface OwnClient {
  readonly clientId: string;
  readonly clientSecret: Secret | undefined;
  /** When its secret expires, milliseconds since 1970; 0 for never, as the RFC has it. */
  readonly registeredUntil: number;
}

/**
 * Registers this program at the server of a login (RFC 7591).
 *
 * Every port of the callback is registered: a server must accept any port on loopback (RFC 8252 §7.3), and many compare the whole
 * address.
 *
 * @param request - its server has a `registration_endpoint`
 * @throws {@link ServiceError} when the server refuses
 */
export async function registerClient(
  { server, scope, redirectPath }: LoginRequest,
  { name, version }: Identity,
  { redirectHost = "127.0.0.1", port }: { redirectHost?: RedirectHost | undefined; port?: number | undefined },
  exchange: ExchangeOptions,
): Promise<OwnClient> {
  const redirect_uris = callbackPorts(port).map((number) => `http://${redirectHost}:${number}${redirectPath}`);
  const client = { client_name: name, software_id: name, software_version: version, redirect_uris, scope: scope || undefined };
  const response = await clientRegistrationRequest(server.registration_endpoint ?? "", client, exchange);
  const { client_id, client_secret, client_secret_expires_at: expires } = await clientRegistrationResponse(response);
  return { clientId: client_id, clientSecret: client_secret, registeredUntil: expires * 1000 };
}
