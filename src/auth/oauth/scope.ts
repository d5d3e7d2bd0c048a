import { ServiceError, hint, login } from "../../base/errors.ts";
import type { AuthorizationServer } from "./authorization-server.ts";

/** OpenID Connect Core §11. Servers that do not know it may refuse the request (RFC 6749 §3.3). */
const offline = "offline_access";
const ownScopes = ["api.read", "api.write"];
/** For the user's names (Core §5.4). */
const openIdScopes = ["openid", "profile", "email"];

export function scopeNames(scope: string): string[] {
  return scope.split(/\s+/).filter(Boolean);
}

/**
 * The user's scopes, else those of OpenID Connect and of the default service that the server knows.
 *
 * @param server - undefined for the default service, which knows `offline_access`
 * @param own - whether to request the default service's scopes: at that service always, at an issuer that may serve it
 *   if listed, elsewhere never
 * @returns empty when no scope is known, which leaves the choice to the server
 */
export function requestedScope(
  asked: string | undefined,
  server: AuthorizationServer | undefined,
  own: "always" | "listed" | "never",
): string {
  const listed = server?.scopes_supported;
  const names = asked === undefined ? knownScopes(server, own) : scopeNames(asked);
  const takesOffline = server === undefined || (listed === undefined ? asked === undefined : listed.includes(offline));
  return (takesOffline && !names.includes(offline) ? [offline, ...names] : names).join(" ");
}

function knownScopes(server: AuthorizationServer | undefined, own: "always" | "listed" | "never"): string[] {
  const listed = server?.scopes_supported;
  if (listed !== undefined)
    return [...openIdScopes, ...(own === "never" ? [] : ownScopes)].filter((name) => listed.includes(name));
  if (own === "always") return ownScopes;
  // Only OpenID providers must publish this (Discovery §3), and they ignore unknown scopes (Core §3.1.2.1).
  return server?.id_token_signing_alg_values_supported === undefined ? [] : openIdScopes;
}

/** Whether a server is of the defaults' kind, with their scopes and perhaps their client. */
export function listsOwnScopes({ scopes_supported: listed = [] }: AuthorizationServer): boolean {
  return ownScopes.every((name) => listed.includes(name));
}

/**
 * Servers omit what they grant in another form: the refresh token is the grant of `offline_access`, the ID token of
 * `openid`. Some add a resource's URL in front of a scope, or omit it.
 */
export function missingScope(
  requested: string,
  granted: { scope: string; refreshToken?: unknown; idToken?: unknown },
): string | undefined {
  // GitHub separates by commas.
  const names = granted.scope.split(/[\s,]+/).filter(Boolean);
  const isGranted = (name: string): boolean => {
    if (
      (name === offline && granted.refreshToken !== undefined) ||
      (openIdScopes.includes(name) && granted.idToken !== undefined)
    )
      return true;
    return names.some(
      (given) =>
        given === name ||
        given.endsWith(`/${name}`) ||
        given.endsWith(`/userinfo.${name}`) ||
        name.endsWith(`/${given}`),
    );
  };
  return (
    scopeNames(requested)
      .filter((name) => !isGranted(name))
      .join(" ") || undefined
  );
}

/** For an `invalid_scope`: what was sent, and what the server knows. */
export function withScopes(error: unknown, { server, scope }: { server: AuthorizationServer; scope: string }): unknown {
  if (!(error instanceof ServiceError) || error.error !== "invalid_scope") return error;
  const { scopes_supported: listed } = server;
  const accepted = scopeNames(scope).filter((name) => listed?.includes(name));
  const known =
    listed === undefined ? "the issuer lists none" : `the issuer lists ${listed.map((name) => `"${name}"`).join(", ")}`;
  const { status, code } = error;
  return new ServiceError(code, `${error.message}: the login requested "${scope}", and ${known}`, {
    status,
    error: error.error,
    hint: hint`Name the scopes you need: ${login(undefined, "--scope", accepted.join(" ") || "…")}`,
    cause: error,
  });
}
