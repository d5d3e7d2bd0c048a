import { accountName, defaultTeam, type Profile, type Session } from "../../../auth/sessions/session.ts";
import { lastLogin, seemsExpired, whyEnded } from "../../../auth/token-manager/ended-login.ts";
import { isBeforeIssue, refreshRemainingMs, soonMs } from "../../../auth/token-manager/freshness.ts";
import { AuthError, hint, login } from "../../../base/errors.ts";
import type { Lender, TokenSource } from "../../../auth/token-manager/token-source.ts";
import type { Identity } from "../../../base/identity.ts";
import { endOfSession, statusOf } from "../../auth-status.ts";
import { defineCommand, jsonOption, profileOption, type Command, type Context } from "../../command.ts";
import { duration, localTime } from "../../../base/duration.ts";
import { columns } from "../../format.ts";
import type { AuthStatus, StorageStatus } from "../../json-output.ts";

export const command: Command = defineCommand({
  usage: "auth status",
  description:
    "Show who is logged in, until when, and where the session is stored. Exits 0 when logged in, and 4 when not.",
  options: {
    check: { type: "boolean", help: "also ask the service; exit 3 if it cannot be reached" },
    ...profileOption,
    ...jsonOption,
  },
  examples: [
    ["auth status", "show who is logged in"],
    ["auth status --check", "ask the service, too"],
    ["auth status --json", "print JSON"],
  ],
  async run(context, values) {
    const { app, identity, out } = context;
    const { found, profile, ended } = await (app.tokenSource
      ? ofTokenSource(context, app.tokenSource, values.check === true)
      : ofProfile(context, values.check === true));
    if (values.json) {
      out.json(found);
    } else if (!found.authenticated || ended !== undefined) {
      const rows = endedRows(profile, found, app.clock.now());
      out.answer(
        [`Not authenticated (profile "${found.profile}").`, ...(rows.length ? [columns(rows)] : [])].join("\n"),
      );
      if (ended !== undefined) out.warn(ended.message);
      out.hint(ended?.next ?? hint`Run: ${login(found.profile)}`);
    } else if (found.lender !== undefined) {
      out.done(`Logged in as ${userName(found)}`);
      out.answer(columns(lentRows(found, found.lender, app.clock.now())));
    } else if (app.tokenSource !== undefined) {
      const { kind, origin } = app.tokenSource;
      out.done(kind === "given" ? `A token from ${origin} is used` : `The identity that ${origin} names is used`);
      const asked = found.checked
        ? undefined
        : out.words(hint`known only to the service; to ask it: ${{ command: "auth status --check" }}`);
      out.answer(columns(tokenRows(found, app.tokenSource, asked, identity)));
    } else {
      out.done(`Logged in as ${profile ? accountName(profile) : found.profile}`);
      const session = profile?.session;
      const now = app.clock.now() + (session?.clockOffsetMs ?? 0);
      if (values.check && !found.checked)
        out.warn("the issuer does not name its users and gave no refresh token, so there is nothing to ask it");
      const asked = found.checked ? "asked just now" : "not asked; see --check";
      const before = profile?.ended && whyEnded(profile.ended);
      out.answer(columns(sessionRows(found, session, now, identity, asked, before)));
      const left = session?.refreshToken ? refreshRemainingMs(session, app.clock.now()) : Infinity;
      const expired = session && seemsExpired(session, app.clock.now());
      if (expired) out.warn(hint`${expired.words}; to ask the service: ${{ command: "auth status --check" }}`);
      else if (left < soonMs)
        out.warn(hint`the login expires in ${duration(left)}; to renew it: ${login(found.profile, "--force")}`);
    }
    return found.authenticated ? 0 : 4;
  },
});

interface Findings {
  readonly found: AuthStatus;
  readonly profile?: Profile | undefined;
  readonly ended?: AuthError;
}

async function ofProfile({ app, signal }: Context, check: boolean): Promise<Findings> {
  const inUse = await app.profileInUse();
  const { name, profile } = inUse;
  if (!check || profile?.session === undefined) return { found: statusOf(inUse, app), profile };
  const { checkSession } = await import("../../../auth/flows/check-session.ts");
  let checked: boolean;
  try {
    checked = await checkSession({
      store: app.store,
      tokens: app.tokens(name),
      exchange: { fetch: app.fetch, clock: app.clock, signal },
    });
  } catch (error) {
    if (!(error instanceof AuthError) || error.code !== "session_ended") throw error;
    const ended = { ...profile, ...(await app.profileInUse({ mayBeNew: true })).profile, session: undefined };
    return { found: { ...statusOf({ ...inUse, profile: ended }, app), checked: true }, profile: ended, ended: error };
  }
  const current = await app.profileInUse({ mayBeNew: true });
  return { found: { ...statusOf(current, app), checked }, profile: current.profile };
}

/**
 * Requests go to the profile's service, or to the one that the environment names. The profile's own session is not used: nothing is said of
 * it.
 */
async function ofTokenSource(context: Context, source: TokenSource, check: boolean): Promise<Findings> {
  const { app, signal } = context;
  const { origin, lender } = source;
  if (lender !== undefined) return { found: await ofLender(context, await lender(), origin, check) };
  const inUse = await app.profileInUse();
  const { profile } = inUse;
  const service = app.settings.service?.value ?? profile?.service;
  const known = statusOf({ ...inUse, profile: profile && { ...profile, session: undefined, ended: undefined } }, app);
  const found: AuthStatus = {
    ...known,
    authenticated: true,
    tokenSource: origin,
    ...(service !== undefined && { service }),
  };
  if (!check) return { found };
  const { ownerOfToken } = await import("../../../app/account-requests.ts");
  const { teams, ...user } = (await ownerOfToken(app, signal)).user;
  return { found: { ...found, checked: true, user, teams } };
}

/** What the agent says: nothing is stored here, not even that there is a profile. */
async function ofLender(
  { app, signal }: Context,
  { host, profile, service, user, teams, team, until }: Lender,
  origin: string,
  check: boolean,
): Promise<AuthStatus> {
  if (check) await (await import("../../../app/account-requests.ts")).ownerOfToken(app, signal);
  const chosen = defaultTeam({ team, session: { teams } });
  return {
    authenticated: true,
    checked: check,
    profile,
    profileSource: origin,
    tokenSource: origin,
    lender: { host, ...(until !== undefined && { until: new Date(until).toISOString() }) },
    service,
    user,
    ...(chosen && { team: { id: chosen.id, name: chosen.name } }),
    teams,
    storage: { kind: "memory", key: "none" },
  };
}

function lentRows(
  found: AuthStatus,
  { host, until }: NonNullable<AuthStatus["lender"]>,
  now: number,
): [string, string][] {
  const time = until === undefined ? "" : `, for ${hoursAndMinutes(Date.parse(until) - now)}`;
  return [
    ["User", userName(found)],
    ["Default team", found.team ? `${found.team.name} (${found.team.id})` : "none"],
    ["Teams", teamNames(found)],
    ["Login", `lent by the agent on ${host}${time}; nothing is stored here`],
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

/** What is left, never rounded up: `59 min`. */
function remaining(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 1) return `${Math.floor(ms / 1000)} s`;
  if (minutes < 120) return `${minutes} min`;
  return minutes < 2 * 1440 ? `${Math.floor(minutes / 60)} h` : `${Math.floor(minutes / 1440)} days`;
}

function endedRows(profile: Profile | undefined, { service }: AuthStatus, now: number): [string, string][] {
  const last = lastLogin(profile, now);
  if (last === undefined) return [];
  const refreshed =
    last.refreshedBy === undefined ? "never" : `on ${localTime(last.issuedAt)} by "${last.refreshedBy}"`;
  return [
    ["User", userName(last)],
    ["Ended", whyEnded(last)],
    ...(last.said === undefined ? [] : ([["Reason", last.said]] satisfies [string, string][])),
    ["Refreshed", refreshed],
    ["Service", service ?? ""],
  ];
}

/**
 * @param asked - whether the service was asked, in words
 * @param before - what became of the login before this one
 */
function sessionRows(
  found: AuthStatus,
  session: Session | undefined,
  now: number,
  identity: Identity,
  asked: string,
  before: string | undefined,
): [string, string][] {
  const { team } = found;
  const until = (time: string | undefined, unknown: string): string => {
    if (time === undefined) return unknown;
    if (session !== undefined && isBeforeIssue(session, now - session.clockOffsetMs))
      return `until ${time}; the clock here was set back, so the next command refreshes it`;
    const left = Date.parse(time) - now;
    return left > 0 ? `${remaining(left)}, until ${toSeconds(time)}` : `expired at ${toSeconds(time)}`;
  };
  const bound = found.tokenType === "DPoP" ? "; bound to a key in the session (DPoP)" : "";
  return [
    ["User", userName(found)],
    ["Default team", team ? `${team.name} (${team.id})` : "none"],
    ["Teams", teamNames(found)],
    ["Access token", `${until(found.accessTokenExpiresAt, "valid until the service refuses it")}${bound}`],
    [
      "Refresh token",
      session?.refreshToken
        ? until(found.refreshTokenExpiresAt, "managed by the service")
        : `none: ${session ? endOfSession(session, now - session.clockOffsetMs) : ""}`,
    ],
    [
      "Scope",
      `${found.scope || "not given by the service"}${found.missingScope ? `; not granted: ${found.missingScope}` : ""}`,
    ],
    ["Storage", storageText(found.storage, identity)],
    ["Session", found.sessionId ?? "no ID from the service"],
    [
      "Refreshed",
      `${toSeconds(found.refreshedAt ?? "")}${found.refreshedBy === undefined ? "" : ` by "${found.refreshedBy}"`}`,
    ],
    ["Service", `${found.service ?? ""} (${asked})`],
    ...(found.issuer === undefined ? [] : ([["Issuer", found.issuer]] satisfies [string, string][])),
    ["Profile", `${found.profile} (${found.profileSource})`],
    ...(before === undefined ? [] : ([["Before", before]] satisfies [string, string][])),
  ];
}

/** @param unknownUser - what to say instead of the user while the service has not been asked */
function tokenRows(
  found: AuthStatus,
  { kind, origin }: TokenSource,
  unknownUser: string | undefined,
  { variable }: Identity,
): [string, string][] {
  const user: [string, string][] =
    unknownUser === undefined
      ? [
          ["User", userName(found)],
          ["Teams", teamNames(found)],
        ]
      : [["User", unknownUser]];
  return [
    ...user,
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

/** A time without its milliseconds. */
function toSeconds(time: string): string {
  return time.replace(/\.\d+Z$/, "Z");
}

function storageText({ kind, key, path, name }: StorageStatus, { variable }: Identity): string {
  if (kind === "memory") return "memory (ends with this process)";
  if (kind === "shared") return `${name}, shared with other machines: ${sealText(key, variable)}`;
  if (key === "none") return `nothing stored in ${path}`;
  const keys = {
    keychain: "OS keychain",
    passphrase: variable("PASSPHRASE"),
    machine: "machine key",
    program: "key of this program",
  };
  return `encrypted file ${path} (${keys[key]})`;
}

function sealText(key: StorageStatus["key"], variable: Identity["variable"]): string {
  if (key === "none") return "in plain text, as this program says";
  return `sealed with ${key === "passphrase" ? variable("PASSPHRASE") : "the key of this program"}`;
}

function userName({ user }: Pick<AuthStatus, "user">): string {
  return [user?.email, user?.name].filter(Boolean).join(", ") || (user?.id ?? "");
}

function teamNames({ teams = [] }: AuthStatus): string {
  return teams.map(({ name, role }) => (role ? `${name} (${role})` : name)).join(", ") || "none";
}
