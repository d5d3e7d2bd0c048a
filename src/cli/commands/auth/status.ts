import { accountName, defaultTeam, type Profile } from "../../../auth/sessions/session.ts";
import { seemsExpired, whyEnded } from "../../../auth/token-manager/ended-login.ts";
import { endOf, soonMs } from "../../../auth/token-manager/freshness.ts";
import type { Lender, TokenSource } from "../../../auth/token-manager/token-source.ts";
import { duration } from "../../../base/duration.ts";
import { AuthError, hint, login } from "../../../base/errors.ts";
import { statusOf, type Status } from "../../auth-status.ts";
import { defineCommand, jsonOption, profileOption, type Command, type Context } from "../../command.ts";
import { columns } from "../../format.ts";
import { isoTime } from "../../output.ts";
import { endedRows, lentRows, sessionRows, tokenRows, emailAndName } from "../../status-rows.ts";

export const command: Command = defineCommand({
  usage: "auth status",
  description: "Show who is logged in, until when, and where the session is stored. Exit with code 4 if not logged in.",
  options: {
    check: { help: "also ask the service; exit with code 3 if unreachable" },
    ...profileOption,
    ...jsonOption,
  },
  examples: [["auth status"], ["auth status --check"]],
  async run(context, values) {
    const { app, out } = context;
    const { found, profile, ended } = await (app.tokenSource
      ? ofTokenSource(context, app.tokenSource, values.check === true)
      : ofProfile(context, values.check === true));
    const now = app.clock.now();
    if (values.json) {
      out.json(found);
    } else if (found.lender !== undefined) {
      out.done(`Logged in as ${emailAndName(found)}`);
      out.answer(columns(lentRows(found, found.lender, now)));
    } else if (app.tokenSource !== undefined) {
      const { kind, origin } = app.tokenSource;
      out.done(kind === "given" ? `Using the token from ${origin}` : `Using the identity named by ${origin}`);
      const asked = found.checked
        ? undefined
        : out.words(hint`only the service knows the user; to ask it: ${{ command: "auth status --check" }}`);
      out.answer(columns(tokenRows(found, app.tokenSource, asked, app.identity)));
    } else if (profile?.session === undefined) {
      const rows = endedRows(profile, found, now);
      out.answer([`Not logged in (profile "${found.profile}").`, ...(rows.length ? [columns(rows)] : [])].join("\n"));
      const next = ended?.next ?? hint`Run: ${login(found.profile)}`;
      if (ended === undefined) out.hint(next);
      else out.warn(hint`${ended.message}. ${next}`);
    } else {
      const session = profile.session;
      out.done(`Logged in as ${accountName(profile)}`);
      if (values.check && !found.checked)
        out.warn(
          "the issuer does not name its users and gave no refresh token, so this command cannot check the session",
        );
      const asked = found.checked ? "checked just now" : "not checked; see --check";
      const before = profile.ended && whyEnded(profile.ended);
      out.answer(columns(sessionRows(found, session, now, app.identity, asked, before)));
      const left = session.refreshToken ? endOf(session) - now : Infinity;
      const expired = seemsExpired(session, now);
      if (expired) out.warn(hint`${expired.words}; to ask the service: ${{ command: "auth status --check" }}`);
      else if (left < soonMs)
        out.warn(hint`the session expires in ${duration(left)}; to log in again: ${login(found.profile, "--force")}`);
    }
    return found.authenticated ? 0 : 4;
  },
});

interface Findings {
  readonly found: Status;
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
    checked = await checkSession({ store: app.store, tokens: app.tokens(name), exchange: app.exchange(signal) });
  } catch (error) {
    if (!(error instanceof AuthError) || error.code !== "session_ended") throw error;
    const ended = { ...profile, ...(await app.profileInUse({ mayBeNew: true })).profile, session: undefined };
    return { found: { ...statusOf({ ...inUse, profile: ended }, app), checked: true }, profile: ended, ended: error };
  }
  const current = await app.profileInUse({ mayBeNew: true });
  return { found: { ...statusOf(current, app), checked }, profile: current.profile };
}

/** Requests go to the profile's service, or the environment's. The profile's own session is not used and not shown. */
async function ofTokenSource(context: Context, source: TokenSource, check: boolean): Promise<Findings> {
  const { app, signal } = context;
  const { origin, lender } = source;
  if (lender !== undefined) return { found: await ofLender(context, await lender(), origin, check) };
  const inUse = await app.profileInUse();
  const { profile } = inUse;
  const service = app.serviceFor(profile);
  const known = statusOf({ ...inUse, profile: profile && { ...profile, session: undefined, ended: undefined } }, app);
  const found = { ...known, authenticated: true, tokenSource: origin, service };
  if (!check) return { found };
  const { ownerOfToken } = await import("../../../app/account-requests.ts");
  const { teams, ...user } = (await ownerOfToken(app, signal)).user;
  return { found: { ...found, checked: true, user, teams } };
}

async function ofLender(
  { app, signal }: Context,
  { host, profile, service, user, teams, team, until }: Lender,
  origin: string,
  check: boolean,
): Promise<Status> {
  if (check) await (await import("../../../app/account-requests.ts")).ownerOfToken(app, signal);
  const chosen = defaultTeam({ team, session: { teams } });
  return {
    authenticated: true,
    checked: check,
    profile,
    profileSource: origin,
    tokenSource: origin,
    lender: { host, until: isoTime(until) },
    service,
    user,
    team: chosen && { id: chosen.id, name: chosen.name },
    teams,
    storage: { kind: "memory", key: "none" },
  };
}
