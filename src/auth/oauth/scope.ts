import { ServiceError, hint, login } from "../../base/errors.ts";
import type { AuthorizationServer } from "./authorization-server.ts";

/** Gives a refresh token (OpenID Connect Core §11). Servers that do not know it may refuse the whole request (RFC 6749 §3.3). */
const offline = "offline_access";
const ownScopes = ["api.read", "api.write"];
/** What names the user at an OpenID provider (Core §5.4). */
const openIdScopes = ["openid", "profile", "email"];

export function scopeNames(scope: string): string[] {
  return scope.split(/\s+/).filter(Boolean);
}

/**
 * Those that the user named, else those of OpenID Connect and of the default service that the server knows.
 *
 * @param server - undefined for the service of the default endpoints, which knows `offline_access`
 * @param own - when the scopes of the default service are requested: at that service always, at an issuer that may serve it if it lists
 *   them, at any other never
 * @returns empty when nothing is known to ask for, which leaves the choice to the server
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
  // Metadata that every OpenID provider must publish (Discovery §3), and none but those: it ignores what it does not know (Core §3.1.2.1).
  return server?.id_token_signing_alg_values_supported === undefined ? [] : openIdScopes;
}

/** Whether a server is one of the defaults' kind, with their scopes, and so may know their client. */
export function listsOwnScopes({ scopes_supported: listed = [] }: AuthorizationServer): boolean {
  return ownScopes.every((name) => listed.includes(name));
}

/**
 * What was requested and not granted. Servers leave out what is granted in another form: the refresh token and the ID token are themselves
 * the grant of `offline_access` and of `openid`. Some write a scope with the address of its resource before it, or leave it out.
 */
export function missingScope(
  requested: string,
  granted: { scope: string; refreshToken?: unknown; idToken?: unknown },
): string | undefined {
  // GitHub separates them by commas.
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

/** An `invalid_scope` says what was sent and what the server knows; every other error is unchanged. */
export function withScopes(error: unknown, { server, scope }: { server: AuthorizationServer; scope: string }): unknown {
  if (!(error instanceof ServiceError) || error.error !== "invalid_scope") return error;
  const { scopes_supported: listed } = server;
  const accepted = scopeNames(scope).filter((name) => listed?.includes(name));
  const known =
    listed === undefined ? "the issuer lists none" : `the issuer lists ${listed.map((name) => `"${name}"`).join(", ")}`;
  const { status, code } = error;
  return new ServiceError(code, `${error.message}: "${scope}" was sent, and ${known}`, {
    status,
    error: error.error,
    hint: hint`Name the scopes you need: ${login(undefined, "--scope", accepted.join(" ") || "…")}`,
    cause: error,
  });
}
