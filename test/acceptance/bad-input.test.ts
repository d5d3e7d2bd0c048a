import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import type { Fault } from "../fake-saas/faults.ts";
import { approve, deny, tamper, type Visit } from "../fake-saas/user.ts";
import { bin, scratchFolder, startCommand, type CommandEnvironment, type CommandResult } from "../helpers/command.ts";
import { logInHere, runHere, withInput } from "../helpers/command-here.ts";
import { filesUnder, freePort, hurried, rawService, scene, type Scene } from "../helpers/scene.ts";
import { signIn, storedSession } from "../helpers/stored-session.ts";
import { until } from "../helpers/until.ts";

const address = /http:\/\/127\.0\.0\.1:\d+\S*\/oauth\/authorize\?\S+/;
const isRoot = process.getuid?.() === 0;
const unix = { skip: process.platform === "win32" && "paths are quoted otherwise" };

/** One `error:` line and one `hint:` line, the exit code, and nothing on stdout. */
function assertFailure(
  { code, stdout, stderr }: CommandResult,
  expected: { code: number; error: RegExp; hint: RegExp },
): void {
  const line = (label: string): string[] => stderr.split("\n").filter((text) => text.startsWith(`${label}: `));
  assert.equal(line("error").length, 1, stderr);
  assert.match(line("error")[0] ?? "", expected.error);
  assert.equal(line("hint").length, 1, stderr);
  assert.match(line("hint")[0] ?? "", expected.hint);
  assert.equal(stdout, "");
  assert.equal(code, expected.code, stderr);
  assert.doesNotMatch(stderr, /^\s+at /m, "a stack trace without --debug");
}

/** Logs in here, with a browser that does something: how that ends, and what the browser is shown. */
async function loginAndVisit(
  env: CommandEnvironment,
  args: readonly string[],
  browse: (link: string) => Promise<Visit>,
): Promise<Visit & { result: CommandResult }> {
  let visit: Promise<Visit> | undefined;
  const result = await logInHere(["auth", "login", ...args], env, {}, (link) => (visit = browse(link)));
  return { result, ...(await until("the page is there", visit ?? assert.fail(`no browser: ${result.stderr}`))) };
}

async function assertClosed(port: number): Promise<void> {
  await assert.rejects(once(connect(port, "127.0.0.1"), "connect"), { code: "ECONNREFUSED" });
}

for (const [what, url, error] of [
  ["no SPEC_KITTY_SAAS_URL", undefined, /SPEC_KITTY_SAAS_URL is not set: there is no service to log in to/],
  ["an empty SPEC_KITTY_SAAS_URL", "  ", /SPEC_KITTY_SAAS_URL is not set/],
  [
    "a user name in the address",
    "https://alice:hunter2@service.example",
    /SPEC_KITTY_SAAS_URL must not contain a user name or password/,
  ],
] as const) {
  test(`a login refuses ${what}`, async (t) => {
    const { here, folder, saas } = await scene(t);
    const result = await here("auth login", { SPEC_KITTY_SAAS_URL: url });
    assertFailure(result, { code: 2, error, hint: /export SPEC_KITTY_SAAS_URL=https:\/\/service\.example/ });
    assert.ok(!result.stderr.includes("hunter2"));
    assert.equal(saas.requests.length, 0);
    assert.equal(filesUnder(folder).size, 0);
  });
}

test("a service that cannot be reached is exit 3", async (t) => {
  const { saas, here, folder } = await scene(t);
  await saas.stop();
  assertFailure(await here("auth login --headless"), {
    code: 3,
    error: /cannot reach "http:\/\/127.*(ECONNREFUSED)/,
    hint: /Check the network/,
  });
  assert.equal(filesUnder(join(folder, "config")).size, 0);
});

test("--port with a port in use is refused before anything is opened", async (t) => {
  const { saas, here, folder } = await scene(t);
  const server = createServer().listen(0, "127.0.0.1");
  t.after(() => server.close());
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  assertFailure(await here(`auth login --port ${port}`), {
    code: 2,
    error: new RegExp(`another program uses port ${port}`),
    hint: /Omit --port/,
  });
  assert.equal(saas.count("/oauth/authorize"), 0);
  assert.equal(filesUnder(join(folder, "config")).size, 0);
});

test("NFR-007 with 28888 to 28898 in use, a login takes another port", async (t) => {
  const { saas, here } = await scene(t);
  const taken = new Set<number>();
  for (let port = 28888; port <= 28898; port += 1) {
    const server = createServer().listen(port, "127.0.0.1");
    t.after(() => server.close());
    await once(server, "listening").then(
      () => taken.add(port),
      () => undefined,
    );
  }
  assert.equal((await here("auth login")).code, 0);
  const link = saas.requests.find(({ method, path }) => method === "GET" && path === "/oauth/authorize");
  const port = Number(new URL(link?.query.get("redirect_uri") ?? "").port);
  assert.ok(!taken.has(port), String(port));
});

test("a denied consent is exit 5, in the terminal and in the browser", async (t) => {
  const { saas, folder, env } = await scene(t);
  const { result, page } = await loginAndVisit(env, [], deny);
  assertFailure(result, {
    code: 5,
    error: /the login was denied \(access_denied: the user denied access\)/,
    hint: /Try again: spec-kitty auth login/,
  });
  assert.match(page, /denied/i);
  assert.equal(saas.count("/oauth/token"), 0);
  assert.equal(filesUnder(join(folder, "config")).size, 0);
});

test("S-006 a wrong state gets a page and ends nothing; if no right one arrives in time, that is exit 6", async (t) => {
  const { saas, env, folder } = await scene(t);
  const port = await freePort();
  const { result, status, page } = await loginAndVisit(env, ["--port", `${port}`, "--timeout", "2"], (link) =>
    tamper(link, (callback) => callback.searchParams.set("state", "A".repeat(43))),
  );
  assert.equal(status, 400);
  assert.match(page, /This is not the login in progress/);
  assertFailure(result, {
    code: 6,
    error: /the login in the browser timed out after 2 seconds/,
    hint: /--timeout 600/,
  });
  assert.equal(saas.count("/oauth/token"), 0);
  assert.equal(filesUnder(join(folder, "config")).size, 0);
  await assertClosed(port);
});

for (const [what, fault, expected] of [
  [
    "400 invalid_grant",
    { status: 400, body: { error: "invalid_grant", error_description: "the code has expired" } },
    {
      code: 1,
      error: /returned 400 "invalid_grant" \(the code has expired\)/,
      hint: /Try again: spec-kitty auth login/,
    },
  ],
  [
    "HTML",
    { body: "<!doctype html><h1>Welcome</h1>" },
    {
      code: 1,
      error: /not an OAuth error|without a JSON object/,
      hint: /Check the URL of the service/,
    },
  ],
  [
    "a connection that breaks",
    { reset: "before" },
    { code: 3, error: /cannot reach ".*\/oauth\/token" \(ECONNRESET|UND_ERR_SOCKET\)/, hint: /Check the network/ },
  ],
] as [string, Fault, { code: number; error: RegExp; hint: RegExp }][]) {
  test(`a token endpoint that answers with ${what} is an error in the terminal and in the browser, and leaves nothing`, async (t) => {
    const { saas, env, folder } = await scene(t);
    saas.faults.always("/oauth/token", fault);
    const port = await freePort();
    const { result, page } = await loginAndVisit(env, ["--port", `${port}`], approve);
    assertFailure(result, expected);
    assert.match(page, /The login failed/);
    // A code is good for one use: it is never sent twice.
    assert.equal(saas.count("/oauth/token"), 1);
    assert.equal(filesUnder(join(folder, "config")).size, 0);
    await assertClosed(port);
  });
}

test("a token endpoint that hangs gets five minutes, since the code may be spent", async (t) => {
  const { saas, env, folder } = await scene(t);
  saas.faults.next("/oauth/token", { hang: true });
  const nodeArgs = hurried(300_000, 2_000);
  const running = startCommand(t, ["auth", "login", "--timeout", "600"], env, { nodeArgs });
  assertFailure(await running.ended, { code: 3, error: /\/oauth\/token" did not respond in time/, hint: /try again/ });
  assert.equal(filesUnder(join(folder, "config")).size, 0);
});

test("a response whose body hangs gets 10 seconds", async (t) => {
  const { env } = await scene(t);
  const half = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"device_code":"';
  const service = await rawService(t, (socket) => socket.write(half));
  const running = startCommand(
    t,
    ["auth", "login", "--headless"],
    { ...env, SPEC_KITTY_SAAS_URL: service },
    { nodeArgs: hurried(10_000, 2_000) },
  );
  assertFailure(await running.ended, { code: 3, error: /did not respond in time/, hint: /try again/ });
});

test("when /api/v1/me fails after the exchange, the user sees why, nothing is stored, and the server session is ended", async (t) => {
  const { saas, here, folder } = await scene(t);
  saas.faults.next("/api/v1/me", { status: 500 });
  const error = /the service does not name the user of this login: .*\/api\/v1\/me" returned 500/;
  assertFailure(await here("auth login"), {
    code: 3,
    error,
    hint: /^hint: Try again: spec-kitty auth login/,
  });
  assert.equal(saas.counters.logins, 1);
  assert.equal(saas.counters.logouts, 1);
  assert.ok([...saas.sessions.values()].every(({ ended }) => ended !== undefined));
  assert.equal(filesUnder(join(folder, "config")).size, 0);
});

/** A small file system for the configuration directory; undefined where none can be mounted. */
function smallDisk(t: TestContext): { config: string; fill(): void; free(): void; readOnly(): void } | undefined {
  const disk = mkdtempSync(join(tmpdir(), "spec-kitty-disk-"));
  if (!isRoot || spawnSync("mount", ["-t", "tmpfs", "-o", "size=128k,mode=0700", "none", disk]).status !== 0)
    return void rmdirSync(disk);
  t.after(() => {
    spawnSync("umount", ["-l", disk]);
    rmdirSync(disk);
  });
  const config = join(disk, "config");
  const filler = join(disk, "filler");
  mkdirSync(config, { mode: 0o700 });
  return {
    config,
    fill: () => void spawnSync("dd", ["if=/dev/zero", `of=${filler}`, "bs=1k"]),
    free: () => rmSync(filler),
    readOnly: () => void spawnSync("mount", ["-o", "remount,ro", disk]),
  };
}

test("NFR-010 a full disk is noticed before the browser is opened, and costs no existing session", async (t) => {
  const disk = smallDisk(t);
  if (disk === undefined) return t.skip("no file system can be mounted here");
  const it = await scene(t, {}, { SPEC_KITTY_CONFIG_DIR: disk.config });
  await signIn(it.saas, it.env);
  const before = filesUnder(it.config);
  const requests = it.saas.requests.length;
  disk.fill();
  const expected = {
    code: 1,
    error: /cannot write ".*(keys|[0-9a-f]{16})": .* \(ENOSPC\)/,
    hint: /Free some space, then try again/,
  };
  assertFailure(await it.here("auth login --force"), expected);
  assert.ok(it.saas.requests.slice(requests).every(({ path }) => !path.startsWith("/oauth")));
  assert.deepEqual(filesUnder(it.config), before);
  // Only what needs the disk fails, and works afterwards.
  assert.equal((await it.here("auth token")).code, 0);
  assertFailure(await it.here("auth refresh"), expected);
  assert.equal(it.saas.counters.refreshes, 0, "a refresh token was spent whose successor cannot be stored");
  disk.free();
  assert.equal((await it.here("auth refresh")).code, 0);
});

test("NFR-010 a disk that fills up while the browser is open stores nothing, and the server session is ended", async (t) => {
  const disk = smallDisk(t);
  if (disk === undefined) return t.skip("no file system can be mounted here");
  const it = await scene(t, {}, { SPEC_KITTY_CONFIG_DIR: disk.config });
  const { result, page } = await loginAndVisit(it.env, [], (link) => (disk.fill(), approve(link)));
  assertFailure(result, { code: 1, error: /cannot write .*: .* \(ENOSPC\)/, hint: /Free some space/ });
  assert.match(page, /The login failed/);
  assert.ok([...it.saas.sessions.values()].every(({ ended }) => ended !== undefined));
  assert.equal(filesUnder(it.config).size, 0);
});

test("a read-only disk is noticed before the browser is opened", async (t) => {
  const disk = smallDisk(t);
  if (disk === undefined) return t.skip("no file system can be mounted here");
  const it = await scene(t, {}, { SPEC_KITTY_CONFIG_DIR: disk.config });
  disk.readOnly();
  assertFailure(await it.here("auth login"), {
    code: 1,
    error: /cannot write .*: .* \(EROFS\)/,
    hint: /SPEC_KITTY_CONFIG_DIR/,
  });
  assert.equal(it.saas.count("/oauth/authorize"), 0);
  assert.equal((await it.here("auth status")).code, 4);
});

test("a home that does not exist and cannot be created is an error at login, and nowhere else", async (t) => {
  const { saas, run, here } = await scene(
    t,
    {},
    { HOME: "/proc/nobody", SPEC_KITTY_CONFIG_DIR: undefined, XDG_CONFIG_HOME: undefined },
  );
  assertFailure(await run("auth login"), {
    code: 1,
    error: /cannot write "\/proc\/nobody\/\.config\/spec-kitty.*": .*\(E\w+\)/,
    hint: /SPEC_KITTY_CONFIG_DIR/,
  });
  assert.equal(saas.count("/oauth/authorize"), 0);
  assert.equal((await here("auth status")).code, 4);
  assert.equal((await here("auth login --storage memory")).code, 0);
});

test("a configuration directory that does not exist is created, for this user alone", async (t) => {
  const { run, folder } = await scene(t, {}, { SPEC_KITTY_CONFIG_DIR: undefined });
  assert.equal((await run("auth login")).code, 0);
  assert.equal(lstatSync(join(folder, ".config/spec-kitty")).mode & 0o777, 0o700);
  assert.equal(lstatSync(join(folder, ".config/spec-kitty/keys")).mode & 0o777, 0o600);
});

/** In a directory that is deleted first. */
async function runNowhere(t: TestContext, args: string, env: CommandEnvironment): Promise<CommandResult> {
  const folder = scratchFolder(t);
  const command = ["-c", 'rmdir "$0" && exec "$@"', folder, process.execPath, bin, ...args.split(" ")];
  return new Promise((resolve) =>
    execFile("sh", command, { cwd: folder, env }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), signal: null, stdout, stderr }),
    ),
  );
}

test("a login works in a deleted directory, and a relative SPEC_KITTY_CONFIG_DIR is an error there that says so", {
  skip: process.platform === "win32" && "a folder in use cannot be deleted there",
}, async (t) => {
  const { env } = await scene(t);
  const { code, stderr } = await runNowhere(t, "auth login", env);
  assert.equal(code, 0, stderr);
  const failure = {
    code: 2,
    error: /SPEC_KITTY_CONFIG_DIR is "config", a relative path, and the current directory no longer exists/,
    hint: /Set SPEC_KITTY_CONFIG_DIR to an absolute path, or .*: cd DIRECTORY/,
  };
  assertFailure(await runNowhere(t, "auth token", { ...env, SPEC_KITTY_CONFIG_DIR: "config" }), failure);
});

test(
  "NFR-013 a file of keys that can be read by others is refused, says how to close it, and is left as it is",
  unix,
  async (t) => {
    const it = await scene(t);
    await signIn(it.saas, it.env);
    chmodSync(it.credentials, 0o644);
    const [before, requests] = [lstatSync(it.credentials), it.saas.requests.length];
    const refused = {
      code: 1,
      error: /can be read by others \(mode 0644\): not trusted/,
      hint: /Run: chmod 600 \S+keys$/,
    };
    for (const result of await Promise.all(
      ["auth token", "auth logout", "auth login --force"].map((args) => it.here(args)),
    ))
      assertFailure(result, refused);
    assert.deepEqual(lstatSync(it.credentials).mtimeMs, before.mtimeMs);
    assert.equal(lstatSync(it.credentials).mode, before.mode);
    assert.equal(it.saas.requests.length, requests, "the service was asked");
  },
);

for (const [what, spoil, restore, why, left] of [
  [
    "a file of keys that is damaged is moved aside",
    ({ credentials }) => writeFileSync(credentials, readFileSync(credentials).subarray(0, 200)),
    () => undefined,
    /is damaged: it was truncated or changed/,
    ({ credentials }) => `their keys are now in "${credentials}.1"`,
  ],
  [
    "what the lost secret opened stays where it is",
    ({ folder }) => renameSync(join(folder, "state", "spec-kitty"), join(folder, "backup")),
    ({ folder }) => (
      rmSync(join(folder, "state", "spec-kitty"), { recursive: true }),
      renameSync(join(folder, "backup"), join(folder, "state", "spec-kitty"))
    ),
    /the secret of the session is missing: "\S+credentials\.secret"/,
    () => "they stay unchanged",
  ],
] as [string, (it: Scene) => void, (it: Scene) => void, RegExp, (it: Scene) => string][]) {
  test(`S-018 ${what} by auth login --force, which says so, and it can be put back`, unix, async (t) => {
    const it = await scene(t);
    await signIn(it.saas, it.env);
    const token = async (): Promise<string | undefined> => (await storedSession(it.env))?.accessToken.reveal();
    const before = await token();
    const kept = filesUnder(it.config);
    spoil(it);
    assertFailure(await it.here("auth login"), { code: 1, error: why, hint: /auth login --force$/ });
    const { code, stderr } = await it.here("auth login --force");
    assert.equal(code, 0, stderr);
    const said = `^warning: cannot open stored logins \\(.*${why.source}.*\\): ${left(it)}$`;
    assert.match(stderr, new RegExp(said, "m"));
    assert.notEqual(await token(), before);
    restore(it);
    for (const [path, content] of kept) writeFileSync(join(it.config, path), content);
    assert.equal(await token(), before);
  });
}

for (const [stage, fault, path] of [
  ["during the exchange", { delayMs: 60_000 }, "/oauth/token"],
  ["while it asks who is logged in", { delayAnswerMs: 60_000 }, "/api/v1/me"],
] as const) {
  test(`S-015 Ctrl-C ${stage} leaves nothing behind here, and does not say that nothing was changed`, async (t) => {
    const { saas, env, folder } = await scene(t);
    saas.faults.next(path, fault);
    const port = await freePort();
    const running = startCommand(t, ["auth", "login", "--no-browser", "--port", String(port)], env);
    const [link] = await running.shows(address);
    const visit = approve(link).catch(() => undefined);
    await saas.until(() => saas.count(path) === 1);
    running.child.kill("SIGINT");
    // The code may be spent: only the service knows.
    assertFailure(await running.ended, {
      code: 130,
      error: /^error: interrupted \(SIGINT\)$/,
      hint: /^hint: Check whether the request took effect before you try again/,
    });
    assert.equal(filesUnder(join(folder, "config")).size, 0);
    await assertClosed(port);
    await visit;
    if (path === "/api/v1/me")
      assert.ok(
        [...saas.sessions.values()].every(({ ended }) => ended !== undefined),
        "the session still exists at the server",
      );
  });
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  test(`${signal} before the browser responds ends the login at once and leaves nothing behind`, async (t) => {
    const { env, folder } = await scene(t);
    const port = await freePort();
    const running = startCommand(t, ["auth", "login", "--no-browser", "--port", String(port)], env);
    await running.shows(address);
    running.child.kill(signal);
    assertFailure(await running.ended, {
      code: 130,
      error: new RegExp(`^error: interrupted \\(${signal}\\)$`),
      hint: /^hint: Run the command again$/,
    });
    assert.equal(filesUnder(join(folder, "config")).size, 0);
    await assertClosed(port);
  });
}

test("Ctrl-C while a code waits for approval leaves nothing behind", async (t) => {
  const { saas, env, folder } = await scene(t);
  const running = startCommand(t, ["auth", "login", "--headless"], env);
  await running.shows(/enter this code:\n\n {2}\S+\n/);
  assert.equal(saas.counters.devicePolls, 0);
  running.child.kill("SIGINT");
  assertFailure(await running.ended, {
    code: 130,
    error: /interrupted \(SIGINT\)/,
    hint: /^hint: Run the command again$/,
  });
  assert.equal(filesUnder(join(folder, "config")).size, 0);
});

test("Ctrl-C at a second login leaves the first one as it was", async (t) => {
  const { saas, env, config } = await scene(t);
  await signIn(saas, env);
  const before = filesUnder(config);
  const running = startCommand(t, ["auth", "login", "--force", "--no-browser"], env);
  await running.shows(address);
  running.child.kill("SIGINT");
  assert.equal((await running.ended).code, 130);
  assert.deepEqual(filesUnder(config), before);
});

test("JSON of an option that is nested without an end is wrong usage", async (t) => {
  const { env } = await scene(t);
  const payload = `{"wp_id":${"[".repeat(100_000)}${"]".repeat(100_000)}}`;
  const args = ["sync", "emit", "WPStatusChanged", "--aggregate", "WP01", "--payload", "@-"];
  const result = await withInput(payload, () => runHere(args, env));
  assertFailure(result, { code: 2, error: /^error: --payload is nested too deeply$/, hint: /--payload/ });
});
