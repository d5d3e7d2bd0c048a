import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { test, type TestContext } from "node:test";
import { Worker } from "node:worker_threads";
import { startFakeSaas } from "../fake-saas/server.ts";
import { startCommand, withoutWaits, type RunningCommand } from "../helpers/command.ts";
import type { Fault } from "../fake-saas/faults.ts";
import { beforeItsWrite, filesUnder, scene, type Scene } from "../helpers/scene.ts";
import { loginFile, sessionOf, storedSession, storeSession } from "../helpers/stored-session.ts";

const isRoot = process.getuid?.() === 0;

async function sceneWithExpiredSession(t: TestContext): Promise<Scene> {
  const made = await scene(t);
  await storeSession(made.saas, made.env, sessionOf(made.saas));
  return made;
}

/** In the middle of its refresh: the service rotated the token and holds the response. */
async function refreshing(
  t: TestContext,
  { saas, env, folder }: Scene,
  more: Record<string, string> = {},
): Promise<{ command: RunningCommand; answer: () => void }> {
  let answer = (): void => undefined;
  saas.faults.next("/oauth/token", { gateAnswer: new Promise<void>((resolve) => (answer = resolve)) });
  const { refreshes } = saas.counters;
  const command = startCommand(t, ["auth", "token"], { ...env, ...more }, { cwd: folder });
  await saas.until(() => saas.counters.refreshes > refreshes);
  return { command, answer };
}

test("FR-012 a session that the service has ended ends here with exit 4, one line and the command to run", async (t) => {
  const { saas, run, here, env } = await sceneWithExpiredSession(t);
  saas.revoke([...saas.sessions.keys()][0] ?? "");
  const ended = await run("auth token");
  const line = /^error: Session expired or revoked: the issuer ended .*\nhint: Run: spec-kitty auth login\n$/;
  assert.deepEqual([ended.code, ended.stdout], [4, ""]);
  assert.match(withoutWaits(ended.stderr), line);
  assert.equal(await storedSession(env), undefined);
  const after = await here("auth token");
  assert.equal(after.code, 4);
  assert.match(after.stderr, /^error: not logged in \(profile "default"\): .*\nhint: Run: spec-kitty auth login\n$/);
  assert.equal(saas.count("/oauth/token"), 1);
  assert.equal((await here("auth login")).code, 0, "the next login needs nothing else");
});

test("S-003 a logout beats the refresh that another command is in the middle of", async (t) => {
  const stage = await sceneWithExpiredSession(t);
  const { command, answer } = await refreshing(t, stage);
  assert.equal((await stage.here("auth logout --force")).code, 0);
  answer();
  const { code, stdout, stderr } = await command.ended;
  assert.deepEqual([code, stdout], [4, ""]);
  assert.match(stderr, /^error: not logged in \(profile "default"\): alice@example\.com logged out here on /m);
  assert.equal(await storedSession(stage.env), undefined);
  assert.equal(filesUnder(stage.config).size, 2, "the keys and the profile");
});

test("S-003 a logout that tells the service waits for the refresh that another command is in the middle of, and ends what that brought", async (t) => {
  const stage = await sceneWithExpiredSession(t);
  const { command, answer } = await refreshing(t, stage);
  const logout = startCommand(t, ["auth", "logout"], stage.env);
  await logout.shows(new RegExp(`^Waiting for process ${command.child.pid} `, "m"));
  answer();
  assert.deepEqual((await logout.ended).stdout, '✓ Logged out (profile "default").\n');
  await command.ended;
  assert.equal(await storedSession(stage.env), undefined);
  assert.deepEqual([stage.saas.counters.refreshes, stage.saas.counters.reuses, stage.saas.counters.logouts], [1, 0, 1]);
});

test("S-003 a login beats the refresh that another command is in the middle of, which then gives out the new session's token", async (t) => {
  const stage = await sceneWithExpiredSession(t);
  const { command, answer } = await refreshing(t, stage);
  const login = await stage.here("auth login --force", { FAKE_SAAS_USER: "bob" });
  assert.equal(login.code, 0, login.stderr);
  answer();
  const { code, stdout } = await command.ended;
  assert.equal(code, 0);
  assert.equal(stage.saas.accessTokens.get(stdout.trim())?.session.user, "bob");
  assert.equal((await storedSession(stage.env))?.user.email, "bob@example.com");
  assert.equal((await stage.here("auth refresh")).code, 0);
});

test("NFR-010 a login that adds another key waits for no refresh, and the session of that lives on", async (t) => {
  const stage = await sceneWithExpiredSession(t);
  const { command, answer } = await refreshing(t, stage);
  const withPassphrase = { SPEC_KITTY_PASSPHRASE: "correct horse" };
  assert.equal((await stage.here("auth login --profile work", withPassphrase)).code, 0);
  answer();
  assert.equal((await command.ended).code, 0);
  const { code, stderr } = await stage.here("auth refresh --profile default", withPassphrase);
  assert.deepEqual([code, stderr, stage.saas.counters.reuses], [0, "", 0]);
});

test("S-003 an account switch does not touch the refresh that another command is in the middle of", async (t) => {
  const stage = await sceneWithExpiredSession(t);
  await storeSession(stage.saas, stage.env, sessionOf(stage.saas, { user: "bob", leftMs: 3_600_000 }), {
    profile: "work",
  });
  const { command, answer } = await refreshing(t, stage);
  assert.equal((await stage.here("auth switch work")).code, 0);
  answer();
  const { code, stdout } = await command.ended;
  assert.equal(code, 0);
  assert.equal(stage.saas.accessTokens.get(stdout.trim())?.session.user, "alice");
  assert.equal((await stage.here("auth whoami")).stdout, "bob@example.com\n");
  assert.equal((await stage.run("auth token --profile default")).stdout, stdout);
});

test("NFR-016 an account switch that is stopped in the middle of its write costs a refresh nothing", {
  skip: process.platform === "win32" && "needs signals",
}, async (t) => {
  const stage = await sceneWithExpiredSession(t);
  const { saas, env, run } = stage;
  await storeSession(saas, env, sessionOf(saas, { user: "bob" }), { profile: "work" });
  const stopped = startCommand(t, ["auth", "switch", "work"], env, { nodeArgs: beforeItsWrite() });
  await stopped.shows(/^writes$/m);
  stopped.child.kill("SIGSTOP");
  const first = await run("auth token");
  assert.deepEqual([first.code, withoutWaits(first.stderr)], [0, ""]);
  assert.equal((await run("auth token")).stdout, first.stdout);
  stopped.child.kill("SIGCONT");
  stopped.child.stdin?.write("\n");
  assert.equal((await stopped.ended).code, 0);
  assert.equal((await run("auth refresh --profile default")).code, 0);
  assert.deepEqual([saas.counters.refreshes, saas.counters.reuses], [2, 0]);
});

test("S-001 a refresh token never goes to the service that the environment names now", async (t) => {
  const { here, saas, env } = await sceneWithExpiredSession(t);
  const other = await startFakeSaas();
  t.after(() => other.close());
  const refused = await here("auth token", { SPEC_KITTY_SAAS_URL: other.url });
  assert.equal(refused.code, 4);
  assert.match(refused.stderr, /is logged in to .*, not to /);
  assert.deepEqual([saas.requests.length, other.requests.length], [0, 0]);
  assert.ok(await storedSession(env));
});

test("a token that cannot be valid for as long as --min-validity asks is printed with a warning", async (t) => {
  const { here } = await sceneWithExpiredSession(t);
  const { code, stdout, stderr } = await here("auth token --min-validity 999999");
  assert.deepEqual([code, stderr], [0, "warning: the token is valid for 1 hour, less than --min-validity\n"]);
  assert.match(stdout, /^\S+\n$/);
  assert.equal((await here("auth token --min-validity 60")).stderr, "");
});

test("S-004 a service that is down, busy or broken costs exit 3, one line and no session", async (t) => {
  const { run, here, saas, env } = await sceneWithExpiredSession(t);
  const before = (await storedSession(env))?.refreshToken?.reveal();
  for (const [fault, code, said = ""] of [
    [{ status: 429, headers: { "Retry-After": "7200" }, body: {} }, 3, "Try again in 2 hours"],
    [{ malformed: true }, 1],
    [{ status: 302, headers: { Location: "https://evil.example/" } }, 1],
    [{ status: 400, body: { error: "invalid_client" } }, 1],
    [{ status: 409, body: { error: "refresh_replay_benign_retry", retry_after: 0 } }, 3],
  ] as [Fault, number, string?][]) {
    saas.faults.next("/oauth/token", fault);
    const answer = await here("auth token");
    assert.equal(answer.code, code, answer.stderr);
    assert.ok(answer.stderr.includes(said), answer.stderr);
    assert.match(answer.stderr, /^error: [^\n]+\nhint: [^\n]+\n$/);
    assert.equal((await storedSession(env))?.refreshToken?.reveal(), before);
  }
  await saas.stop();
  const down = await run("auth token");
  assert.deepEqual([down.code, down.stdout], [3, ""]);
  await saas.start();
  assert.equal((await here("auth token")).code, 0);
  assert.equal(saas.counters.reuses, 0);
});

test("NFR-009 a worker thread that is ended in the middle of its refresh does not block the next one, though its process lives on", async (t) => {
  const { saas, env, run } = await sceneWithExpiredSession(t);
  saas.faults.next("/oauth/token", { hang: true });
  const library = new URL("../../dist/index.js", import.meta.url).href;
  const worker = new Worker(
    `import(${JSON.stringify(library)}).then(({ getTokenManager }) => getTokenManager().getAccessToken());`,
    { eval: true, env },
  );
  await saas.until(() => saas.count("/oauth/token") === 1);
  await worker.terminate();
  const { code, stdout, stderr } = await run("auth token");
  assert.deepEqual([code, withoutWaits(stderr)], [0, ""]);
  assert.match(stdout, /^at_/);
});

for (const [key, signal, end] of [
  ["Ctrl-C", "SIGINT", { code: 130, signal: null }],
  ["Ctrl-\\", "SIGQUIT", { code: null, signal: "SIGQUIT" }],
] as const) {
  test(`NFR-010 ${key} in the middle of a refresh does not lose what the service has rotated`, {
    skip: process.platform === "win32" && "needs signals",
  }, async (t) => {
    const stage = await sceneWithExpiredSession(t);
    const { command, answer } = await refreshing(t, stage);
    command.child.kill(signal);
    await command.shows(/interrupted/);
    answer();
    const { stderr, ...ended } = await command.ended;
    assert.deepEqual(ended, { ...end, stdout: "" });
    assert.equal((await stage.here("auth token")).code, 0);
    assert.deepEqual([stage.saas.counters.refreshes, stage.saas.counters.reuses], [1, 0]);
  });
}

test("NFR-010 in a directory that cannot be written nothing is sent, and the session is as it was", {
  skip: process.platform === "win32" && "modes say nothing there",
}, async (t) => {
  // Root can write everywhere except on a read-only file system.
  const disk = isRoot ? smallDisk(t) : undefined;
  if (isRoot && disk === undefined) return t.skip("needs a user who is not root, or mount");
  const { saas, env, config, run } = await scene(t, {}, disk === undefined ? {} : { SPEC_KITTY_CONFIG_DIR: disk });
  await storeSession(saas, env, sessionOf(saas));
  const before = filesUnder(disk ?? config);
  if (disk !== undefined) execFileSync("mount", ["-o", "remount,ro", disk]);
  const folder = dirname((await loginFile(env)) ?? "");
  if (disk === undefined) chmodSync(folder, 0o500);
  const refused = await run("auth token");
  // At once: an earlier hook removes the directory.
  if (disk === undefined) chmodSync(folder, 0o700);
  assert.deepEqual([refused.code, refused.stdout], [1, ""]);
  assert.match(refused.stderr, /^error: [^\n]*(read-only|permission denied)[^\n]*\nhint: [^\n]+\n$/);
  assert.equal(saas.requests.length, 0);
  assert.deepEqual(filesUnder(disk ?? config), before);
});

/** 256 KiB and 64 files, for a test; undefined where not possible. */
function smallDisk(t: TestContext): string | undefined {
  const path = mkdtempSync(join(tmpdir(), "spec-kitty-disk-"));
  let isMounted = false;
  t.after(() => {
    if (isMounted) execFileSync("umount", ["-l", path]);
    rmdirSync(path);
  });
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=256k,nr_inodes=64,mode=700", "tmpfs", path], { stdio: "ignore" });
    isMounted = true;
    return path;
  } catch {
    return undefined;
  }
}

interface SmallScene extends Scene {
  file: string;
  fill(): void;
  /** Uses up the disk's files, except so many. */
  crowd(free?: number): void;
  makeRoom(): void;
}

/** With an expired session. */
async function sceneOnSmallDisk(t: TestContext): Promise<SmallScene | undefined> {
  const config = smallDisk(t);
  if (config === undefined) {
    t.skip("needs root and tmpfs; the same with a store that refuses is among the token manager's own tests");
    return undefined;
  }
  const made = await scene(t, {}, { SPEC_KITTY_CONFIG_DIR: config });
  await storeSession(made.saas, made.env, sessionOf(made.saas));
  const file = (await loginFile(made.env)) ?? "";
  const ballast = join(config, "ballast");
  const untilFull = (add: (count: number) => void): void => {
    try {
      for (let count = 0; ; count += 1) add(count);
    } catch {}
  };
  return {
    ...made,
    config,
    file,
    fill: () =>
      [65_536, 4_096, 1].forEach((size) => untilFull(() => writeFileSync(ballast, Buffer.alloc(size), { flag: "a" }))),
    crowd(free = 0) {
      let made = 0;
      untilFull((count) => (writeFileSync(`${ballast}-${count}`, "", { flag: "wx" }), (made += 1)));
      for (let count = 1; count <= free; count += 1) rmSync(`${ballast}-${made - count}`);
    },
    makeRoom() {
      for (const name of readdirSync(config)) if (name.startsWith("ballast")) rmSync(join(config, name));
    },
  };
}

test("NFR-010 a full disk costs nothing before the refresh: nothing is sent, and the session is as it was", async (t) => {
  const stage = await sceneOnSmallDisk(t);
  if (stage === undefined) return;
  const { saas, run, here, fill, makeRoom, file, config } = stage;
  const before = readFileSync(file);
  fill();
  const refused = await run("auth token");
  assert.deepEqual([refused.code, refused.stdout], [1, ""]);
  assert.match(refused.stderr, /^error: [^\n]*(ENOSPC|disk is full)[^\n]*\nhint: Free some space[^\n]*\n$/);
  assert.equal(saas.requests.length, 0);
  assert.deepEqual(readFileSync(file), before);
  makeRoom();
  assert.equal((await here("auth token")).code, 0);
  assert.equal(filesUnder(config).size, 3, "the keys, the profile and the login");
});

test("NFR-010 however few files the disk can still have, a refresh is either not begun or stored", async (t) => {
  const stage = await sceneOnSmallDisk(t);
  if (stage === undefined) return;
  const { saas, here, crowd, makeRoom, env } = stage;
  const outcomes: string[] = [];
  for (let free = 0; free <= 7; free += 1) {
    saas.expireAccessTokens();
    await storeSession(saas, env, sessionOf(saas));
    const { refreshes } = saas.counters;
    crowd(free);
    const { code, stderr } = await here("auth token");
    assert.equal(saas.counters.refreshes - refreshes, code === 0 ? 1 : 0, `${free} free: ${stderr}`);
    outcomes.push(code === 0 ? "refreshed" : "not begun");
    makeRoom();
    const after = await here("auth token");
    assert.deepEqual([after.code, saas.counters.reuses], [0, 0], `${free} free: ${after.stderr}`);
  }
  assert.deepEqual([...new Set(outcomes)], ["not begun", "refreshed"], outcomes.join(", "));
});

test("NFR-010 a disk that fills up while the service works has room for the response all the same: it was taken before", async (t) => {
  const stage = await sceneOnSmallDisk(t);
  if (stage === undefined) return;
  const { saas, here, fill, makeRoom } = stage;
  const { command, answer } = await refreshing(t, stage);
  fill();
  answer();
  const { code, stdout, stderr } = await command.ended;
  assert.deepEqual([code, withoutWaits(stderr)], [0, ""]);
  makeRoom();
  assert.equal((await here("auth token")).stdout, stdout);
  assert.deepEqual([saas.counters.refreshes, saas.counters.reuses], [1, 0]);
});

test("NFR-010 what could not be stored after all is reported in plain words and by the exit code, and the token is given out", async (t) => {
  const stage = await sceneOnSmallDisk(t);
  if (stage === undefined) return;
  const { command, answer } = await refreshing(t, stage);
  // Neither the first try nor the last one can create a file there.
  rmSync(stage.file);
  mkdirSync(join(stage.file, "in the way"), { recursive: true });
  answer();
  const { code, stdout, stderr } = await command.ended;
  assert.equal(code, 1);
  assert.equal(stage.saas.accessTokens.get(stdout.trim())?.session.user, "alice");
  assert.match(
    stderr,
    /^error: cannot store the refreshed session, which ends with this process: [^\n]+\nhint: [^\n]*auth login[^\n]*\n$/,
  );
});

test("NFR-010 NFR-016 a session that the disk takes late is stored, although nobody reads the token any more", async (t) => {
  const { saas, env, here } = await sceneWithExpiredSession(t);
  const refusing = `
    import fs from "node:fs";
    import { syncBuiltinESMExports } from "node:module";
    const { renameSync } = fs;
    let left = 2;
    fs.renameSync = (from, to) => {
      if (String(from).endsWith(".tmp") && left-- > 0) throw Object.assign(new Error("EIO: refused"), { code: "EIO" });
      renameSync(from, to);
    };
    syncBuiltinESMExports();`;
  const nodeArgs = ["--import", `data:text/javascript,${encodeURIComponent(refusing)}`];
  const { child, ended } = startCommand(t, ["auth", "token"], env, { nodeArgs });
  child.stdout?.destroy();
  assert.equal((await ended).code, 0);
  assert.equal((await here("auth refresh")).code, 0);
  assert.deepEqual([saas.counters.refreshes, saas.counters.reuses], [2, 0]);
});

test("NFR-009 while a program keeps a session that the disk does not take, no other presents the token that it has spent", async (t) => {
  const { saas, folder, env, here } = await sceneWithExpiredSession(t);
  const full = join(folder, "full");
  const program = `
    import fs, { existsSync } from "node:fs";
    import { syncBuiltinESMExports } from "node:module";
    import { createInterface } from "node:readline";
    const { renameSync } = fs;
    fs.renameSync = (from, to) => {
      if (String(from).endsWith(".tmp") && existsSync(${JSON.stringify(full)}))
        throw Object.assign(new Error("EIO: refused"), { code: "EIO" });
      renameSync(from, to);
    };
    syncBuiltinESMExports();
    const { createApp } = await import(${JSON.stringify(new URL("../../dist/app/create-app.js", import.meta.url).href)});
    const tokens = createApp().tokens();
    for await (const _ of createInterface({ input: process.stdin })) console.log(await tokens.getAccessToken());`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
    env,
    stdio: ["pipe", "pipe", "inherit"],
  });
  t.after(() => void child.kill("SIGKILL"));
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  writeFileSync(full, "");
  child.stdin.write("1\n");
  const kept = String((await lines.next()).value);
  const another = startCommand(t, ["auth", "token"], env);
  // It waits until the program has stored it by itself.
  await another.shows(new RegExp(`^Waiting for process ${child.pid} `, "m"));
  rmSync(full);
  assert.equal((await another.ended).stdout, `${kept}\n`);
  assert.deepEqual([saas.counters.refreshes, saas.counters.reuses], [1, 0]);
  child.stdin.write("2\n");
  assert.equal((await lines.next()).value, kept);
  child.stdin.end();
  await once(child, "exit");
  assert.equal((await here("auth refresh")).code, 0);
});
