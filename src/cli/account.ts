import type { App } from "../app/app.ts";
import { defaultTeam, isAlive, unknownProfile, type Profile, type Profiles, type Session } from "../auth/session.ts";
import { timeHere } from "./format.ts";
import type { AuthStatus, StorageStatus } from "./json-output.ts";

/**
 * What a session that cannot be refreshed comes to, as the end of a sentence.
 *
 * @param now - this machine's clock, milliseconds since 1970
 */
export function endOfSession({ accessTokenExpiresAt: ends, clockOffsetMs }: Session, now: number): string {
  return ends === undefined ? "log in again when the service refuses the access token" : `log in again at ${timeHere(ends - clockOffsetMs, now)}`;
}

/** The profile that a command is about. */
export interface ChosenProfile {
  readonly name: string;
  /** Undefined when no profile was named and the active one was never logged in to. */
  readonly profile: Profile | undefined;
  readonly all: Profiles;
}

/**
 * The profile that a command is about: the one that the option names, else the variable, else the folder's file, else the
 * active one.
 *
 * @throws {@link NotAuthenticatedError} when the one that is named does not exist; {@link AuthError} `storage_…`
 */
export async function chosenProfile({ store, settings }: App): Promise<ChosenProfile> {
  const all = await store.read();
  const name = settings.profile?.value ?? all.active;
  const profile = all.profiles.get(name);
  // A token of the environment needs no profile, and a job on a clone whose file names one has none.
  if (profile === undefined && settings.profile && !settings.accessToken) throw unknownProfile(name, all, settings.profile.source);
  return { name, profile, all };
}

/** The status of a profile, as far as it is known without asking the service. */
export function statusOf(name: string, profile: Profile | undefined, app: App): AuthStatus {
  const known = {
    checked: false,
    profile: name,
    profileSource: app.settings.profile?.source ?? "active",
    ...(profile && { service: profile.service }),
    ...(profile?.issuer !== undefined && profile.issuer !== profile.service && { issuer: profile.issuer }),
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
    hasRefreshToken: session.refreshToken !== undefined,
    scope: session.scope,
    ...(session.missingScope !== undefined && { missingScope: session.missingScope }),
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

function storageOf(app: App): StorageStatus {
  if (!app.isKept) return { kind: "memory", key: "none" };
  const key = app.sealedFile.header()?.source;
  return { kind: key === "keychain" ? "keychain" : "file", key: key ?? "none", path: app.sealedFile.path };
}
