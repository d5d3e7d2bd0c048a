import type { App } from "./app.ts";
import { accountInUse } from "./app-sync.ts";
import { AuthError } from "./errors.ts";
import { TrackerClient } from "./tracker/saas-client.ts";

/**
 * The hosted tracker of an app, for its default team, through the authorized fetch.
 *
 * @param app - from `createApp`
 */
export function createTracker(app: App): TrackerClient {
  let team: string | undefined;
  // Only what was found is kept: a program that runs on is not to hear for ever that nobody had logged in yet.
  return new TrackerClient({ fetch: app.authorizedFetch, clock: app.clock, team: async () => (team ??= await teamInUse(app)) });
}

async function teamInUse(app: App): Promise<string> {
  const { team } = await accountInUse(app);
  if (team === null) throw new AuthError("access_denied", "this account is in no team, and a tracker is a team's", { hint: "Your teams: spec-kitty auth team" });
  return team;
}
