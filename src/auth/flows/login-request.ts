import { createHash } from "node:crypto";
import { isTransient } from "../../base/errors.ts";
import type { Secret } from "../../base/secret.ts";
import type { ExchangeOptions } from "../../http/request.ts";
import {
  defaultAuthorizationServer,
  type AuthorizationServer,
  type KnownServer,
} from "../oauth/authorization-server.ts";
import { discoverAuthorizationServer } from "../oauth/discovery.ts";
import { isIssuerOf, type NamedProvider } from "../oauth/named-providers.ts";
import { requestedScope, scopeNames } from "../oauth/scope.ts";
import { createDpopKey } from "../oauth/dpop-proof.ts";
import type { Profile } from "../session.ts";

/** What the user asks for, as a profile remembers it. Undefined members are left to the server, or to the default. */
export interface LoginParameters
  extends Pick<
    Profile,
    "service" | "issuer" | "clientId" | "clientSecret" | "scope" | "trustedHosts" | "redirectPath"
  > {
  /** The provider, if the user named one. */
  readonly provider?: NamedProvider | undefined;
  /** The server, where it is known already. It is not asked then, unless that was long ago. */
  readonly known?: KnownServer | undefined;
  /** Whether the service may have an API of the default service's kind, which names the user. */
  readonly hasOwnApi: boolean;
  /** Whether tokens may be bound to a key, where the server can do that. */
  readonly dpop: boolean;
  /** What the access tokens are for: an address (RFC 8707), or a name, where a server wants that instead. */
  readonly resource?: string | undefined;
  readonly audience?: string | undefined;
  /** OpenID Connect Core §3.1.2.1. */
  readonly prompt?: string | undefined;
  readonly loginHint?: string | undefined;
}

/** A login's server and parameters, settled before the user is sent anywhere. */
export interface LoginRequest extends KnownServer, Required<Pick<Profile, "service" | "clientId" | "clientSecret">> {
  /** See {@link LoginParameters}. */
  readonly hasOwnApi: boolean;
  readonly isOpenId: boolean;
  readonly scope: string;
  /** The key to bind the tokens to, a new one for each login. */
  readonly dpopKey: Secret | undefined;
  readonly resource: string | undefined;
  readonly trustedHosts: readonly string[];
  readonly redirectPath: string;
  /** Further parameters of the authorization request, in the standards' spelling. */
  readonly extra: Readonly<Record<string, string>>;
}

/** Discovers the authorization server and its features, and settles what the login requests. Throws as `discoverAuthorizationServer`. */
export async function prepareLogin(parameters: LoginParameters, exchange: ExchangeOptions): Promise<LoginRequest> {
  const { service, clientId, resource, audience, loginHint: login_hint } = parameters;
  const { server, isDiscovered, askedAt } = await findServer(parameters, exchange);
  const scope = requestedScope(parameters.scope, isDiscovered ? server : undefined);
  const names = scopeNames(scope);
  const isOpenId = isDiscovered && names.includes("openid");
  // Without it, an OpenID provider ignores `offline_access` (Core §11).
  const prompt =
    parameters.prompt ??
    parameters.provider?.extra["prompt"] ??
    (isOpenId && names.includes("offline_access") ? "consent" : undefined);
  const canBind = server.dpop_signing_alg_values_supported?.includes("ES256") ?? false;
  return {
    service,
    hasOwnApi: parameters.hasOwnApi,
    server,
    isDiscovered,
    askedAt,
    isOpenId,
    clientId,
    clientSecret: parameters.clientSecret,
    scope,
    dpopKey: parameters.dpop && canBind ? createDpopKey() : undefined,
    resource,
    trustedHosts: parameters.trustedHosts ?? [],
    redirectPath: parameters.redirectPath ?? redirectPathOf(server, parameters.issuer === undefined),
    extra: {
      ...parameters.provider?.extra,
      ...(resource && { resource }),
      ...(audience && { audience }),
      ...(prompt && { prompt }),
      ...(login_hint && { login_hint }),
    },
  };
}

/** How long metadata is used after it was read, in milliseconds: endpoints rarely move, and never from one minute to the next. */
const maxAgeMs = 86_400_000;

/**
 * Finds the server of a login by its address. A server that the user has named as the issuer must publish metadata: nothing else
 * says where its endpoints are, and an address that was made up would only be seen to be wrong in the browser. A service without
 * any has the default endpoints, which are on the same host, over the same TLS.
 */
async function findServer(
  { service, issuer, known, provider }: LoginParameters,
  exchange: ExchangeOptions,
): Promise<KnownServer> {
  if (provider?.server !== undefined) return { server: provider.server, isDiscovered: true, askedAt: undefined };
  const now = exchange.clock.now();
  const age = now - (known?.askedAt ?? Number.NEGATIVE_INFINITY);
  if (known !== undefined && age >= 0 && age < maxAgeMs) return known;
  const discovery = await discoverAuthorizationServer(
    issuer ?? service,
    exchange,
    provider && ((found) => isIssuerOf(provider, found)),
  );
  if (discovery.server !== undefined) return { server: discovery.server, isDiscovered: true, askedAt: now };
  const isTrouble = isTransient(discovery.reason);
  // What it published the day before is a better guess than that it publishes nothing.
  if (isTrouble && known?.isDiscovered) return known;
  if (issuer !== undefined) throw discovery.reason;
  return { server: defaultAuthorizationServer(service), isDiscovered: false, askedAt: isTrouble ? undefined : now };
}

/**
 * The path that the browser is redirected to. A hostile issuer can send the browser on to another server, where the same user has
 * an account; the code of that login, brought back to this one, would then go to the issuer. So each issuer gets a path of its own
 * (RFC 9700 §4.4.2): the other server does not know it, or its redirect arrives at another one. Where redirects name their issuer
 * (RFC 9207), that does the same, and a redirect that names none is refused. The services of the defaults have one path registered.
 */
function redirectPathOf(
  { issuer, authorization_response_iss_parameter_supported: namesIssuer = false }: AuthorizationServer,
  isService: boolean,
): string {
  return isService || namesIssuer
    ? "/callback"
    : `/callback/${createHash("sha256").update(issuer).digest("base64url").slice(0, 12)}`;
}
