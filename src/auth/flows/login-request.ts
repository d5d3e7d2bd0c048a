import type { Secret } from "../../base/secret.ts";
import { defaultAuthorizationServer, type AuthorizationServer } from "../oauth/authorization-server.ts";
import { discoverAuthorizationServer } from "../oauth/discovery.ts";
import { createDpopKey } from "../oauth/dpop.ts";
import type { ExchangeOptions } from "../../http/request.ts";

/** What the user wants of a login. What is undefined is left to the server, or to the default. */
export interface LoginWishes {
  /** The service that the tokens are for, from `parseServiceUrl`. */
  readonly service: string;
  /** Who issues them, exactly as it names itself; undefined: the service does. */
  readonly issuer?: string | undefined;
  readonly clientId: string;
  /** Scopes, separated by spaces; `offline_access` is added. */
  readonly scope?: string | undefined;
  /** Whether tokens may be bound to a key, where the server can do that. */
  readonly dpop: boolean;
  /** What the access tokens are for: an address (RFC 8707), or a name, where a server wants that instead. */
  readonly resource?: string | undefined;
  readonly audience?: string | undefined;
  /** OpenID Connect Core §3.1.2.1. */
  readonly prompt?: string | undefined;
  readonly loginHint?: string | undefined;
}

/** What a login asks for, and of whom: settled before the user is sent anywhere. */
export interface LoginRequest {
  readonly service: string;
  readonly server: AuthorizationServer;
  /** Whether the server has published what it is. One that has not is the service of the defaults, and nothing else is tried. */
  readonly isDiscovered: boolean;
  /** Whether an ID token is due. */
  readonly isOpenId: boolean;
  readonly clientId: string;
  readonly scope: string;
  /** The key that the tokens are to be bound to, a new one for each login. */
  readonly dpopKey: Secret | undefined;
  readonly resource: string | undefined;
  /** What the request for authorization carries besides the parameters of its flow, in the standards' spelling. */
  readonly extra: Readonly<Record<string, string>>;
}

/**
 * Finds out what the server is and can do, and settles what a login asks of it.
 *
 * @throws {@link ServiceError} as `discoverAuthorizationServer`
 */
export async function prepareLogin(wishes: LoginWishes, exchange: ExchangeOptions): Promise<LoginRequest> {
  const { service, issuer = service, clientId, resource, audience, loginHint: login_hint } = wishes;
  const discovered = await discoverAuthorizationServer(issuer, issuer !== service, exchange);
  const server = discovered ?? defaultAuthorizationServer(issuer, service);
  const scope = requestedScope(wishes.scope);
  const isOpenId = discovered !== undefined && scope.split(" ").includes("openid");
  // Without it an OpenID provider leaves `offline_access` out (Core §11).
  const prompt = wishes.prompt ?? (isOpenId ? "consent" : undefined);
  const canBind = server.dpop_signing_alg_values_supported?.includes("ES256") ?? false;
  return {
    service,
    server,
    isDiscovered: discovered !== undefined,
    isOpenId,
    clientId,
    scope,
    dpopKey: wishes.dpop && canBind ? createDpopKey() : undefined,
    resource,
    extra: { ...(resource && { resource }), ...(audience && { audience }), ...(prompt && { prompt }), ...(login_hint && { login_hint }) },
  };
}

/** Scopes to ask for, always with the one that brings a refresh token (OpenID Connect Core §11). */
function requestedScope(scope: string | undefined): string {
  const names = (scope ?? "offline_access api.read api.write").split(/\s+/).filter(Boolean);
  return names.includes("offline_access") ? names.join(" ") : ["offline_access", ...names].join(" ");
}
