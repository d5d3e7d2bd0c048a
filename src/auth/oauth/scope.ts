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
 * Those that the user named, else those of the defaults that the server knows.
 *
 * @param server - undefined for the service of the default endpoints, which knows `offline_access`
 * @param isNamedIssuer - whether somebody named this issuer: one that lists no scopes does not know ours
 * @returns empty when nothing is known to ask for, which leaves the choice to the server
 */
export function requestedScope(
  asked: string | undefined,
  server: AuthorizationServer | undefined,
  isNamedIssuer = false,
): string {
  const listed = server?.scopes_supported;
  const knows = listed === undefined ? undefined : new Set(listed);
  const names =
    asked !== undefined
      ? scopeNames(asked)
      : knows === undefined
        ? isNamedIssuer
          ? []
          : ownScopes
        : [...openIdScopes, ...ownScopes].filter((name) => knows.has(name));
  const takesOffline = server === undefined || (knows === undefined ? asked === undefined : knows.has(offline));
  return (takesOffline && !names.includes(offline) ? [offline, ...names] : names).join(" ");
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
