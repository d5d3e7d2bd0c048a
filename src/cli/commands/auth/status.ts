import { ownerOfEnvironmentToken } from "../../../app/account.ts";
import { hint, login } from "../../../base/hint.ts";
import { hintText } from "../../../base/hint-text.ts";
import { ownIdentity } from "../../../base/identity.ts";
import { checkSession } from "../../../auth/flows/check-session.ts";
import { type Profile } from "../../../auth/session.ts";
import { AuthError } from "../../../base/errors.ts";
import { accountName, chosenProfile } from "../../account.ts";
import type { AuthStatus } from "../../json-output.ts";
import { defineCommand, jsonOption, profileOption, type Command, type Context } from "../../command.ts";
import { columns, duration } from "../../format.ts";
import { describeStorage, environmentTokenStatus, statusOf } from "../../status.ts";

const threeDaysMs = 3 * 86_400_000;

export const status: Command = defineCommand({
  usage: "auth status",
  description: "Show who is logged in, where, until when, and where the session is kept. All of it is known here, and nobody\nis asked without --check. Exits 0 when somebody is logged in and 4 when nobody is.",
  options: {
    check: { type: "boolean", help: "ask the service too: exits 3 when it cannot be asked" },
    ...profileOption,
    ...jsonOption,
  },
  examples: [
    ["spec-kitty auth status", "who is logged in"],
    ["spec-kitty auth status --check", "whether the service agrees"],
    ["spec-kitty auth status --json", "the same for a program"],
  ],
  async run(context, values) {
    const { app, out } = context;
    const { found, profile, ended } = await (app.settings.accessToken ? ofEnvironmentToken : ofProfile)(context, values.check === true);
    if (values.json) {
      out.json(found);
    } else if (!found.authenticated || ended !== undefined) {
      out.answer(`Not logged in (profile "${found.profile}").`);
      if (ended !== undefined) out.warn(ended.message);
      out.hint(hintText(ended?.hint ?? hint`Run: ${login(found.profile)}`, { identity: ownIdentity }));
    } else {
      out.done(found.tokenSource ? `A token from ${found.tokenSource} is used` : `Logged in as ${profile ? accountName(profile) : found.profile}`);
      const now = app.clock.now() + (profile?.session?.clockOffsetMs ?? 0);
      out.answer(columns(found.tokenSource ? tokenRows(found) : sessionRows(found, now)));
      const ends = found.refreshTokenExpiresAt === undefined ? Infinity : Date.parse(found.refreshTokenExpiresAt) - now;
      if (ends < threeDaysMs) out.warn(`the login ends in ${duration(ends)}; to renew it: ${hintText([login(found.profile, "--force")], { identity: ownIdentity })}`);
    }
    return found.authenticated ? 0 : 4;
  },
});

/** What is to be told: of which profile, and why the service says that it is over. */
interface Findings {
  readonly found: AuthStatus;
  readonly profile?: Profile | undefined;
  readonly ended?: AuthError;
}

async function ofProfile({ app, signal }: Context, check: boolean): Promise<Findings> {
  const { name, profile } = await chosenProfile(app);
  if (!check || profile?.session === undefined) return { found: statusOf(name, profile, app), profile };
  try {
    await checkSession({ store: app.store, tokens: app.tokens(name), exchange: { fetch: app.fetch, clock: app.clock, signal } });
  } catch (error) {
    if (!(error instanceof AuthError) || error.code !== "session_ended") throw error;
    return { found: { ...statusOf(name, { ...profile, session: undefined }, app), checked: true }, ended: error };
  }
  const current = (await app.store.read()).profiles.get(name);
  return { found: { ...statusOf(name, current, app), checked: true }, profile: current };
}

async function ofEnvironmentToken({ app, signal }: Context, check: boolean): Promise<Findings> {
  const { name, profile } = await chosenProfile(app);
  const found = environmentTokenStatus(name, profile, app);
  if (!check) return { found };
  const { teams, ...user } = (await ownerOfEnvironmentToken(app, signal)).user;
  return { found: { ...found, checked: true, user, teams } };
}

function sessionRows(found: AuthStatus, now: number): [string, string][] {
  const { team } = found;
  const until = (time: string | undefined, unknown: string): string => {
    if (time === undefined) return unknown;
    const left = Date.parse(time) - now;
    return left > 0 ? `valid for ${duration(left)}, until ${time}` : `over since ${time}`;
  };
  return [
    ["User", userName(found)],
    ["Default team", team ? `${team.name} (${team.id})` : "none"],
    ["Teams", teamNames(found)],
    ["Access token", until(found.accessTokenExpiresAt, "valid until the service says otherwise") + (found.tokenType === "DPoP" ? "; bound to a key that is kept with the session" : "")],
    ["Refresh token", until(found.refreshTokenExpiresAt, "managed by the service")],
    ["Storage", describeStorage(found.storage)],
    ["Session", found.sessionId ?? "without a number"],
    ["Last use", found.lastUsedAt ?? ""],
    ["Service", `${found.service ?? ""}${found.checked ? " (asked just now)" : ""}`],
    ...(found.issuer === undefined ? [] : ([["Issuer", found.issuer]] satisfies [string, string][])),
    ["Profile", `${found.profile} (${found.profileSource})`],
  ];
}

function tokenRows(found: AuthStatus): [string, string][] {
  const asked: [string, string][] = [["User", userName(found)], ["Teams", teamNames(found)]];
  return [
    ...(found.checked ? asked : ([["User", "only the service knows; to ask it: spec-kitty auth status --check"]] satisfies [string, string][])),
    ["Access token", `from ${found.tokenSource}, as it is: it goes before every login, and is never stored or refreshed`],
    ["Service", found.service ?? "none: SPEC_KITTY_SAAS_URL is not set"],
    ["Profile", `${found.profile} (${found.profileSource}), whose own session is not used`],
  ];
}

function userName({ user }: AuthStatus): string {
  return [user?.email, user?.name].filter(Boolean).join(", ") || (user?.id ?? "");
}

function teamNames({ teams = [] }: AuthStatus): string {
  return teams.map(({ name, role }) => (role ? `${name} (${role})` : name)).join(", ") || "none";
}
