// Workers on one login in Redis and PostgreSQL: waves, workers that are stopped or killed at each step, and a server that goes away.
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { after, test, type TestContext } from "node:test";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { createApp } from "../../src/app/app.ts";
import { createIdentity } from "../../src/base/identity.ts";
import { startFakeSaas, type FakeSaas } from "../fake-saas/server.ts";
import { sessionOf, storeSession } from "../helpers/stored-session.ts";
import { postgresServer, redisServer, type StoreServer } from "./stores/servers.ts";

const worker = fileURLToPath(new URL("stores/worker.js", import.meta.url));
const silentAfterMs = 4_000;
const table: string[] = [];
after(() => {
  for (const line of table) console.log(line);
});

interface Fleet {
  saas: FakeSaas;
  server: StoreServer;
  /** Starts a worker; `env` says at which step it stops itself. */
  start(env?: Record<string, string>): { child: ChildProcess; ended: Promise<string> };
}

async function fleet(t: TestContext, name: string, make: () => Promise<StoreServer>): Promise<Fleet> {
  const saas = await startFakeSaas();
  const server = await make();
  t.after(async () => {
    await saas.close();
    await server.end();
  });
  await server.start();
  Object.assign(process.env, { STORE: name, STORE_URL: server.url });
  const { makeStore } = (await import("./stores/make.js")) as { makeStore(): Promise<never> };
  const store = await makeStore();
  const toolIdentity = createIdentity({ name: "fleet", version: "1.0.0" });
  const at = { toolIdentity, store, seal: Buffer.alloc(32, 7) };
  await storeSession(saas, {}, sessionOf(saas), at);
  await createApp({ ...at, env: {} }).close();
  return {
    saas,
    server,
    start(env = {}) {
      const child = spawn(process.execPath, [worker], {
        env: { ...process.env, ISSUER: saas.url, SILENT_AFTER_MS: `${silentAfterMs}`, ...env },
        stdio: ["ignore", "pipe", "inherit"],
      });
      t.after(() => child.kill("SIGKILL"));
      let text = "";
      child.stdout?.setEncoding("utf8").on("data", (more: string) => (text += more));
      return { child, ended: new Promise((resolve) => child.once("close", () => resolve(text.trim()))) };
    },
  };
}

/** Until the process has stopped itself. */
async function stopped({ pid }: ChildProcess): Promise<void> {
  const { readFileSync } = await import("node:fs");
  for (const giveUp = Date.now() + 60_000; Date.now() < giveUp; await setTimeout(20)) {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    if (stat.slice(stat.lastIndexOf(")") + 2).startsWith("T")) return;
  }
  assert.fail("the worker does not come to that step");
}

const options = { skip: process.platform !== "linux" && "looks at /proc" };

for (const [name, make] of [
  ["node-redis", redisServer],
  ["PostgreSQL", postgresServer],
] as const) {
  test(`NFR-018 ${name}: a wave of 64 workers makes one refresh, and all are served`, options, async (t) => {
    const { saas, start } = await fleet(t, name, make);
    const tokens = await Promise.all(Array.from({ length: 64 }, () => start({ SILENT_AFTER_MS: "90000" }).ended));
    assert.equal(new Set(tokens).size, 1, [...new Set(tokens)].join("\n"));
    assert.match(tokens[0] ?? "", /^at_/);
    assert.deepEqual([saas.counters.refreshes, saas.counters.reuses], [1, 0]);
    table.push(`${name}: wave of 64: 64 served, ${saas.counters.refreshes} refresh, ${saas.counters.reuses} reuses`);
  });

  for (const step of ["intent", "send", "answer", "store"]) {
    test(
      `NFR-018 ${name}: a worker that is stopped before "${step}" for less than the limit costs nothing`,
      options,
      async (t) => {
        const { saas, start } = await fleet(t, name, make);
        const paused = start({ PAUSE: step });
        await stopped(paused.child);
        const others = [start(), start()];
        await setTimeout(1_000);
        paused.child.kill("SIGCONT");
        const tokens = await Promise.all([paused, ...others].map(({ ended }) => ended));
        assert.equal(new Set(tokens).size, 1, tokens.join("\n"));
        assert.deepEqual([saas.counters.refreshes, saas.counters.reuses], [1, 0]);
        table.push(`${name}: stopped before ${step}, 1 s of ${silentAfterMs / 1000} s: 0 lost, 1 refresh, 0 reuses`);
      },
    );
  }

  for (const step of ["intent", "send"]) {
    test(
      `NFR-018 ${name}: a worker that is stopped before "${step}" for longer is taken over, and sends nothing`,
      options,
      async (t) => {
        const { saas, start } = await fleet(t, name, make);
        const paused = start({ PAUSE: step });
        await stopped(paused.child);
        const token = await start().ended;
        assert.match(token, /^at_/);
        // Longer than it may be silent, by its own clocks as well.
        await setTimeout(1_500);
        paused.child.kill("SIGCONT");
        assert.equal(await paused.ended, token);
        assert.deepEqual([saas.counters.refreshes, saas.counters.reuses], [1, 0]);
        table.push(`${name}: stopped before ${step}, beyond the limit: 0 lost, 1 refresh, 0 reuses`);
      },
    );
  }

  for (const step of ["intent", "send"]) {
    test(`NFR-018 ${name}: a worker that is killed before "${step}" costs nothing`, options, async (t) => {
      const { saas, start } = await fleet(t, name, make);
      const killed = start({ PAUSE: step });
      await stopped(killed.child);
      killed.child.kill("SIGKILL");
      assert.match(await start().ended, /^at_/);
      assert.deepEqual([saas.counters.refreshes, saas.counters.reuses], [1, 0]);
      table.push(`${name}: killed before ${step}: 0 lost, 1 refresh, 0 reuses`);
    });
  }

  test(
    `NFR-018 ${name}: a worker that has the answer while the server is down for 8 s stores it when that is back`,
    options,
    async (t) => {
      const { saas, server, start } = await fleet(t, name, make);
      const holder = start({ PAUSE: "answer", SILENT_AFTER_MS: "90000" });
      await stopped(holder.child);
      await server.kill();
      holder.child.kill("SIGCONT");
      const token = await Promise.race([holder.ended, setTimeout(8_000)]);
      await server.start();
      assert.match(token ?? (await holder.ended), /^at_/);
      const next = await start({ SILENT_AFTER_MS: "90000" }).ended;
      assert.match(next, /^at_/);
      assert.deepEqual([saas.counters.refreshes, saas.counters.reuses], [1, 0]);
      table.push(`${name}: down for 8 s after the answer: 0 lost, 1 refresh, 0 reuses`);
    },
  );

  test(
    `NFR-018 ${name}: without the server at the start the error is transient, and nothing is sent`,
    options,
    async (t) => {
      const { saas, server, start } = await fleet(t, name, make);
      await server.kill();
      const said = await start().ended;
      assert.match(said, /storage_unreachable|ECONNREFUSED/);
      assert.equal(saas.counters.refreshes, 0);
      await server.start();
      assert.match(await start().ended, /^at_/);
    },
  );
}
