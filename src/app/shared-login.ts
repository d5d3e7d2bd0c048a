import type { App } from "./app.ts";
import type { AppOverrides } from "./overrides.ts";
import { sealerOf } from "../auth/sessions/shared-sealing.ts";
import { SharedSessions } from "../auth/sessions/shared-sessions.ts";
import type { SharedStore } from "../auth/sessions/shared-store.ts";
import type { SessionStore } from "../auth/sessions/store.ts";

/** A login in a store that several machines share. */
export function sharedLogin(
  store: SharedStore,
  { seal, login = "default", silentAfterMs = 90_000 }: AppOverrides,
  { settings, identity, local }: Pick<App, "settings" | "identity" | "local">,
): SessionStore {
  const { clock, machine, onWait } = local;
  const sealer = sealerOf(seal, settings.passphrase);
  return new SharedSessions({ store, sealer, clock, tool: identity.name, login, machine, silentAfterMs, onWait });
}
