import { accountInUse, fetchAs } from "./account-requests.ts";
import type { App } from "./app.ts";
import type { AuthorizedFetch } from "../auth/authorized-fetch.ts";
import { teamOf } from "../sync/queue.ts";
import { trackerClient, type TrackerClient } from "../tracker/client.ts";

interface Access {
  readonly fetch: AuthorizedFetch;
  readonly team: string;
}

/**
 * The first successful call fixes the account. Otherwise, after another login, one user's token would be sent with the
 * other's team, or a poll would ask about the other's operation.
 */
export function trackerClientOf(app: App): TrackerClient {
  let settled: Promise<Access> | undefined;
  // Only success is kept: a long-lived program may log in later.
  const access = (): Promise<Access> =>
    (settled ??= accessInUse(app).catch((error: unknown) => {
      settled = undefined;
      throw error;
    }));
  return trackerClient({
    clock: app.clock,
    team: async () => (await access()).team,
    fetch: async (input, init) => (await access()).fetch(input, init),
  });
}

async function accessInUse(app: App): Promise<Access> {
  const account = await accountInUse(app);
  return { team: teamOf(account, "a tracker needs"), fetch: fetchAs(app, account) };
}
