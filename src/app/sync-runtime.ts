import { hostname } from "node:os";
import { originOf, queueFolder } from "./account.ts";
import type { App } from "./app.ts";
import { userName } from "../platform/paths.ts";
import { nodeId } from "../sync/events.ts";
import type { Origin } from "../sync/queue.ts";
import { syncRuntime, type SyncOptions, type SyncRuntime } from "../sync/runtime.ts";

/**
 * The owner of an event. An exchanged token's user is asked for at once: the next job may have another identity and the
 * same directory, and later nobody could tell.
 */
async function originHere(app: App): Promise<Origin> {
  const origin = await originOf(app);
  if (app.tokenSource?.kind !== "exchanged") return origin;
  return { ...origin, account: await (await import("./account-requests.ts")).accountOfToken(app, origin, undefined) };
}

export function syncRuntimeOf(app: App, options: SyncOptions = {}): SyncRuntime {
  return syncRuntime({
    ...options,
    folder: queueFolder(app),
    // Loaded when there is something to send: most commands only queue.
    fetch: async (account) => (await import("./account-requests.ts")).fetchAs(app, account),
    clock: app.clock,
    nodeId: nodeId(hostname(), userName()),
    origin: () => originHere(app),
    owner: async (origin, signal) => (await import("./account-requests.ts")).accountOfToken(app, origin, signal),
  });
}
