import { hostname } from "node:os";
import { accountOfToken, fetchAs, originOf, queueFolder } from "./account.ts";
import type { App } from "./app.ts";
import { userName } from "../platform/user-name.ts";
import { nodeId } from "../sync/events.ts";
import { SyncRuntime, type SyncOptions } from "../sync/runtime.ts";

/** The synchronization of an app: its queue is next to its sessions, and its requests go through the authorized fetch. */
export function syncRuntimeOf(app: App, options: SyncOptions = {}): SyncRuntime {
  return new SyncRuntime({
    ...options,
    folder: queueFolder(app),
    fetch: (account) => fetchAs(app, account),
    clock: app.clock,
    nodeId: nodeId(hostname(), userName()),
    origin: () => originOf(app),
    owner: (origin, signal) => accountOfToken(app, origin, signal),
  });
}
