// The program of EMBEDDING.md that shares a login through Redis, as its author would write it.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { createIdentity } from "../../src/base/identity.ts";
import type { SharedStore } from "../../src/auth/sessions/shared-store.ts";
import { startFakeSaas } from "../fake-saas/server.ts";
import { scratchFolder, startCommand } from "../helpers/command.ts";
import { sessionOf, storeSession } from "../helpers/stored-session.ts";
import { writeTool } from "../helpers/tool.ts";
import { redisServer } from "./stores/servers.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const { makeStore } = (await import(new URL("stores/make.js", import.meta.url).href)) as {
  makeStore(name: string, url: string): Promise<SharedStore>;
};

/** A service, a Redis, and what a program of the documents is given to use both. */
async function stage(t: TestContext) {
  const saas = await startFakeSaas();
  t.after(() => saas.close());
  const server = await redisServer();
  t.after(() => server.end());
  await server.start();
  const folder = scratchFolder(t);
  const seal = Buffer.alloc(32, 7);
  const env = {
    PATH: process.env["PATH"],
    HOME: folder,
    XDG_STATE_HOME: join(folder, "state"),
    ACME_SEAL: seal.toString("base64"),
    REDIS_URL: server.url,
  };
  const logIn = async (profile: string): Promise<void> => {
    const store = await makeStore("node-redis", server.url);
    t.after(() => store.close?.());
    const toolIdentity = createIdentity({ name: "acme", version: "1.2.0" });
    await storeSession(saas, env, sessionOf(saas), { toolIdentity, store, seal, profile });
  };
  return { saas, server, folder, env, logIn };
}

test("NFR-018 a program of thirty lines with 64 workers goes on when Redis was stopped for 20 s in its refresh", async (t) => {
  const embedding = readFileSync(join(root, "src", "EMBEDDING.md"), "utf8");
  const recipe = embedding.match(/^```js\n([^`]*redisStore[^`]*)^```$/m)?.[1] ?? assert.fail("there is none");
  assert.ok(recipe.split("\n").filter(Boolean).length <= 30);
  const { saas, server, folder, env, logIn } = await stage(t);
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(root, join(folder, "node_modules", "spec-kitty"));
  symlinkSync(join(root, "test", "peers", "node_modules", "redis"), join(folder, "node_modules", "redis"));
  const program = writeTool(recipe, folder, "acme.mjs", { url: saas.url });
  await logIn("worker");

  let answer = (): void => undefined;
  saas.faults.next("/oauth/token", { gateAnswer: new Promise<void>((resolve) => (answer = resolve)) });
  const running = startCommand(t, [], { ...env, WORKERS: "64" }, { program, cwd: folder });
  await saas.until(() => saas.count("/oauth/token") === 1);
  await server.kill();
  answer();
  await setTimeout(20_000);
  await server.start();
  const { code, stdout, stderr } = await running.ended;
  assert.equal(code, 0, stderr);
  assert.equal(stdout, "200\n".repeat(64 * 3));
  assert.match(stderr, /^Redis does not respond/m);
  assert.deepEqual([saas.counters.refreshes, saas.counters.reuses], [1, 0]);
});
