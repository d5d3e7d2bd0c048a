import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { systemClock, type Clock } from "../../src/platform/clock.ts";
import type { EventInput } from "../../src/sync/events.ts";
import type { Account, Origin } from "../../src/sync/queue.ts";
import { syncRuntime, type SyncRuntime, type SyncRuntimeOptions } from "../../src/sync/runtime.ts";
import { createAuthorizedFetch, type AuthorizedFetch } from "../../src/auth/authorized-fetch.ts";
import { Secret } from "../../src/base/secret.ts";
import { startFakeSaas, type FakeSaas } from "../fake-saas/server.ts";

/** Removed after the test. */
export function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "spec-kitty-sync-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export async function fakeSaas(t: TestContext): Promise<FakeSaas> {
  const saas = await startFakeSaas();
  t.after(() => saas.close());
  return saas;
}

/** With one token, never refreshed. */
export function bearerFetch(service: string, token: string): AuthorizedFetch {
  const accessToken = new Secret(token);
  const tokens = {
    service: async () => service,
    getCredential: async () => ({ accessToken, tokenType: "Bearer", clockOffsetMs: 0 }) as const,
    sessionRefused: async () => undefined,
  };
  return createAuthorizedFetch({ tokens, clock: systemClock, fetch });
}

export function alice(service: string, team: string | null = "tm_acme"): Account {
  return { service, user: "u_alice", team, label: "alice@example.com" };
}

export function bob(service: string): Account {
  return { service, user: "u_bob", team: "tm_bolt", label: "bob@example.com" };
}

/** Valid. */
export function history(content = "wrote a line"): EventInput {
  return {
    event_type: "HistoryAdded",
    aggregate_id: "WP01",
    payload: { wp_id: "WP01", entry_type: "note", entry_content: content },
  };
}

/** Of an account at a fake service; not logged in without one. */
export function runtimeFor(
  folder: string,
  saas: FakeSaas,
  account: Account | undefined,
  more: Partial<SyncRuntimeOptions> = {},
): SyncRuntime {
  const token = saas.issue({ user: account?.user === "u_bob" ? "bob" : "alice" }).access_token;
  const origin: Origin = { profile: "default", service: saas.url, account };
  return syncRuntime({
    folder,
    fetch: () => bearerFetch(saas.url, token),
    clock: systemClock,
    origin: () => Promise.resolve(origin),
    nodeId: "0123456789ab",
    exit: { once: () => undefined, off: () => undefined },
    ...more,
  });
}

/** Files with `part` in their path. */
export function filesIn(folder: string, part: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" }).filter(
    (name) => name.includes(part) && /\.(jsonl?|txt)$/.test(name),
  );
}

/** Only `advance` moves it; a sleep ends when its end is passed. */
export function standingClock(start = 1_700_000_000_000): Clock & { advance(ms: number): void; sleeping: number[] } {
  let at = start;
  const sleepers: { until: number; wake: () => void }[] = [];
  return {
    now: () => at,
    monotonic: () => at,
    timeout: (ms) => AbortSignal.timeout(ms),
    sleep: (ms, { signal } = {}) =>
      new Promise((resolve, reject) => {
        const wake = (): void => {
          signal?.removeEventListener("abort", end);
          resolve();
        };
        const sleeper = { until: at + ms, wake };
        sleepers.push(sleeper);
        const end = (): void => {
          sleepers.splice(sleepers.indexOf(sleeper), 1);
          reject(signal?.reason);
        };
        if (signal?.aborted) end();
        signal?.addEventListener("abort", end, { once: true });
      }),
    get sleeping() {
      return sleepers.map(({ until }) => until - at);
    },
    advance(ms) {
      at += ms;
      for (const sleeper of sleepers.filter(({ until }) => until <= at)) {
        sleepers.splice(sleepers.indexOf(sleeper), 1);
        sleeper.wake();
      }
    },
  };
}
