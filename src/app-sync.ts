import { hostname, userInfo } from "node:os";
import { join } from "node:path";
import type { App } from "./app.ts";
import { defaultTeam } from "./auth/session.ts";
import { nodeId } from "./sync/events.ts";
import type { Origin } from "./sync/queue.ts";
import { SyncRuntime, type SyncRuntimeOptions } from "./sync/runtime.ts";

/** What the caller of {@link createSync} may say about the synchronisation. */
export type SyncOptions = Pick<SyncRuntimeOptions, "context" | "live" | "intervalMs" | "keepAlive" | "onNotice">;

/**
 * The synchronisation of an app: its queue beside the session, its requests through the authorized fetch.
 *
 * @param app - from `createApp`
 */
export function createSync(app: App, options: SyncOptions = {}): SyncRuntime {
  return new SyncRuntime({
    ...options,
    folder: join(app.folder, "queue"),
    fetch: app.authorizedFetch,
    clock: app.clock,
    nodeId: nodeId(hostname(), userInfo().username),
    origin: () => originOf(app),
  });
}

/** Who is logged in now, and so to whom an event belongs that is emitted now. */
export async function originOf(app: App): Promise<Origin> {
  const { active, profiles } = await app.store.read();
  const profile = app.settings.profile?.value ?? active;
  const known = profiles.get(profile);
  const service = known?.service ?? app.settings.service?.value ?? null;
  if (known?.session === undefined || service === null) return { profile, service, account: undefined };
  const { user } = known.session;
  return { profile, service, account: { service, user: user.id, team: defaultTeam(known)?.id ?? null, label: user.email ?? user.name } };
}

