// The real command on Windows, as Wine plays it. Needs the Debian package wine64, and a build.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test, type TestContext } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import type { FakeOptions } from "../fake-saas/options.ts";
import { startFakeSaas, type FakeSaas } from "../fake-saas/server.ts";
import { approveDevice } from "../fake-saas/user.ts";
import type { CommandResult, RunningCommand } from "../helpers/command.ts";
import { hurried, later } from "../helpers/scene.ts";
import { startWindows, withoutWindows, type Windows, type WindowsOptions } from "../helpers/windows.ts";

const skip = withoutWindows;
let windows: Windows;
before(() => void (skip === false && (windows = startWindows())));
after(() => skip === false && windows.stop());

interface Scene {
  saas: FakeSaas;
  /** The folder of everything that is kept, as this machine sees it. */
  folder: string;
  /** Starts the command. Its arguments are split at spaces. */
  start(args: string, options?: WindowsOptions): RunningCommand;
  run(args: string, options?: WindowsOptions): Promise<CommandResult>;
}

let scenes = 0;

async function scene(t: Pick<TestContext, "after">, options: Partial<FakeOptions> = {}): Promise<Scene> {
  const saas = await startFakeSaas(options);
  t.after(() => saas.close());
  scenes += 1;
  const env = { SPEC_KITTY_SAAS_URL: saas.url, SPEC_KITTY_CONFIG_DIR: `C:\\scene-${scenes}` };
  const start: Scene["start"] = (args, options) => windows.start(args.split(" "), { env, ...options });
  return { saas, folder: join(windows.drive, `scene-${scenes}`), start, run: (args, options) => start(args, options).ended };
}

const success = "✓ Logged in as alice@example.com (Acme Corp). Access token valid for 1 hour.\n";

/** A scene in which alice has logged in with a code. */
async function loggedInScene(t: Pick<TestContext, "after">): Promise<Scene> {
  const at = await scene(t, { deviceIntervalSeconds: 1 });
  const login = at.start("auth login --headless --storage file --yes");
  const [, address = ""] = await login.shows(/Open this address in a browser, on any device:\n\n {2}(\S+)\n/);
  const [, code = ""] = await login.shows(/and enter this code:\n\n {2}(\S+)\n/);
  await approveDevice(address, code);
  const { code: exit, stdout, stderr } = await login.ended;
  assert.deepEqual([exit, stdout], [0, success], stderr);
  return at;
}

let shared: Promise<Scene> | undefined;
after(async () => (await shared)?.saas.close());

/** One such scene for the tests that leave alice logged in: a login takes longer than what they are about. */
function session(): Promise<Scene> {
  return (shared ??= loggedInScene({ after: () => undefined }));
}

test("NFR-014 on Windows a login by code leaves a session that later commands use, and logout ends", { skip }, async (t) => {
  const { saas, run } = await loggedInScene(t);
  const token = await run("auth token");
  assert.deepEqual([token.code, token.stderr], [0, ""]);
  assert.ok(saas.accessTokens.has(token.stdout.trim()));
  assert.equal((await run("auth logout")).code, 0);
  assert.equal((await run("auth token")).code, 4);
});

test("NFR-014 on Windows a login in the browser keeps its key in the Credential Manager, and logout --all removes it there", { skip }, async (t) => {
  const { saas, run: start } = await scene(t);
  // A keychain has 3 s to answer. Starting a Node takes Wine a part of that, and a busy machine is not a keychain that hangs.
  const run = (args: string): Promise<CommandResult> => start(args, { nodeArgs: hurried(3000, 30_000) });
  const login = await run("auth login");
  assert.deepEqual([login.code, login.stdout], [0, success], login.stderr);
  assert.equal(saas.count("/oauth/authorize", ({ method }) => method === "POST"), 1);
  const credentials = async (): Promise<string[]> => {
    const { stdout } = await windows.startProgram("reg", ["query", "HKCU\\Software\\Wine\\Credential Manager", "/s"]).ended;
    return stdout.split(/\r?\n/).filter((line) => line.includes("spec-kitty"));
  };
  assert.notDeepEqual(await credentials(), []);
  assert.match(JSON.stringify((JSON.parse((await run("auth status --json")).stdout) as { storage: unknown }).storage), /keychain/);
  assert.ok(saas.accessTokens.has((await run("auth token")).stdout.trim()));
  assert.equal((await run("auth logout --all")).code, 0);
  assert.deepEqual(await credentials(), []);
});

const waits = /^Waiting for process \d+ to refresh the session …\n$/;
const rounds = 5;
for (let round = 1; round <= rounds; round += 1) {
  test(`NFR-014 on Windows 8 processes with the same expired session refresh once, and all get the same token (${round} of ${rounds})`, { skip }, async () => {
    const { saas, start } = await session();
    const { refreshes } = saas.counters;
    saas.options.clockOffsetMs = round * 7_200_000;
    // The answer comes when one has asked and seven wait, so that the file is read and replaced at the same time.
    let answer = (): void => undefined;
    saas.faults.next("/oauth/token", { gateAnswer: new Promise<void>((resolve) => (answer = resolve)) });
    const nodeArgs = later(saas.options.clockOffsetMs);
    const running = Array.from({ length: 8 }, (_, n) => start("auth token", { nodeArgs, node: n % 2 === 0 ? "node-20" : "node-24" }));
    let left = 7;
    for (const { shows } of running) void shows(waits).then(() => (left -= 1) === 0 && answer(), () => undefined);
    const results = await Promise.all(running.map(({ ended }) => ended));
    for (const { code, stderr } of results) assert.deepEqual([code, stderr.replace(waits, "")], [0, ""]);
    const [token, ...others] = new Set(results.map(({ stdout }) => stdout.trim()));
    assert.deepEqual([others, saas.accessTokens.has(token ?? "")], [[], true]);
    assert.deepEqual([saas.counters.refreshes, saas.counters.reuses], [refreshes + 1, 0]);
  });
}

test("NFR-014 on Windows a refreshed session is stored even if another program has the file open", { skip }, async () => {
  const { saas, folder, run, start } = await session();
  const { refreshes } = saas.counters;
  const hold = "const fs = require('node:fs'); fs.openSync(process.argv[1], 'r'); console.log('open'); setInterval(() => {}, 1000);";
  const reader = windows.startProgram("node", ["-e", hold, join(folder, "credentials.json")]);
  await reader.shows(/open/);
  const old = readFileSync(join(folder, "credentials.json"));
  const refresh = start("auth refresh");
  await saas.until(() => saas.counters.refreshes > refreshes);
  // The new content is written, and cannot take the place of the old one.
  const path = join(folder, readdirSync(folder).find((name) => name.endsWith(".tmp")) ?? assert.fail());
  while (!readFileSync(path, "utf8").endsWith("}\n")) await turn();
  assert.deepEqual(readFileSync(join(folder, "credentials.json")), old);
  reader.child.kill("SIGKILL");
  const { code, stderr } = await refresh.ended;
  assert.equal(code, 0, stderr);
  assert.notDeepEqual(readFileSync(join(folder, "credentials.json")), old);
  assert.ok(saas.accessTokens.has((await run("auth token")).stdout.trim()));
});

test("NFR-014 on Windows the lock of a killed process is taken over", { skip }, async () => {
  const { saas, run, start } = await session();
  const { refreshes } = saas.counters;
  const asked = saas.count("/oauth/token");
  saas.faults.next("/oauth/token", { hang: true });
  const holder = start("auth refresh");
  await saas.until(() => saas.count("/oauth/token") > asked);
  const next = start("auth refresh");
  await next.shows(/Waiting for process \d+/);
  holder.child.kill("SIGKILL");
  const { code, stderr } = await next.ended;
  assert.equal(code, 0, stderr);
  assert.equal(saas.counters.refreshes, refreshes + 1);
  assert.match((await run("auth doctor")).stdout, /D501 lock +none is held/);
});

test("NFR-014 on Windows events that processes emit while others drain reach the service", { skip }, async () => {
  const { saas, run } = await session();
  const ids: string[] = [];
  const emit = async (content: string): Promise<void> => {
    const { code, stdout, stderr } = await run(`sync emit HistoryAdded --aggregate WP01 --payload {"wp_id":"WP01","entry_type":"note","entry_content":"${content}"}`);
    assert.equal(code, 0, stderr);
    ids.push(/[0-9A-Z]{26}/.exec(stdout)?.[0] ?? assert.fail(stdout));
  };
  const drain = async (): Promise<void> => {
    const { code, stderr } = await run("sync now", { node: "node-24" });
    assert.equal(code, 0, stderr);
  };
  const times = async (count: number, action: () => Promise<void>): Promise<void> => {
    for (let left = count; left > 0; left -= 1) await action();
  };
  // Small events are appended to a file, one after the other here: what two processes append at once is whole on Windows, not on Wine.
  await Promise.all([times(6, () => emit("small")), ...Array.from({ length: 6 }, () => emit("x".repeat(2500))), times(4, drain), times(4, drain)]);
  await drain();
  assert.deepEqual([...saas.events.keys()].sort(), ids.sort());
});
