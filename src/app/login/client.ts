import { callbackPorts } from "../../auth/loopback/callback-port.ts";
import type { Client } from "../../auth/oauth/client-authentication.ts";
import { registerClient } from "../../auth/oauth/client-registration.ts";
import type { Profile } from "../../auth/sessions/session.ts";
import { isTransient, ServiceError } from "../../base/errors.ts";
import type { Identity } from "../../base/identity.ts";
import type { ExchangeOptions } from "../../http/request.ts";
import type { LoginPlan } from "./plan.ts";

type LoginClient = Client & Pick<Profile, "registeredUntil">;

/** The known client, or one registered for the login (RFC 7591). */
export async function clientOf(
  planned: LoginPlan,
  identity: Identity,
  exchange: ExchangeOptions,
): Promise<LoginClient> {
  const { clientId, clientSecret, registeredUntil } = planned.profile;
  try {
    if (planned.registersAt !== undefined) return await register(planned.registersAt, planned, identity, exchange);
  } catch (error) {
    // Some servers register only clients they know already, and may know this one.
    if (!planned.mayBeKnown || !(error instanceof ServiceError) || isTransient(error)) throw error;
  }
  return { clientId, clientSecret, registeredUntil };
}

/**
 * Registers every port of the callback: servers must accept any loopback port (RFC 8252 §7.3), but many compare the
 * whole URL.
 */
async function register(
  endpoint: string,
  { redirectHost, port, request: { scope, redirectPath } }: LoginPlan,
  { name, version }: Identity,
  exchange: ExchangeOptions,
): Promise<LoginClient> {
  const redirect_uris = callbackPorts(port).map((number) => `http://${redirectHost}:${number}${redirectPath}`);
  const metadata = {
    client_name: name,
    software_id: name,
    software_version: version,
    redirect_uris,
    scope: scope || undefined,
  };
  const { client_id, client_secret, client_secret_expires_at } = await registerClient(endpoint, metadata, exchange);
  return { clientId: client_id, clientSecret: client_secret, registeredUntil: client_secret_expires_at * 1000 };
}
