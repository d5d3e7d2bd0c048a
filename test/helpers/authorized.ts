import type { TestContext } from "node:test";
import { createAuthorizedFetch, type AuthorizedFetch } from "../../src/auth/authorized-fetch.ts";
import { MemoryStore } from "../../src/auth/sessions/memory-store.ts";
import type { Session } from "../../src/auth/sessions/session.ts";
import type { SessionStore } from "../../src/auth/sessions/store.ts";
import type { TokenManager } from "../../src/auth/token-manager/token-manager.ts";
import type { FakeOptions } from "../fake-saas/options.ts";
import { startFakeSaas, type FakeSaas } from "../fake-saas/server.ts";
import { ManualClock } from "./manual-clock.ts";
import { sessionOf, storeSession, type SessionOptions } from "./stored-session.ts";

/** A service, a login in memory, and a program's fetch. */
export interface Authorized {
  saas: FakeSaas;
  clock: ManualClock;
  store: SessionStore;
  tokens: TokenManager;
  fetch: AuthorizedFetch;
  stored(): Promise<Session | undefined>;
}

/** The access token is valid for an hour unless the session says otherwise. */
export async function authorized(
  t: TestContext,
  { saas: options = {}, session = {} }: { saas?: Partial<FakeOptions>; session?: SessionOptions } = {},
): Promise<Authorized> {
  const clock = new ManualClock();
  const store = new MemoryStore(clock);
  const saas = await startFakeSaas({ now: () => clock.now(), ...options });
  t.after(() => saas.close());
  const app = await storeSession(saas, {}, sessionOf(saas, { now: clock.now(), leftMs: 3_600_000, ...session }), {
    sessions: store,
    clock,
  });
  const tokens = app.tokens();
  return {
    saas,
    clock,
    store,
    tokens,
    fetch: createAuthorizedFetch({ tokens, clock, fetch, random: () => 0 }),
    stored: async () => (await store.read("default")).profile?.session,
  };
}
