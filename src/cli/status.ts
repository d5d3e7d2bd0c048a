import type { App } from "../app/app.ts";
import type { KeyHeader } from "../auth/secure-storage/vault.ts";
import { defaultTeam, isAlive, type Profile } from "../auth/session.ts";
import type { AuthStatus, StorageStatus } from "./json-output.ts";

/** Describes a profile without asking anybody. */
export function statusOf(name: string, profile: Profile | undefined, app: App): AuthStatus {
  const known = {
    checked: false,
    profile: name,
    profileSource: app.settings.profile?.source ?? "active",
    ...(profile && { service: profile.service }),
    ...(profile?.issuer !== undefined && { issuer: profile.issuer }),
    storage: storageOf(app),
  };
  const session = profile?.session;
  if (profile === undefined || session === undefined) return { authenticated: false, ...known };
  const team = defaultTeam(profile);
  const refreshEnds = session.refreshToken === undefined ? undefined : session.refreshTokenExpiresAt;
  return {
    authenticated: isAlive(session, app.clock.now()),
    ...known,
    tokenType: session.tokenType,
    user: session.user,
    ...(team && { team: { id: team.id, name: team.name } }),
    teams: session.teams,
    ...(session.accessTokenExpiresAt !== undefined && { accessTokenExpiresAt: new Date(session.accessTokenExpiresAt).toISOString() }),
    ...(refreshEnds !== undefined && { refreshTokenExpiresAt: refreshEnds }),
    ...(session.sessionId !== undefined && { sessionId: session.sessionId }),
    authFlow: session.authFlow,
    authenticatedAt: new Date(session.authenticatedAt).toISOString(),
    lastUsedAt: new Date(session.issuedAt).toISOString(),
  };
}

/**
 * Describes what a token of the environment makes of a profile: requests go to its service, or to the one that the
 * environment names, and in whose name they go is not known here. The profile's own session is not used, so it is not told.
 */
export function environmentTokenStatus(name: string, profile: Profile | undefined, app: App): AuthStatus {
  const service = app.settings.service?.value ?? profile?.service;
  const known = statusOf(name, profile && { ...profile, session: undefined }, app);
  return { ...known, authenticated: true, tokenSource: "SPEC_KITTY_ACCESS_TOKEN", ...(service !== undefined && { service }) };
}

function storageOf(app: App): StorageStatus {
  if (!app.isKept) return { kind: "memory", key: "none" };
  const key: KeyHeader["source"] | undefined = app.sealedFile.header()?.source;
  return { kind: key === "keychain" ? "keychain" : "file", key: key ?? "none", path: app.sealedFile.path };
}

/** What each place protects against and how long a session lasts there, in words. */
export function describeStorage({ kind, key, path }: StorageStatus): string {
  if (kind === "memory") return "memory: ends with this process";
  if (key === "none") return `nothing stored in ${path}`;
  const lasts = "lasts until you log out";
  if (key === "keychain") return `keychain: sealed in ${path}, the key in the OS keychain; ${lasts}`;
  if (key === "passphrase") return `file: sealed in ${path} with SPEC_KITTY_PASSPHRASE; ${lasts}`;
  return `file: sealed in ${path} for this machine and user, which guards a stray copy and not against your own programs; ${lasts}`;
}
