import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { randomUUID } from "node:crypto";
import { rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test, type TestContext } from "node:test";
import type { SharedStore } from "../../auth/sessions/shared-store.ts";
import { createIdentity } from "../../base/identity.ts";
import { systemClock } from "../../platform/clock.ts";
import { createApp } from "../create-app.ts";
import { startFakeService } from "../testing/service.ts";
import type { FakeService } from "../testing/types.ts";

/** Remembered outside of the user's directories. */
const state = join(tmpdir(), `contract-${randomUUID()}`);
const machine = { XDG_STATE_HOME: state, LOCALAPPDATA: state };
after(() => rmSync(state, { recursive: true, force: true }));

/** Longer than any case takes on a busy machine, in milliseconds. */
const limitMs = 60_000;
const signal = (): AbortSignal => systemClock.timeout(limitMs);

/** Counts to a number together with other processes. @param steps, key, url of the module of the store */
const counting = `
const [url, key, steps] = process.argv.slice(1);
const store = await (await import(url)).makeStore();
const { signal } = new AbortController();
for (let step = 0; step < Number(steps); ) {
  const found = await store.load(key, { signal });
  const next = String(Number(found?.text ?? 0) + 1);
  if ((await store.save(key, next, { ifVersion: found?.version, signal })) !== undefined) step += 1;
}
await store.close?.();
process.exit();`;

const hesitating = `
const [url, key] = process.argv.slice(1);
const store = await (await import(url)).makeStore();
const { signal } = new AbortController();
const found = await store.load(key, { signal });
console.log("loaded");
await new Promise((resolve) => process.stdin.once("data", resolve));
console.log(String(await store.save(key, "late", { ifVersion: found?.version, signal })));
process.exit();`;

/** Asks for a token. With \`dies\`, it is killed right before it sends the refresh. */
const asking = `
const [url, library, issuer, dies] = process.argv.slice(1);
const { createAuth } = await import(library);
const store = await (await import(url)).makeStore();
const fetch = dies ? () => process.kill(process.pid, "SIGKILL") : globalThis.fetch;
const seal = Buffer.alloc(32, 7);
const auth = createAuth({ name: "contract", version: "1.0.0", issuer, store, seal, fetch, login: process.env.LOGIN, silentAfterMs: 2000 });
console.log((await auth.getToken()).token);
await auth.close();
process.exit();`;

interface Started {
  readonly child: ChildProcess;
  line(): Promise<string>;
  readonly ended: Promise<string>;
}

interface Opened {
  readonly store: SharedStore;
  /** A key that nobody else has. */
  readonly name: string;
  load(this: void, key: string): ReturnType<SharedStore["load"]>;
  save(this: void, key: string, text: string | undefined, ifVersion?: string): Promise<string | undefined>;
}

export function testContract(url: string): void {
  function start(t: TestContext, program: string, ...args: string[]): Started {
    const child = spawn(process.execPath, ["--input-type=module", "-e", program, url, ...args], {
      stdio: ["pipe", "pipe", "pipe"],
      env: { ...process.env, ...machine },
    });
    t.after(() => child.kill("SIGKILL"));
    let [text, errors] = ["", ""];
    let told = (): void => undefined;
    child.stdout.setEncoding("utf8").on("data", (more: string) => {
      text += more;
      told();
    });
    child.stderr.setEncoding("utf8").on("data", (more: string) => (errors += more));
    const ended = new Promise<string>((resolve) => child.once("close", () => resolve(`${text}${errors}`.trim())));
    const line = (): Promise<string> =>
      new Promise((resolve, reject) => {
        told = () => {
          const [first, rest] = text.split("\n", 2);
          if (rest === undefined) return;
          text = text.slice((first ?? "").length + 1);
          resolve(first ?? "");
        };
        told();
        void ended.then(() => reject(new Error(`the process ended without output: ${errors}`)));
      });
    return { child, line, ended };
  }

  function contract(title: string, run: (at: Opened, t: TestContext) => Promise<void>): void {
    test(title, { timeout: 2 * limitMs }, async (t) => {
      const store = await ((await import(url)) as { makeStore(): SharedStore | Promise<SharedStore> }).makeStore();
      t.after(() => store.close?.());
      const load: Opened["load"] = (key) => store.load(key, { signal: signal() });
      const save: Opened["save"] = (key, text, ifVersion) => store.save(key, text, { ifVersion, signal: signal() });
      await run({ store, name: `contract/${randomUUID()}`, load, save }, t);
    });
  }

  contract("an absent key loads as undefined, and its first save names no version", async ({ name, load, save }) => {
    assert.equal(await load(name), undefined);
    assert.equal(await save(name, "a", "1"), undefined);
    assert.equal(await load(name), undefined);
    const version = await save(name, "a");
    assert.equal(typeof version, "string");
    assert.deepEqual(await load(name), { text: "a", version });
    assert.equal(await save(name, "b"), undefined);
    assert.deepEqual(await load(name), { text: "a", version });
  });

  contract("a save over another version changes nothing", async ({ name, load, save }) => {
    const first = await save(name, "a");
    const second = await save(name, "a", first);
    assert.notEqual(second, undefined);
    assert.notEqual(second, first);
    assert.equal(await save(name, "b", first), undefined);
    assert.equal(await save(name, undefined, first), undefined);
    assert.deepEqual(await load(name), { text: "a", version: second });
  });

  contract("a removed key is absent, and no earlier version matches a later one", async ({ name, load, save }) => {
    const first = await save(name, "a");
    assert.notEqual(await save(name, undefined, first), undefined);
    assert.equal(await load(name), undefined);
    assert.notEqual(await save(name, "b"), undefined);
    assert.equal(await save(name, "late", first), undefined);
    assert.equal((await load(name))?.text, "b");
  });

  contract("any text comes back unchanged, and different keys stay separate", async ({ name, load, save }) => {
    const text = `{"é":"${"x".repeat(65_536)}","🐈":"\\n\\u0000'\\"--"}`;
    const names = ["a/b%2F", "a/b", "A/B", "a b"].map((end) => `${name}/${end}`);
    for (const name of names) await save(name, `${name} ${text}`);
    for (const name of names) assert.equal((await load(name))?.text, `${name} ${text}`);
  });

  contract("of thirty-two saves over one version, one succeeds", async ({ name, load, save }) => {
    const before = await save(name, "0");
    const saves = Array.from({ length: 32 }, (_, index) => save(name, String(index), before));
    const won = (await Promise.all(saves)).flatMap((version, index) =>
      version === undefined ? [] : { version, index },
    );
    assert.equal(won.length, 1);
    const [winner] = won;
    const stored = { text: String(winner?.index), version: winner?.version };
    assert.deepEqual(await load(name), stored);
  });

  contract("eight processes with one counter lose no step", async ({ name, load }, t) => {
    const outcomes = await Promise.all(Array.from({ length: 8 }, () => start(t, counting, name, "25").ended));
    assert.deepEqual([...new Set(outcomes)], [""]);
    assert.equal((await load(name))?.text, "200");
  });

  contract("a process stopped between load and save changes nothing", async ({ name, load, save }, t) => {
    const before = await save(name, "a");
    const late = start(t, hesitating, name);
    assert.equal(await late.line(), "loaded");
    late.child.kill("SIGSTOP");
    await save(name, "b", before);
    late.child.kill("SIGCONT");
    late.child.stdin?.write("go on\n");
    assert.equal(await late.line(), "undefined");
    assert.equal((await load(name))?.text, "b");
  });

  contract("watch, if present, reports a save by another process", async ({ store, name }, t) => {
    if (store.watch === undefined) return t.skip("this store has none");
    let stop = (): void => undefined;
    const changed = new Promise<void>((resolve) => (stop = store.watch?.(name, resolve) ?? stop));
    // Only the store knows when it listens, so change something until it does.
    let isTold = false;
    void changed.then(() => (isTold = true));
    for (let steps = 1; !isTold && steps < 100; steps += 1) await start(t, counting, name, "1").ended;
    stop();
    assert.ok(isTold);
  });

  /** A login with an expired access token, at an issuer that ends a session when a refresh token comes twice. */
  async function expiredLogin(store: SharedStore, t: TestContext): Promise<FakeService> {
    const service = await startFakeService();
    t.after(() => service.close());
    service.logIn({ expiresIn: 0 });
    const toolIdentity = createIdentity({ name: "contract", version: "1.0.0" });
    const login = process.env["LOGIN"] ?? "";
    const { profile } = await createApp({ ...service.options, toolIdentity }).store.read("default");
    const app = createApp({ toolIdentity, env: machine, store, seal: Buffer.alloc(32, 7), login });
    await app.store.change(login, () => profile);
    return service;
  }

  const refreshesAt = ({ requests }: FakeService): number =>
    requests.filter(({ path, status }) => path === "/oauth/token" && status === 200).length;

  const library = new URL("../../index.js", import.meta.url).href;

  contract("sixteen processes with one expired login make one refresh", async ({ store }, t) => {
    process.env["LOGIN"] = randomUUID();
    const service = await expiredLogin(store, t);
    const tokens = await Promise.all(Array.from({ length: 16 }, () => start(t, asking, library, service.url).ended));
    assert.deepEqual([refreshesAt(service), service.requests.length], [1, 1]);
    assert.equal(new Set(tokens).size, 1, tokens.join("\n"));
  });

  contract("after a kill before the request, another process takes over at the limit", async ({ store }, t) => {
    process.env["LOGIN"] = randomUUID();
    const service = await expiredLogin(store, t);
    await start(t, asking, library, service.url, "dies").ended;
    assert.equal(service.requests.length, 0);
    assert.match(await start(t, asking, library, service.url).ended, /^at_[\w-]{32}$/);
    assert.equal(refreshesAt(service), 1);
  });
}
