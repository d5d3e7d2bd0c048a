import { appFor } from "./create-app.ts";
import type { AuthOptions } from "./options.ts";
import { trackerClientOf } from "./tracker-client.ts";
import type { TrackerClient } from "../tracker/client.ts";

/**
 * The hosted tracker, for the default team. After the first successful call, it refuses another user.
 *
 * @param auth - as for `getTokenManager`
 */
export function createTrackerClient(auth?: Partial<AuthOptions>): TrackerClient {
  return trackerClientOf(appFor(auth));
}

export type { CallOptions, Routing, TrackerCalls, TrackerClient } from "../tracker/client.ts";
export { TrackerError, trackerFacts } from "../tracker/errors.ts";
