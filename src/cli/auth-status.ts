import type { App } from "../app/app.ts";
import { defaultTeam, type EndedLogin, type ProfileInUse, type Session } from "../auth/sessions/session.ts";
import { seemsExpired } from "../auth/token-manager/ended-login.ts";
import { timeHere } from "./format.ts";
import type { AuthStatus, EndedLoginOutput, StorageStatus } from "./json-output.ts";

export function endOfSession({ accessTokenExpiresAt: ends, clockOffsetMs }: Session, now: number): string {
  return ends === undefined
    ? "log in again when the service refuses the access token"
    : `log in again at ${timeHere(ends - clockOffsetMs, now)}`;
}

export function statusOf({ name, source, profile }: ProfileInUse, app: App): AuthStatus {
  const ended = profile?.ended;
  const known = {
    checked: false,
    profile: name,
    profileSource: source,
    ...(profile && { service: profile.service }),
    ...(profile?.issuer !== undefined && profile.issuer !== profile.service && { issuer: profile.issuer }),
    storage: storageOf(app),
    ...(ended && { ended: endedOutput(ended) }),
  };
  const session = profile?.session;
  if (profile === undefined || session === undefined) return { authenticated: false, ...known };
  const team = defaultTeam(profile);
  const refreshEnds = session.refreshToken === undefined ? undefined : session.refreshTokenExpiresAt;
  return {
    authenticated: true,
    ...(seemsExpired(session, app.clock.now()) && { expired: true }),
    ...known,
    tokenType: session.tokenType,
    hasRefreshToken: session.refreshToken !== undefined,
    scope: session.scope,
    ...(session.missingScope !== undefined && { missingScope: session.missingScope }),
    user: session.user,
    ...(team && { team: { id: team.id, name: team.name } }),
    teams: session.teams,
    ...(session.accessTokenExpiresAt !== undefined && {
      accessTokenExpiresAt: new Date(session.accessTokenExpiresAt).toISOString(),
    }),
    ...(refreshEnds !== undefined && { refreshTokenExpiresAt: refreshEnds }),
    ...(session.sessionId !== undefined && { sessionId: session.sessionId }),
    authFlow: session.authFlow,
    authenticatedAt: new Date(session.authenticatedAt).toISOString(),
    refreshedAt: new Date(session.issuedAt).toISOString(),
    ...(session.refreshedBy !== undefined && { refreshedBy: session.refreshedBy }),
  };
}

export function endedOutput({ user, reason, endedAt, by, said, issuedAt, refreshedBy }: EndedLogin): EndedLoginOutput {
  return {
    user,
    reason,
    endedAt: new Date(endedAt).toISOString(),
    ...(by !== undefined && { by }),
    ...(said !== undefined && { said }),
    refreshedAt: new Date(issuedAt).toISOString(),
    ...(refreshedBy !== undefined && { refreshedBy }),
  };
}

function storageOf(app: App): StorageStatus {
  if (!app.isKept || (app.isLocal && app.missingFolder)) return { kind: "memory", key: "none" };
  if (app.sharedStore !== undefined) return { kind: "shared", ...app.sharedStore };
  const { folder, keys } = app.local;
  const key = keys.own()?.way.source;
  return { kind: key === "keychain" ? "keychain" : "file", key: key ?? "none", path: folder };
}
