import type { LoginRequest } from "../../auth/flows/login-request.ts";
import { callbackPorts } from "../../auth/loopback/callback-port.ts";
import { registerClient } from "../../auth/oauth/client-registration.ts";
import { namedProvider } from "../../auth/oauth/named-providers.ts";
import { AuthError, isTransient, ServiceError, hint, login } from "../../base/errors.ts";
import type { Identity } from "../../base/identity.ts";
import type { ExchangeOptions } from "../../http/request.ts";
import type { App } from "../app.ts";
import { defaultClientId } from "../settings.ts";
import type { LoginOptions } from "./options.ts";
import type { LoginTarget } from "./target.ts";

/** Why only a device login works for a client of this provider, if that is so. */
export function deviceReason({ provider, clientSecret }: LoginTarget): string | undefined {
  const isMissing =
    provider !== undefined && namedProvider(provider).needsSecret === "browser" && clientSecret === undefined;
  return isMissing ? `${provider.name} requires a client secret for a login in the browser` : undefined;
}

/** Checks, before the provider is asked anything, that there is a client for it: nobody can register one for all who run this program. */
export function requireClient({ provider, clientId, clientSecret }: LoginTarget, flow: "browser" | "device"): void {
  if (provider === undefined) return;
  const { needsSecret, documentation } = namedProvider(provider);
  const again = (...options: string[]): ReturnType<typeof login> =>
    login(undefined, "--provider", provider.name, ...options);
  if (clientId === defaultClientId) {
    throw new AuthError(
      "configuration_invalid",
      `${provider.name} requires a client of your own, and no client ID was given`,
      {
        hint: hint`Register one as ${documentation} says, then run: ${again("--client-id", "ID")}`,
      },
    );
  }
  if (clientSecret === undefined && (needsSecret === "always" || (needsSecret === "browser" && flow === "browser"))) {
    throw new AuthError(
      "configuration_invalid",
      `${provider.name} requires the client secret that it gave with the client ID`,
      {
        hint: hint`Set ${{ variable: "CLIENT_SECRET" }}, or run: ${again("--client-secret-file", "FILE")}`,
      },
    );
  }
}

/** The client of a login: the one that is known, or one that is registered for it. */
export interface LoginClient extends Pick<LoginRequest, "clientId" | "clientSecret"> {
  /** As `Profile` has it. */
  readonly registeredUntil: number | undefined;
}

/**
 * Registers this program as a client where that is needed and the server lets anybody do so (RFC 7591). Throws `configuration_invalid` when a
 * resource's issuer knows no client of ours.
 */
export async function clientOf(
  app: App,
  target: LoginTarget,
  request: LoginRequest,
  options: LoginOptions,
  exchange: ExchangeOptions,
): Promise<LoginClient> {
  const { clientId, clientSecret } = request;
  const known = { clientId, clientSecret, registeredUntil: target.registeredUntil };
  if (!target.wantsRegistration) return known;
  const { issuer, registration_endpoint: endpoint } = request.server;
  try {
    if (endpoint !== undefined) return await register(endpoint, request, app.identity, options, exchange);
  } catch (error) {
    // Some register only clients that they know already, and may know this program.
    if (target.resource !== undefined || !(error instanceof ServiceError) || isTransient(error)) throw error;
  }
  if (target.resource === undefined) return known;
  throw new AuthError(
    "configuration_invalid",
    `"${issuer}" does not let programs register themselves, and no client ID was given`,
    {
      hint: hint`Register this program there, then run: ${login(undefined, target.service, "--client-id", "ID")}`,
    },
  );
}

/** Registers every port of the callback: a server must accept any port on loopback (RFC 8252 §7.3), and many compare the whole address. */
async function register(
  endpoint: string,
  { scope, redirectPath }: LoginRequest,
  { name, version }: Identity,
  { redirectHost = "127.0.0.1", port }: LoginOptions,
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
