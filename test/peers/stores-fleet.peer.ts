// Workers with one login in a store, with a real server: waves in namespaces; workers killed or stopped at each step of
// a refresh; a missing server; a slow or cut network; clocks that differ. Prints the outcomes.
import assert from "node:assert/strict";
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { after, before, describe, test, type TestContext } from "node:test";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { SharedStore } from "../../src/auth/sessions/shared-store.ts";
import type * as Package from "../../src/index.ts";
import { createIdentity } from "../../src/base/identity.ts";
import { startFakeSaas, type FakeSaas } from "../fake-saas/server.ts";
import { scratchFolder } from "../helpers/command.ts";
import { later } from "../helpers/scene.ts";
import { sessionOf, storeSession } from "../helpers/stored-session.ts";
import { until } from "../helpers/until.ts";
import { outcomeOf } from "./stores/outcome.js";
import { relayTo, type Relay } from "./stores/relay.ts";
import { endWithThis, etcdServer, postgresServer, redisServer, type StoreServer } from "./stores/servers.ts";

const worker = fileURLToPath(new URL("stores/worker.js", import.meta.url));
const { makeStore } = (await import(new URL("stores/make.js", import.meta.url).href)) as {
  makeStore(name: string, url: string): Promise<SharedStore>;
};
// As published, also for workers in this process.
const { createAuth } = (await import(new URL("../../dist/index.js", import.meta.url).href)) as typeof Package;

const tool = { name: "fleet", version: "1.0.0" };
/** For workers that may be taken over, in milliseconds. */
const silentAfterMs = 10_000;
const container = ["unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "--kill-child"] as const;
const mayUnshare = spawnSync(container[0], [...container.slice(1), "true"]).status === 0;

type Outcome = Awaited<ReturnType<typeof outcomeOf>>;
type Outcomes = Promise<readonly Outcome[]>;

interface Started {
  readonly child: ChildProcess;
  /** Until the process stops itself. */
  stopped(): Promise<void>;
}

interface Stage {
  readonly saas: FakeSaas;
  /** `env`: what is special about them. */
  start(workers: number, env?: Record<string, string>, by?: readonly string[]): Started;
  /** In this process. `url`: of the store. */
  here(workers: number, options?: { silentAfterMs?: number; url?: string }): Promise<unknown>;
  /** Of another machine. */
  readonly another: string;
  /** Sixty-four workers in four namespaces. */
  wave(): void;
  /** Between the store and clients with its URL. */
  relay(): Promise<Relay>;
}

const rows: string[][] = [["", "", "lost", "refreshes", "reuses", "served", "slowest"]];
after(() => {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  for (const row of rows) console.log(row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  "));
});

interface Scenario {
  /** Expected refreshes; 1 by default. */
  readonly refreshes?: number;
  /**
   * The one way to lose a session: a holder silent beyond the limit between sending the token and storing the response.
   */
  readonly isBeyond?: boolean;
  act(stage: Stage): Promise<void>;
}

/** Runs a scenario with a login of its own, and judges what became of it. */
async function play(
  t: TestContext,
  name: string,
  server: StoreServer,
  what: string,
  scenario: Scenario,
): Promise<void> {
  const saas = await startFakeSaas();
  t.after(() => saas.close());
  const login = randomUUID();
  const store = await makeStore(name, server.url);
  t.after(() => store.close?.());
  const [state, another] = [scratchFolder(t), scratchFolder(t)];
  const at = { store, seal: Buffer.alloc(32, 7), login };
  const app = await storeSession(saas, { XDG_STATE_HOME: state }, sessionOf(saas), {
    ...at,
    toolIdentity: createIdentity(tool),
    profile: login,
  });
  const ended: Outcomes[] = [];
  const stage: Stage = {
    saas,
    another,
    start(workers, env = {}, by = []) {
      const ahead = env["AHEAD"] === undefined ? [] : later(Number(env["AHEAD"]));
      const [file = "", ...args] = [...by, process.execPath, ...ahead, worker];
      const child = spawn(file, args, {
        env: {
          ...process.env,
          STORE: name,
          STORE_URL: server.url,
          ISSUER: saas.url,
          LOGIN: login,
          STATE: state,
          WORKERS: String(workers),
          ...env,
        },
        stdio: ["ignore", "pipe", "inherit"],
      });
      endWithThis(child);
      t.after(() => child.kill("SIGKILL"));
      let text = "";
      child.stdout?.setEncoding("utf8").on("data", (more: string) => (text += more));
      const lines = (): string[] => text.split("\n").filter(Boolean);
      ended.push(once(child, "close").then(() => lines().map((line) => JSON.parse(line) as Outcome)));
      const isStopped = (): boolean => {
        const stat = readFileSync(`/proc/${child.pid}/stat`, "latin1");
        return stat.slice(stat.lastIndexOf(")") + 2).startsWith("T");
      };
      return { child, stopped: async () => void (await until("the worker stops itself", isStopped, 30_000)) };
    },
    here(workers, { silentAfterMs, url } = {}) {
      const outcomes = (async (): Outcomes => {
        const theirs = url === undefined ? store : await makeStore(name, url);
        if (url !== undefined) t.after(() => theirs.close?.());
        const { load, save, watch } = theirs;
        const one = { ...at, issuer: saas.url, store: { load, save, ...(watch && { watch }) }, silentAfterMs };
        const work = (): Promise<Outcome> => outcomeOf(createAuth({ ...tool, ...one, env: { XDG_STATE_HOME: state } }));
        return Promise.all(Array.from({ length: workers }, work));
      })();
      ended.push(outcomes);
      return outcomes;
    },
    wave() {
      for (let i = 0; i < 4; i += 1) stage.start(16, {}, mayUnshare ? container : []);
    },
    async relay() {
      const relay = await relayTo(server.url);
      t.after(() => relay.end());
      return relay;
    },
  };
  await scenario.act(stage);
  const outcomes = (await Promise.all(ended)).flat();
  const { refreshes, reuses } = saas.counters;
  const served = outcomes.filter(({ token }) => token !== undefined).length;
  const errors = outcomes.flatMap(({ error }) => error ?? []);
  const lost = await app
    .tokens()
    .refresh()
    .then(
      () => 0,
      () => 1,
    );
  const isBeyond = scenario.isBeyond === true;
  const slowest = `${(Math.max(...outcomes.map(({ ms }) => ms)) / 1000).toFixed(1)} s`;
  const told = outcomes.reduce((sum, one) => sum + one.told, 0);
  rows.push([
    name,
    `${what}${isBeyond ? " (beyond the limit)" : ""}`,
    ...[lost, refreshes, reuses].map(String),
    `${served} of ${outcomes.length}`,
    `${slowest}${told > 0 && !isBeyond ? `, ${told} told to try again` : ""}`,
  ]);
  if (isBeyond) return assert.deepEqual([lost, reuses], [1, 1], errors.join());
  assert.deepEqual([lost, reuses, served, errors], [0, 0, outcomes.length, []]);
  assert.ok(refreshes >= 1 && refreshes <= (scenario.refreshes ?? 1), `${refreshes} refreshes`);
}

/** A worker that stops itself before a step, and what becomes of it; four others come meanwhile. */
const interrupted = (step: string, fate: "killed" | "stopped" | "stopped for long"): Scenario => ({
  isBeyond: (step === "answer" || step === "save") && fate !== "stopped",
  async act({ start, here }) {
    const holder = start(1, { SILENT_AFTER_MS: String(silentAfterMs), PAUSE: step });
    await holder.stopped();
    if (fate === "killed") holder.child.kill("SIGKILL");
    const others = here(4, { silentAfterMs });
    // Beyond the limit is when the others have taken over.
    if (fate === "stopped") await setTimeout(2_000);
    if (fate === "stopped for long") await others;
    holder.child.kill("SIGCONT");
  },
});

const calm: Record<string, Scenario> = {
  "wave of 64 in four namespaces": { act: async ({ wave }) => wave() },
  "wave of 64, 200 ms to the store and back": {
    async act({ here, relay }) {
      const slow = await relay();
      slow.delayMs = 100;
      void here(64, { url: slow.url });
    },
  },
  "two machines, clocks 2 h apart, 32 workers each": {
    // The one whose clock is wrong finds any token expired, until it has asked the service once.
    refreshes: 2,
    async act({ start, another }) {
      start(32);
      start(32, { AHEAD: "7200000", STATE: another });
    },
  },
  "holder cut off for 6 s of 10 s, with the answer": {
    async act({ start, here, relay }) {
      const network = await relay();
      const env = { SILENT_AFTER_MS: String(silentAfterMs), PAUSE: "answer", STORE_URL: network.url };
      const holder = start(1, env);
      await holder.stopped();
      network.cut();
      holder.child.kill("SIGCONT");
      void here(4, { silentAfterMs });
      await setTimeout(6_000);
      network.heal();
    },
  },
  "waiters cut off for 13 s": {
    async act({ here, relay }) {
      const network = await relay();
      void here(4, { silentAfterMs, url: network.url });
      network.cut();
      void here(1, { silentAfterMs });
      await setTimeout(13_000);
      network.heal();
    },
  },
};
for (const step of ["intent", "send", "answer", "save"]) {
  calm[`killed before ${step}`] = interrupted(step, "killed");
  calm[`stopped before ${step}, for 2 s of 10 s`] = interrupted(step, "stopped");
  calm[`stopped before ${step}, for longer than 10 s`] = interrupted(step, "stopped for long");
}

/** The server goes away in the middle of a wave: when the refresh token has been sent, and its answer is not here yet. */
const outage = (forMs: number): ((server: StoreServer) => Scenario) => {
  return (server) => ({
    async act({ saas, here }) {
      let answer = (): void => undefined;
      saas.faults.next("/oauth/token", { gateAnswer: new Promise<void>((resolve) => (answer = resolve)) });
      void here(64);
      await saas.until(() => saas.count("/oauth/token") === 1);
      await server.kill();
      answer();
      await setTimeout(forMs);
      await server.start();
    },
  });
};
const outages: Readonly<Record<string, (server: StoreServer) => Scenario>> = {
  "server restarted in mid-wave": outage(0),
  "server stopped for 8 s in mid-wave": outage(8_000),
  "server stopped for 20 s in mid-wave": outage(20_000),
  "server down at start, for 10 s": (server) => ({
    async act({ here }) {
      await server.kill();
      void here(64);
      await setTimeout(10_000);
      await server.start();
    },
  }),
};

const linux = { skip: process.platform !== "linux" && "looks at /proc" };

for (const [name, make] of [
  ["node-redis", redisServer],
  ["PostgreSQL", postgresServer],
  ["etcd", etcdServer],
] as const) {
  // Side by side, since most of them only wait. Node 20 warns of abort listeners then: all of them run the one hook that sets their time limit.
  describe(name, { ...linux, concurrency: 32 }, () => {
    let server: StoreServer;
    before(async () => {
      server = await make();
      await server.start();
    });
    after(() => server.end());
    for (const [what, scenario] of Object.entries(calm)) {
      test(`NFR-018 ${name}: ${what}`, (t) => play(t, name, server, what, scenario));
    }
    for (const [what, scenario] of Object.entries(outages)) {
      test(`NFR-018 ${name}: ${what}`, async (t) => {
        const own = await make();
        t.after(() => own.end());
        await own.start();
        await play(t, name, own, what, scenario(own));
      });
    }
  });
}
