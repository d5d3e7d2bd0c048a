import { randomUUID } from "node:crypto";
import { setTimeout } from "node:timers/promises";
import type { App } from "../../src/app/app.ts";
import { createApp } from "../../src/app/create-app.ts";
import { textOf } from "../../src/auth/sessions/session.ts";
import type { SharedStore } from "../../src/auth/sessions/shared-store.ts";
import type { StoredText } from "../helpers/shared-store.ts";
import { createIdentity } from "../../src/base/identity.ts";
import { startFakeSaas } from "../fake-saas/server.ts";
import { sessionOf, storeSession } from "../helpers/stored-session.ts";

/** A store as a server across a network: each call takes a while, and is counted. */
function storeAt(roundTripMs: number): SharedStore & { texts: Map<string, StoredText>; calls: number } {
  const texts = new Map<string, StoredText>();
  const listeners = new Set<() => void>();
  const half = (): Promise<void> => setTimeout(roundTripMs / 2);
  const store = {
    texts,
    calls: 0,
    async load(key: string) {
      store.calls += 1;
      await half();
      const found = texts.get(key);
      await half();
      return found;
    },
    async save(key: string, text: string | undefined, { ifVersion }: { ifVersion: string | undefined }) {
      store.calls += 1;
      await half();
      const version = randomUUID();
      const isSaved = texts.get(key)?.version === ifVersion;
      if (isSaved && text !== undefined) texts.set(key, { text, version });
      for (const changed of isSaved ? listeners : []) void half().then(changed);
      await half();
      return isSaved ? version : undefined;
    },
    watch(_: string, changed: () => void) {
      listeners.add(changed);
      return () => void listeners.delete(changed);
    },
  };
  return store;
}

interface Cost {
  readonly calls: number;
  readonly ms: number;
  readonly cpuMs: number;
  readonly served: number;
  readonly refreshes: number;
  readonly reuses: number;
}

const identity = {
  toolIdentity: createIdentity({ name: "fleet", version: "1.0.0" }),
  seal: Buffer.alloc(32, 7),
  env: {},
};

/** What it costs so many workers with one expired login to get a token, all together. `logins`: how many the store has. */
async function wave(waiters: number, roundTripMs: number, logins = 1): Promise<Cost> {
  const saas = await startFakeSaas();
  const store = storeAt(roundTripMs);
  const at = { ...identity, store };
  const session = sessionOf(saas);
  await storeSession(saas, {}, session, at);
  const other = textOf({ profile: { service: saas.url, clientId: "cli_native", session } });
  for (let i = 1; i < logins; i += 1) store.texts.set(`fleet/logins/user-${i}`, { text: other, version: "1" });
  const workers = Array.from({ length: waiters }, (): App => createApp(at));
  const calls = store.calls;
  const cpu = process.cpuUsage();
  const startedAt = performance.now();
  const tokens = await Promise.all(
    workers.map((app) =>
      app
        .tokens()
        .getAccessToken()
        .catch(() => undefined),
    ),
  );
  const ms = performance.now() - startedAt;
  const { user, system } = process.cpuUsage(cpu);
  const { refreshes, reuses } = saas.counters;
  await saas.close();
  const served = tokens.filter((token) => token !== undefined).length;
  return { calls: store.calls - calls, ms, cpuMs: (user + system) / 1000, served, refreshes, reuses };
}

/** `npm run bench -- fleet`: workers of many machines that share one login in a store, and what a login costs among others. */
export async function fleet(): Promise<void> {
  await wave(1, 0);
  const row = (what: string, { calls, ms, cpuMs, served, refreshes, reuses }: Cost): string =>
    [what, calls, `${ms.toFixed(0)} ms`, `${cpuMs.toFixed(0)} ms`, served, refreshes, reuses]
      .map((cell, column) => (column === 0 ? String(cell).padEnd(30) : String(cell).padStart(11)))
      .join("");
  const header = ["", "calls", "time", "processor", "served", "refreshes", "reuses"];
  console.log(header.map((cell, column) => (column === 0 ? cell.padEnd(30) : cell.padStart(11))).join(""));
  for (const roundTripMs of [2, 30, 200])
    for (const waiters of [1, 16, 64, 256])
      console.log(row(`${waiters} workers, ${roundTripMs} ms`, await wave(waiters, roundTripMs)));
  for (const logins of [1, 1_000, 10_000])
    console.log(row(`1 of ${logins.toLocaleString("en")} logins, 2 ms`, await wave(1, 2, logins)));
}
