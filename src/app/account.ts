import { join } from "node:path";
import type { App } from "./app.ts";
import { defaultTeam, type Profile, type Session } from "../auth/sessions/session.ts";
import { type Account, type Origin, SyncQueue } from "../sync/queue.ts";

/** The owner of an event emitted now, as far as known without a request. */
export async function originOf(app: App): Promise<Origin> {
  const { settings, tokenSource } = app;
  const lender = await tokenSource?.lender?.();
  if (lender !== undefined) {
    const { profile, service, user, teams, team } = lender;
    return { profile, service, account: accountOf({ service, team, session: { user, teams } }) };
  }
  // A program may emit before its profile's first login. A name that a user typed may be mistyped, and the event would
  // wait forever.
  const isOfProgram = settings.profile?.source === "profile";
  const { name: profile, profile: known } = await app.profileInUse(isOfProgram ? { mayBeNew: true } : {});
  const service = app.serviceFor(known) ?? null;
  // Its user may differ from the stored session's: events wait under a name of their own until a flush has asked the
  // service.
  if (tokenSource !== undefined)
    return {
      profile: `token ${settings.accessToken?.fingerprint() ?? tokenSource.origin}`,
      service,
      account: undefined,
    };
  return { profile, service, account: known && accountOf(known) };
}

export function queueFolder({ folder }: App): string {
  return join(folder, "queue");
}

/** Call this after a login. */
export async function bindQueue(app: App, name: string, profile: Profile): Promise<void> {
  const account = accountOf(profile);
  if (account) await new SyncQueue(queueFolder(app), app.clock).bind(name, account);
}

export function accountOf(
  profile: Pick<Profile, "service" | "team"> & { session: Pick<Session, "user" | "teams"> | undefined },
): Account | undefined {
  const { service, session } = profile;
  if (session === undefined) return undefined;
  return {
    service,
    user: session.user.id,
    team: defaultTeam(profile)?.id ?? null,
    label: session.user.email ?? session.user.name,
  };
}
