import { createApp, type App, type AppOverrides } from "./app.ts";
import { createLive } from "./live.ts";
import { createSync, type SyncOptions } from "./sync.ts";
import { createTracker } from "./tracker.ts";
import type { AuthorizedFetch } from "../auth/authorized-fetch.ts";
import type { SocketConstructor } from "../auth/websocket/connection.ts";
import type { TokenManager } from "../auth/token-manager/token-manager.ts";
import type { LiveClient, LiveMessage } from "../sync/live-client.ts";
import type { SyncRuntime } from "../sync/runtime.ts";
import type { TrackerClient } from "../tracker/client.ts";

let ofThisProcess: App | undefined;

/** The app that the functions below share, made when the first of them is called; its own one for who overrides something. */
function appFor(overrides: AppOverrides | undefined): App {
  return overrides === undefined ? (ofThisProcess ??= createApp()) : createApp(overrides);
}

/**
 * The token manager of this process: one, made on first use, with the profile and the settings that the command would use.
 *
 * @throws AuthError `configuration_invalid` when a `SPEC_KITTY_…` variable cannot be used
 */
export function getTokenManager(): TokenManager {
  return appFor(undefined).tokens();
}

/**
 * `fetch` with an access token from {@link getTokenManager}: paths go to the service; a request to another origin gets no
 * token. See {@link AuthorizedFetch} for what it adds, and RFC 6750 for what it sends.
 *
 * @param overrides - what to use instead of the machine's own; such a fetch has a token manager of its own
 * @throws AuthError `configuration_invalid` when a `SPEC_KITTY_…` variable cannot be used
 */
export function createAuthorizedFetch(overrides?: AppOverrides): AuthorizedFetch {
  return appFor(overrides).authorizedFetch;
}

/**
 * The synchronisation of this process: a queue on disk beside the session, drained through the authorized fetch.
 *
 * @param options - what every event says, whether to keep the process alive, whom to tell
 * @param overrides - what to use instead of the machine's own
 * @throws AuthError `configuration_invalid` when a `SPEC_KITTY_…` variable cannot be used
 */
export function createSyncRuntime(options: SyncOptions = {}, overrides?: AppOverrides): SyncRuntime {
  return createSync(appFor(overrides), options);
}

/**
 * The service's live connection: what happens in the default team arrives at once. Hand it to {@link createSyncRuntime} as
 * `live`, and what is emitted leaves at once too.
 *
 * @param options - `onMessage` is told of everything that arrives; `WebSocket` where the runtime has none of its own (Node 20
 * without `--experimental-websocket`)
 * @param overrides - what to use instead of the machine's own
 * @throws AuthError `configuration_invalid` when a `SPEC_KITTY_…` variable cannot be used
 */
export function createLiveClient(options: LiveClientSettings = {}, overrides?: AppOverrides): LiveClient {
  return createLive(appFor(overrides), options);
}

/**
 * The hosted tracker, for the default team of the profile in use. Whose that is is settled by the first call that finds somebody
 * logged in; after another's login the client refuses. See {@link TrackerClient} for one that is made by hand.
 *
 * @param overrides - what to use instead of the machine's own
 * @throws AuthError `configuration_invalid` when a `SPEC_KITTY_…` variable cannot be used
 */
export function createTrackerClient(overrides?: AppOverrides): TrackerClient {
  return createTracker(appFor(overrides));
}

/** What {@link createLiveClient} takes. */
export interface LiveClientSettings {
  /** Told of everything that arrives and of every change of state. What it throws is ignored. */
  onMessage?: (message: LiveMessage) => void;
  /** Instead of the runtime's own; needed on Node 20 without `--experimental-websocket`. It must take headers. */
  WebSocket?: SocketConstructor;
}
