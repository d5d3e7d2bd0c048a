import { faultyFiles } from "../helpers/faulty-files.ts";
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { lstatSync, watch } from "node:fs";
import { dirname } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { createApp } from "../../src/app/create-app.ts";
import { systemClock, type Clock } from "../../src/platform/clock.ts";
import { contention } from "../helpers/contention.ts";
import { scene } from "../helpers/scene.ts";
import { loginFile, sessionOf, storeSession } from "../helpers/stored-session.ts";

const library = JSON.stringify(new URL("../../dist/app/create-app.js", import.meta.url).href);

test("NFR-004 a refresh sends one request, and waits for nothing but the service's response and the disk", async (t) => {
  const { saas, env } = await scene(t);
  await storeSession(saas, env, sessionOf(saas));
  const waits: number[] = [];
  const clock: Clock = { ...systemClock, sleep: (ms, options) => (waits.push(ms), systemClock.sleep(ms, options)) };
  const tokens = createApp({ env, clock }).tokens();
  for (let done = 1; done <= 20; done += 1) {
    await tokens.refresh();
    assert.equal(saas.count("/oauth/token"), done);
  }
  assert.deepEqual(waits, []);
  assert.equal(saas.counters.reuses, 0);
});

test("NFR-019 a refresh takes the same steps on disk, with as many bytes, for one login and for one of a hundred", async (t) => {
  const { saas, env, config } = await scene(t);
  await storeSession(saas, env, sessionOf(saas));
  const cost = async (): Promise<{ steps: string[]; bytes: number }> => {
    const steps: string[] = [];
    const paths = new Set<string>();
    const end = faultyFiles(config, ({ name, path }) => {
      steps.push(name);
      paths.add(path);
      return undefined;
    });
    await createApp({ env }).tokens().refresh();
    end();
    const files = [...paths].map((path) => lstatSync(path, { throwIfNoEntry: false })).filter((file) => file?.isFile());
    return { steps, bytes: files.reduce((sum, file) => sum + (file?.size ?? 0), 0) };
  };
  const alone = await cost();
  for (let count = 1; count < 100; count += 1)
    await storeSession(saas, env, sessionOf(saas), { profile: `user-${count}` });
  assert.deepEqual(await cost(), alone);
  t.diagnostic(`${alone.steps.length} steps, ${alone.bytes} bytes`);
});

test("NFR-006 a process that waits for another's refresh uses the token that was stored, and requests none from the service", {
  skip: process.platform !== "linux" && "watches the lock as Linux keeps it",
}, async (t) => {
  const { saas, env } = await scene(t);
  await storeSession(saas, env, sessionOf(saas));
  const watcher = watch(dirname((await loginFile(env)) ?? ""));
  t.after(() => watcher.close());
  const waiter = `
    import { createInterface } from "node:readline";
    import { createApp } from ${library};
    const tokens = createApp().tokens();
    for await (const _ of createInterface({ input: process.stdin })) {
      const token = await tokens.getAccessToken({ minValidityMs: 1e12, rejected: await tokens.getAccessToken() });
      console.log(token);
    }`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", waiter], {
    env,
    stdio: ["pipe", "pipe", "inherit"],
  });
  t.after(() => void child.kill("SIGKILL"));
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const tokens = createApp({ env }).tokens();
  await tokens.getAccessToken();

  for (let round = 0; round < 5; round += 1) {
    // This process has the lock and waits for the service; the other one waits for it.
    let answer = (): void => undefined;
    saas.faults.next("/oauth/token", { gateAnswer: new Promise<void>((resolve) => (answer = resolve)) });
    const asked = saas.count("/oauth/token");
    const refreshed = tokens.refresh();
    await saas.until(() => saas.count("/oauth/token") > asked);
    const contending = contention(watcher);
    child.stdin.write("go\n");
    await contending;
    answer();
    const session = await refreshed;
    assert.equal((await lines.next()).value, session.accessToken.reveal());
    assert.equal(saas.count("/oauth/token"), asked + 1);
  }
  child.stdin.end();
  await once(child, "exit");
});

test("FR-009 keepFresh keeps the token and not the process", async (t) => {
  const { saas, env } = await scene(t);
  await storeSession(saas, env, sessionOf(saas));
  const program = `
    import { createApp } from ${library};
    const tokens = createApp().tokens();
    void tokens.keepFresh({ signal: new AbortController().signal });
    console.log(await tokens.getAccessToken());`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
    env,
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.after(() => void child.kill("SIGKILL"));
  const [code] = (await once(child, "exit")) as [number | null];
  assert.equal(code, 0);
  assert.equal(saas.counters.refreshes, 1);
});
