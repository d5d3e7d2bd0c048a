import { appFor } from "./app.ts";
import type { AppOverrides } from "./overrides.ts";
import { trackerClientOf } from "./tracker-client.ts";
import type { TrackerClient } from "../tracker/client.ts";

/**
 * The hosted tracker, for the default team of the profile in use. The first call that finds an account settles whose tracker it
 * is; after another user's login the client refuses.
 *
 * @param overrides - what to use instead of the machine's own
 * @throws AuthError `configuration_invalid` when a variable of this tool cannot be used
 */
export function createTrackerClient(overrides?: AppOverrides): TrackerClient {
  return trackerClientOf(appFor(overrides));
}

export type { CallOptions, Routing, TrackerCalls, TrackerClient, WriteOptions } from "../tracker/client.ts";
export { TrackerError, trackerFacts, type TrackerFacts } from "../tracker/errors.ts";
export type { TrackerResult } from "../tracker/request.ts";
