import type { Profile, Session } from "../auth/sessions/session.ts";
import { lastLogin, whyEnded } from "../auth/token-manager/ended-login.ts";
import { isBeforeIssue } from "../auth/token-manager/freshness.ts";
import type { TokenSource } from "../auth/token-manager/token-source.ts";
import { localTime } from "../base/duration.ts";
import type { Identity } from "../base/identity.ts";
import { endOfSession, type Status } from "./auth-status.ts";
import type { Row } from "./format.ts";

export function lentRows(found: Status, { host, until }: NonNullable<Status["lender"]>, now: number): Row[] {
  const time = until === undefined ? "" : `, for ${hoursAndMinutes(Date.parse(until) - now)}`;
  return [
    ...userRows(found),
    ["Login", `the agent on ${host} lends it${time}; nothing is stored here`],
    ["Service", found.service ?? ""],
    ["Profile", `${found.profile}, on ${host}`],
  ];
}

/** `7 h 20 min`, never rounded up. */
function hoursAndMinutes(ms: number): string {
  const minutes = Math.max(0, Math.floor(ms / 60_000));
  if (minutes < 1) return "less than a minute";
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** Never rounded up: `59 min`. */
function remaining(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 1) return `${Math.floor(ms / 1000)} s`;
  if (minutes < 120) return `${minutes} min`;
  return minutes < 2 * 1440 ? `${Math.floor(minutes / 60)} h` : `${Math.floor(minutes / 1440)} days`;
}

export function endedRows(profile: Profile | undefined, { service }: Status, now: number): Row[] {
  const last = lastLogin(profile, now);
  if (last === undefined) return [];
  const refreshed =
    last.refreshedBy === undefined ? "never" : `on ${localTime(last.issuedAt)} by "${last.refreshedBy}"`;
  return [
    ["User", emailAndName(last)],
    ["Ended", whyEnded(last)],
    ["Reason", last.said],
    ["Refreshed", refreshed],
    ["Service", service ?? ""],
  ];
}

/**
 * @param asked - whether the service was asked, in words
 * @param before - the end of the previous login
 */
export function sessionRows(
  found: Status,
  session: Session,
  now: number,
  identity: Identity,
  asked: string,
  before: string | undefined,
): Row[] {
  const until = (time: string | undefined, unknown: string): string => {
    if (time === undefined) return unknown;
    if (isBeforeIssue(session, now))
      return `until ${time}; the clock here was set back, so the next command refreshes it`;
    const left = Date.parse(time) - session.clockOffsetMs - now;
    return left > 0 ? `${remaining(left)}, until ${toSeconds(time)}` : `expired at ${toSeconds(time)}`;
  };
  const bound = found.tokenType === "DPoP" ? "; bound to a key in the session (DPoP)" : "";
  return [
    ...userRows(found),
    ["Access token", `${until(found.accessTokenExpiresAt, "valid until the service rejects it")}${bound}`],
    [
      "Refresh token",
      session.refreshToken
        ? until(found.refreshTokenExpiresAt, "only the issuer knows its expiry")
        : `none: ${endOfSession(session, now)}`,
    ],
    [
      "Scope",
      `${found.scope || "the issuer named none"}${found.missingScope ? `; the issuer did not grant: ${found.missingScope}` : ""}`,
    ],
    ["Storage", storageText(found.storage, identity)],
    ["Session", found.sessionId ?? "the issuer gave no ID"],
    [
      "Refreshed",
      `${toSeconds(found.refreshedAt ?? "")}${found.refreshedBy === undefined ? "" : ` by "${found.refreshedBy}"`}`,
    ],
    ["Service", `${found.service ?? ""} (${asked})`],
    ["Issuer", found.issuer],
    ["Profile", `${found.profile} (${found.profileSource})`],
    ["Before", before],
  ];
}

/** @param unknownUser - instead of the user before the service was asked */
export function tokenRows(
  found: Status,
  { kind, origin }: TokenSource,
  unknownUser: string | undefined,
  { variable }: Identity,
): Row[] {
  return [
    ["User", unknownUser ?? emailAndName(found)],
    ["Teams", unknownUser === undefined ? teamNames(found) : undefined],
    [
      "Access token",
      kind === "given"
        ? `from ${origin}, used as is; takes precedence over every login`
        : `exchanged by each command, never stored; takes precedence over every login`,
    ],
    ["Service", found.service ?? `none: ${variable("SAAS_URL")} is not set`],
    ["Profile", `${found.profile} (${found.profileSource}); its own session is not used`],
  ];
}

/** Drops milliseconds. */
function toSeconds(time: string): string {
  return time.replace(/\.\d+Z$/, "Z");
}

function storageText({ kind, key, path, name }: Status["storage"], { variable }: Identity): string {
  if (kind === "memory") return "memory (ends with this process)";
  if (kind === "shared") return `${name}, shared with other machines: ${sealText(key, variable)}`;
  if (key === "none") return `nothing stored in ${path}`;
  const keys = {
    keychain: "OS keychain",
    passphrase: variable("PASSPHRASE"),
    machine: "machine key",
    program: "key of this program",
  };
  return `encrypted files in ${path} (${keys[key]})`;
}

function sealText(key: Status["storage"]["key"], variable: Identity["variable"]): string {
  if (key === "none") return "in plain text, by the choice of this program";
  return `sealed with ${key === "passphrase" ? variable("PASSPHRASE") : "the key of this program"}`;
}

export function emailAndName({ user }: Pick<Status, "user">): string {
  return [user?.email, user?.name].filter(Boolean).join(", ") || (user?.id ?? "");
}

function userRows(found: Status): Row[] {
  const { team } = found;
  return [
    ["User", emailAndName(found)],
    ["Default team", team && `${team.name} (${team.id})`],
    ["Teams", teamNames(found)],
  ];
}

function teamNames({ teams = [] }: Status): string | undefined {
  return teams.map(({ name, role }) => (role ? `${name} (${role})` : name)).join(", ") || undefined;
}
