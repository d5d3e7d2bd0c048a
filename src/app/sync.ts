import { appFor } from "./create-app.ts";
import type { AuthOptions } from "./options.ts";
import { liveClientOf, type LiveOptions } from "./live-client.ts";
import { syncRuntimeOf } from "./sync-runtime.ts";
import type { LiveClient } from "../sync/live-client.ts";
import type { SyncOptions, SyncRuntime } from "../sync/runtime.ts";

/**
 * A queue on disk next to the session, drained through the authorized fetch.
 *
 * @param options - see {@link SyncOptions}
 * @param auth - as for `getTokenManager`
 */
export function createSyncRuntime(options: SyncOptions = {}, auth?: Partial<AuthOptions>): SyncRuntime {
  return syncRuntimeOf(appFor(auth), options);
}

/**
 * The service's live connection, for the default team. As `live` of {@link createSyncRuntime}, it also sends events.
 *
 * @param options - see {@link LiveOptions}
 * @param auth - see {@link createSyncRuntime}
 */
export function createLiveClient(options: LiveOptions = {}, auth?: Partial<AuthOptions>): LiveClient {
  return liveClientOf(appFor(auth), options);
}

export type { LiveOptions } from "./live-client.ts";
export type { ArtifactInput } from "../sync/artifacts.ts";
export type { EmitReport } from "../sync/emitter.ts";
export type { DrainReport, Rejection } from "../sync/event-drain.ts";
export type { EventEnvelope, EventInput } from "../sync/events.ts";
export type { LiveClient } from "../sync/live-client.ts";
export type { LiveMessage, LiveState } from "../sync/live-message.ts";
export type { SyncNotice, SyncOptions, SyncRuntime } from "../sync/runtime.ts";
