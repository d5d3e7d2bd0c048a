import { createHash } from "node:crypto";
import type { LoginRequest } from "../../auth/flows/login-request.ts";
import type { AuthorizationServer, KnownServer } from "../../auth/oauth/authorization-server.ts";
import { listsOwnScopes, requestedScope, scopeNames } from "../../auth/oauth/scope.ts";
import { withoutEndSlashes } from "../../base/address.ts";
import { AuthError, hint, login } from "../../base/errors.ts";
import type { LoginArguments } from "./arguments.ts";
import type { Destination } from "./destination.ts";
import { isOfTool } from "./place.ts";

export interface LoginPlan extends Destination {
  /** Opens the browser here; else the URL of its last page is pasted. */
  readonly opens: boolean;
  readonly port: number | undefined;
  readonly timeoutMs: number | undefined;
  readonly registersAt: string | undefined;
  /** Whether the issuer may know the default client, used if none can be registered. */
  readonly mayBeKnown: boolean;
  /** Binds the tokens to a key. */
  readonly binds: boolean;
  readonly redirectHost: "127.0.0.1" | "localhost";
  readonly request: LoginRequest;
}

/** Decides a login. Pure. */
export function plan(args: LoginArguments, to: Destination, known: KnownServer): LoginPlan {
  const { profile, provider, wantsRegistration } = to;
  const { server, isDiscovered, askedAt } = known;
  const { issuer } = server;
  const hasOwnApi = isOfDefaultKind(args, to, known);
  // An unknown issuer would reject the client on its page, and the command would wait for a redirect in vain.
  const mayBeKnown = !wantsRegistration || !isDiscovered || (hasOwnApi && listsOwnScopes(server));
  if (!mayBeKnown && server.registration_endpoint === undefined)
    throw new AuthError("configuration_invalid", `"${issuer}" has no client registration, and there is no client ID`, {
      hint: hint`Register this program there, then run: ${login(undefined, "--client-id", "ID")}`,
    });
  const own = hasOwnApi ? (profile.issuer === undefined ? "always" : "listed") : "never";
  const scope = requestedScope(profile.scope, isDiscovered ? server : undefined, own);
  const names = scopeNames(scope);
  const isOpenId = isDiscovered && names.includes("openid");
  const resource = args.resource ?? profile.resource;
  // Without it, an OpenID provider ignores `offline_access` (Core §11).
  const consent = isOpenId && names.includes("offline_access") ? "consent" : undefined;
  const prompt = args.prompt ?? provider?.extra["prompt"] ?? consent;
  // A prompt may be there to choose another account.
  const login_hint = args.loginHint ?? (args.prompt === undefined ? to.expected : undefined);
  const { audience } = args;
  const registeredPath = isOfTool(args, profile) ? (args.tool.redirectPath ?? "/callback") : undefined;
  return {
    ...to,
    ...browserOrCode(args, to, server),
    port: args.port,
    timeoutMs: args.timeoutMs,
    registersAt: wantsRegistration ? server.registration_endpoint : undefined,
    mayBeKnown,
    binds: (args.dpop ?? true) && (server.dpop_signing_alg_values_supported?.includes("ES256") ?? false),
    redirectHost: args.redirectHost ?? provider?.redirectHost ?? "127.0.0.1",
    // A response that did not settle what the server is must not be saved.
    profile: { ...profile, metadata: askedAt === undefined ? undefined : known },
    request: {
      server,
      isDiscovered,
      isOpenId,
      hasOwnApi,
      service: profile.service,
      clientId: profile.clientId,
      clientSecret: profile.clientSecret,
      scope,
      dpopKey: undefined,
      resource,
      trustedHosts: profile.trustedHosts ?? [],
      redirectPath: profile.redirectPath ?? registeredPath ?? redirectPathOf(server, profile.issuer === undefined),
      extra: {
        ...provider?.extra,
        ...(resource && { resource }),
        ...(audience && { audience }),
        ...(prompt && { prompt }),
        ...(login_hint && { login_hint }),
      },
    },
  };
}

/**
 * Whether the service may be of the default's kind, with its API, scopes and client. Without metadata it has its
 * endpoints. An issuer that the user named is if it lists these scopes; that of a tool is what its metadata say.
 */
function isOfDefaultKind(
  args: LoginArguments,
  { profile, provider }: Destination,
  { isDiscovered, server }: KnownServer,
): boolean {
  if (!isDiscovered) return true;
  const { issuer, service, resource } = profile;
  const isApart = issuer === undefined || withoutEndSlashes(issuer) !== service;
  if (isOfTool(args, profile) || provider !== undefined || resource !== undefined) return false;
  return isApart || listsOwnScopes(server);
}

/** Without a browser here or a device login there, a browser elsewhere is left. */
function browserOrCode(
  { open = true }: LoginArguments,
  { login, reason, signals }: Destination,
  { issuer, device_authorization_endpoint: device }: AuthorizationServer,
): Pick<LoginPlan, "login" | "reason" | "opens"> {
  const isAskedFor = signals.length === 0;
  if (login === "browser" || device !== undefined || isAskedFor)
    return { login, reason, opens: open && login === "browser" };
  return { login: "browser", reason: `${reason}, and "${issuer}" has no device login`, opens: false };
}

/**
 * A hostile issuer can send the browser on to another server, where the same user has an account, and get the code of
 * that login. So each issuer has its own redirect path (RFC 9700 §4.4.2): the other server does not know it, or
 * redirects to another one. Redirects that name their issuer (RFC 9207) do the same. The default services have one path
 * registered.
 */
function redirectPathOf(
  { issuer, authorization_response_iss_parameter_supported: namesIssuer = false }: AuthorizationServer,
  isService: boolean,
): string {
  return isService || namesIssuer
    ? "/callback"
    : `/callback/${createHash("sha256").update(issuer).digest("base64url").slice(0, 12)}`;
}
