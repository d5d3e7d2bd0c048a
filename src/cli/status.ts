import type { App } from "../app.ts";
import type { KeyHeader } from "../auth/secure-storage/vault.ts";
import { defaultTeam, remainingMs, type Profile } from "../auth/session.ts";

/** Where the sessions are kept, as a program reads it. */
export interface StorageStatus {
  /** As `--storage` takes it. */
  readonly kind: "keychain" | "file" | "memory";
  /** Where the key of the sealed file comes from. */
  readonly key: "keychain" | "passphrase" | "machine" | "none";
  readonly path?: string;
}

/** What `spec-kitty auth status --json` prints. Times are ISO 8601 in UTC. */
export interface AuthStatus {
  readonly authenticated: boolean;
  readonly profile: string;
  readonly service?: string;
  readonly user?: { readonly id: string; readonly email?: string; readonly name?: string };
  /** The default team. */
  readonly team?: { readonly id: string; readonly name: string };
  readonly teams?: readonly { readonly id: string; readonly name: string; readonly role?: string; readonly isPrivateTeamspace?: boolean }[];
  readonly accessTokenExpiresAt?: string;
  /** Absent when only the service knows. */
  readonly refreshTokenExpiresAt?: string;
  readonly storage: StorageStatus;
  readonly sessionId?: string;
  readonly authFlow?: "authorization_code" | "device_code";
  readonly authenticatedAt?: string;
  /** When tokens were last taken from the service: at login or by a refresh. */
  readonly lastUsedAt?: string;
}

/** Describes a profile without asking anybody. */
export function statusOf(name: string, profile: Profile | undefined, app: App): AuthStatus {
  const storage = storageOf(app);
  const session = profile?.session;
  if (profile === undefined || session === undefined) {
    return { authenticated: false, profile: name, ...(profile && { service: profile.service }), storage };
  }
  const team = defaultTeam(profile);
  const now = app.clock.now();
  const ends = session.refreshToken === undefined ? undefined : session.refreshTokenExpiresAt;
  const canRefresh = session.refreshToken !== undefined && (ends === undefined || Date.parse(ends) > now + session.clockOffsetMs);
  return {
    authenticated: canRefresh || remainingMs(session, now) > 0,
    profile: name,
    service: profile.service,
    user: session.user,
    ...(team && { team: { id: team.id, name: team.name } }),
    teams: session.teams,
    ...(session.accessTokenExpiresAt !== undefined && { accessTokenExpiresAt: new Date(session.accessTokenExpiresAt).toISOString() }),
    ...(ends !== undefined && { refreshTokenExpiresAt: ends }),
    storage,
    ...(session.sessionId !== undefined && { sessionId: session.sessionId }),
    authFlow: session.authFlow,
    authenticatedAt: new Date(session.authenticatedAt).toISOString(),
    lastUsedAt: new Date(session.issuedAt).toISOString(),
  };
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
