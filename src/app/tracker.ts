import type { App } from "./app.ts";
import { accountInUse, fetchAs } from "./sync.ts";
import { AuthError } from "../base/errors.ts";
import { TrackerClient, type TrackerClientOptions } from "../tracker/client.ts";

type Access = Pick<TrackerClientOptions, "fetch"> & { readonly team: string };

/**
 * The hosted tracker of an app, for its default team, through the authorized fetch.
 *
 * Whose it is is settled by the first call that finds somebody: after another's login one user's token would go out with the
 * other's team, or a poll ask for an operation that the other has begun.
 *
 * @param app - from `createApp`
 */
export function createTracker(app: App): TrackerClient {
  let settled: Promise<Access> | undefined;
  // Only what was found is kept: a program that runs on is not to hear for ever that nobody had logged in yet.
  const access = (): Promise<Access> =>
    (settled ??= accessInUse(app).catch((error: unknown) => {
      settled = undefined;
      throw error;
    }));
  return new TrackerClient({ clock: app.clock, team: async () => (await access()).team, fetch: async (input, init) => (await access()).fetch(input, init) });
}

async function accessInUse(app: App): Promise<Access> {
  const account = await accountInUse(app);
  if (account.team === null) throw new AuthError("access_denied", "this account is in no team, and a tracker is a team's", { hint: "Your teams: spec-kitty auth team" });
  return { team: account.team, fetch: fetchAs(app, account) };
}
