import type { App } from "../app/app.ts";
import { defaultTeam, type EndedLogin, type ProfileInUse, type Session } from "../auth/sessions/session.ts";
import { seemsExpired } from "../auth/token-manager/ended-login.ts";
import { timeHere } from "./format.ts";
import type { JsonOutput } from "./json-output.ts";
import { isoTime, type Printed } from "./output.ts";

export type Status = Printed<JsonOutput["auth status"]>;

export function endOfSession({ accessTokenExpiresAt: ends, clockOffsetMs }: Session, now: number): string {
  return ends === undefined
    ? "log in again when the service rejects the access token"
    : `log in again at ${timeHere(ends - clockOffsetMs, now)}`;
}

export function statusOf({ name, source, profile }: ProfileInUse, app: App): Status {
  const known = {
    checked: false,
    profile: name,
    profileSource: source,
    service: profile?.service,
    issuer: profile?.issuer === profile?.service ? undefined : profile?.issuer,
    storage: storageOf(app),
    ended: profile?.ended && endedOutput(profile.ended),
  };
  const session = profile?.session;
  if (profile === undefined || session === undefined) return { authenticated: false, ...known };
  const team = defaultTeam(profile);
  return {
    authenticated: true,
    expired: seemsExpired(session, app.clock.now()) && true,
    ...known,
    tokenType: session.tokenType,
    hasRefreshToken: session.refreshToken !== undefined,
    scope: session.scope,
    missingScope: session.missingScope,
    user: session.user,
    team: team && { id: team.id, name: team.name },
    teams: session.teams,
    accessTokenExpiresAt: isoTime(session.accessTokenExpiresAt),
    refreshTokenExpiresAt: session.refreshToken && session.refreshTokenExpiresAt,
    sessionId: session.sessionId,
    authFlow: session.authFlow,
    authenticatedAt: isoTime(session.authenticatedAt),
    refreshedAt: isoTime(session.issuedAt),
    refreshedBy: session.refreshedBy,
  };
}

export function endedOutput({
  endedAt,
  issuedAt,
  ...ended
}: EndedLogin): Printed<NonNullable<JsonOutput["auth status"]["ended"]>> {
  const { user, reason, by, said, refreshedBy } = ended;
  return { user, reason, endedAt: isoTime(endedAt), by, said, refreshedAt: isoTime(issuedAt), refreshedBy };
}

function storageOf(app: App): JsonOutput["auth status"]["storage"] {
  if (!app.isKept || (app.isLocal && app.missingFolder)) return { kind: "memory", key: "none" };
  if (app.sharedStore !== undefined) return { kind: "shared", ...app.sharedStore };
  const { folder, keys } = app.local;
  const key = keys.own()?.way.source;
  return { kind: key === "keychain" ? "keychain" : "file", key: key ?? "none", path: folder };
}
