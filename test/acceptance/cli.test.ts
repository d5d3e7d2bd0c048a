import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import type { Fault } from "../fake-saas/faults.ts";
import { approve, tamper } from "../fake-saas/user.ts";
import { bin, commandEnvironment, runCommand, scratchFolder, startCommand, type CommandEnvironment, type CommandResult } from "../helpers/command.ts";
import { noTerminal, startOnTerminal } from "../helpers/pseudo-terminal.ts";
import { filesUnder, scene, type Scene } from "../helpers/scene.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const address = /http:\/\/127\.0\.0\.1:\d+\S*\/oauth\/authorize\?\S+/;

/** Runs the command where there is neither a service nor a session. */
function alone(t: TestContext, args: readonly string[], more: CommandEnvironment = {}): Promise<CommandResult> {
  return runCommand(t, args, commandEnvironment(scratchFolder(t), undefined, more));
}

/** The help of every level, found as a user would find it: from the top down. */
async function everyHelp(t: TestContext, words: readonly string[] = []): Promise<Map<string, string>> {
  const { code, stdout, stderr } = await alone(t, [...words, "--help"]);
  assert.deepEqual([code, stderr], [0, ""], words.join(" "));
  const found = new Map([[words.join(" "), stdout]]);
  const [, rows = ""] = /^Commands\n((?: {2}.*\n)+)/m.exec(stdout) ?? [];
  const below = rows.split("\n").filter(Boolean).map((row) => row.trim().split(/\s+/)[0] ?? "");
  for (const helps of await Promise.all(below.map((word) => everyHelp(t, [...words, word])))) for (const [name, text] of helps) found.set(name, text);
  return found;
}

test("FR-008 C-001 --help at every level shows usage, options and two examples, and no way to give a password", async (t) => {
  const helps = await everyHelp(t);
  assert.ok(helps.size > 10, [...helps.keys()].join(", "));
  for (const [name, text] of helps) {
    assert.match(text, new RegExp(`^Usage: spec-kitty ${name}`), name);
    const [, examples = ""] = /^Examples\n((?: {2}.*\n?)+)/m.exec(text) ?? [];
    const lines = examples.trimEnd().split("\n");
    assert.ok(lines.length >= 2, `two examples of "${name}"`);
    if (/^(auth|sync|tracker)$/.test(name)) assert.ok(lines.every((line) => line.startsWith(`  spec-kitty ${name} `)), `an example of "${name}" is another group's`);
    assert.doesNotMatch(text, /password|passwd|user ?name/i, name);
  }
  for (const args of [[], ["-h"], ["auth"], ["auth", "login", "-h"]]) assert.equal((await alone(t, args)).code, 0);
});

test("FR-008 C-001 nothing in the source asks for a password or hides what is typed", () => {
  for (const [name, content] of filesUnder(join(root, "src"))) {
    const text = content.toString("utf8");
    assert.doesNotMatch(text, /grant_type\W+password|setRawMode/, name);
    assert.doesNotMatch(text, /\bask\([^)]*(password|user ?name)|\b(password|username): \{ type:/i, name);
  }
});

test("--version is the version of the package, and nothing else", async (t) => {
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
  for (const option of ["--version", "-V"]) assert.deepEqual(await alone(t, [option]), { code: 0, signal: null, stdout: `${version}\n`, stderr: "" });
});

for (const [line, error, hint] of [
  ["auht login", '"auht" is not a command of spec-kitty', "Did you mean: spec-kitty auth? Usage: spec-kitty COMMAND [options]"],
  ["auth lgoin", '"lgoin" is not a command of spec-kitty auth', "Did you mean: spec-kitty auth login? Usage: spec-kitty auth COMMAND [options]"],
  ["auth frobnicate", '"frobnicate" is not a command of spec-kitty auth', "Usage: spec-kitty auth COMMAND [options]. See: spec-kitty auth --help"],
  ["--verison", '"--verison" is not an option of spec-kitty', "Did you mean: spec-kitty --version? Usage: spec-kitty COMMAND [options]"],
  ["auth login --stroage file", '"--stroage" is not an option of "auth login"', "Did you mean --storage? Usage: spec-kitty auth login [ADDRESS] [options]"],
  ["auth login -x", '"-x" is not an option of "auth login"', "Usage: spec-kitty auth login [ADDRESS] [options]"],
  ["auth login --constructor", '"--constructor" is not an option of "auth login"', "Usage: spec-kitty auth login [ADDRESS] [options]"],
  ["auth login --password hunter2", '"--password" is not an option of "auth login"', "Usage: spec-kitty auth login [ADDRESS] [options]"],
  ["auth status extra", 'unexpected argument "extra"', "Usage: spec-kitty auth status [options]"],
] as const) {
  test(`wrong usage is exit 2, with the nearest name and the usage line: ${line}`, async (t) => {
    assert.deepEqual(await alone(t, line.split(" ")), { code: 2, signal: null, stdout: "", stderr: `error: ${error}\nhint: ${hint}\n` });
  });
}

test("a reader of stdout that stops early is not a failure", async (t) => {
  const running = startCommand(t, ["auth", "login", "--help"], commandEnvironment(scratchFolder(t), undefined));
  running.child.stdout?.destroy();
  const { code, stderr } = await running.ended;
  assert.deepEqual([code, stderr], [0, ""]);
});

test("a closed stderr does not end the work", async (t) => {
  const { run, env } = await scene(t);
  const child = spawn(process.execPath, [bin, "auth", "login"], { env, stdio: ["ignore", "pipe", "pipe"] });
  child.stderr.destroy();
  child.stdout.resume();
  const [code] = (await once(child, "close")) as [number];
  assert.equal(code, 0);
  assert.equal((await run("auth whoami")).stdout, "alice@example.com\n");
});

test("color is for terminals, FORCE_COLOR forces it, NO_COLOR forbids it, and no variable changes the words", { skip: noTerminal }, async (t) => {
  const plain = await alone(t, ["auth", "whoami"]);
  assert.doesNotMatch(plain.stderr, /\u001b/);
  const forced = await alone(t, ["auth", "whoami"], { FORCE_COLOR: "1" });
  assert.match(forced.stderr, /^\u001b\[31merror:\u001b\[0m /);
  assert.equal(forced.stderr.replaceAll(/\u001b\[\d+m/g, ""), plain.stderr);
  assert.doesNotMatch((await alone(t, ["auth", "whoami"], { FORCE_COLOR: "0" })).stderr, /\u001b/);
  const env = commandEnvironment(scratchFolder(t), undefined);
  assert.match((await startOnTerminal(t, ["auth", "whoami"], env).ended).stdout, /\u001b\[31merror:/);
  for (const more of [{ NO_COLOR: "1" }, { FORCE_COLOR: "0" }]) {
    assert.doesNotMatch((await startOnTerminal(t, ["auth", "whoami"], { ...env, ...more }).ended).stdout, /\u001b\[3/);
  }
});

test("a failure shows a stack only with --debug", async (t) => {
  const { run } = await scene(t);
  assert.doesNotMatch((await run("auth token")).stderr, /^\s+at /m);
  assert.match((await run("auth token --debug")).stderr, /^\s+at /m);
});

/** Moves the cursor, sets the title, hides text, reverses the direction, and forges lines. */
const hostile = "\u001b[2J\u001b]0;owned\u0007\u009b31mEvil\u202eLtd\u2066\u200b\r\nerror: forged\n✓ Logged in as root\u2028hint: rm -rf\u0000</p><script>alert(1)</script>";

function assertHarmless({ stdout, stderr }: Pick<CommandResult, "stdout" | "stderr">): void {
  for (const text of [stdout, stderr]) {
    assert.doesNotMatch(text, /(?![\n\t])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
    assert.doesNotMatch(text, /^\s*(error: forged|✓ Logged in as root|hint: rm)/m);
  }
}

test("S-008 names of users and teams from the service stay text on one line, in every command", async (t) => {
  const { saas, run, env } = await scene(t);
  Object.assign(saas.users.alice, { email: `a${hostile}`, name: hostile, teams: [{ id: `tm${hostile}`, name: hostile, role: hostile }] });
  const running = startCommand(t, ["auth", "login", "--no-browser"], env);
  const [link] = await running.shows(address);
  const { page } = await approve(link);
  assert.match(page, /You are logged in/);
  assert.doesNotMatch(page, /<script|[\u202a-\u202e\u2066-\u2069\u001b\u200b]/);
  const login = await running.ended;
  assert.equal(login.stdout.split("\n").length, 2);
  assertHarmless(login);
  for (const args of ["auth status --check", "auth whoami", "auth list", "auth team", "auth login", "auth doctor", "auth logout"]) {
    const result = await run(args);
    assert.doesNotMatch(result.stderr, /This is a bug/, args);
    assertHarmless(result);
    if (args === "auth whoami") assert.equal(result.stdout.split("\n").length, 2);
  }
});

test("S-008 error descriptions from the service stay text on one line, in the terminal and on the page", async (t) => {
  const { saas, env, run } = await scene(t);
  const denied = startCommand(t, ["auth", "login", "--no-browser"], env);
  const [link] = await denied.shows(address);
  const visit = await tamper(link, (callback) => {
    callback.searchParams.delete("code");
    callback.searchParams.set("error", `server_error${hostile}`);
    callback.searchParams.set("error_description", hostile);
  });
  assert.doesNotMatch(visit.page, /<script|[\u202a-\u202e\u2066-\u2069\u001b\u200b]/);
  const result = await denied.ended;
  assert.equal(result.code, 1);
  assertHarmless(result);
  for (const path of ["/oauth/token", "/api/v1/me"]) {
    saas.faults.next(path, { status: 400, body: { error: `invalid${hostile}`, error_description: hostile } });
    const failed = await run("auth login");
    assert.equal(failed.code, 1);
    assertHarmless(failed);
    assert.equal(failed.stderr.split("\n").filter((text) => /^(error|hint):/.test(text)).length, 2);
  }
});

test("S-008 the user code and its address stay text on one line", async (t) => {
  const { saas, env } = await scene(t);
  saas.faults.next("/oauth/device", { edit: (answer) => ({ ...answer, user_code: hostile.slice(0, 99), verification_uri: `https://service.example/${hostile}` }) });
  const running = startCommand(t, ["auth", "login", "--headless"], env);
  await running.shows(/enter this code:\n\n.+\n/);
  running.child.kill("SIGINT");
  assertHarmless(await running.ended);
});

/** Examines the arguments of every process, where the system shows them. */
function assertNoArguments(assertClean: (text: string, where: string) => void): void {
  if (process.platform !== "linux") return;
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      assertClean(readFileSync(`/proc/${pid}/cmdline`, "latin1"), `the arguments of process ${pid}`);
    } catch (error) {
      if (!(error instanceof Error && "code" in error)) throw error;
      if (error.code === "ERR_ASSERTION") throw error;
    }
  }
}

interface Watched extends Scene {
  /** Fails when a text holds a secret that the service has issued, or the passphrase. */
  assertClean(text: string, where: string): void;
  /** Runs a command with --debug, and looks for secrets in what it says and in every file. */
  watched(line: string, more?: CommandEnvironment): Promise<CommandResult>;
}

/** A service and a passphrase, and whatever runs is looked through for secrets. */
async function watchedScene(t: TestContext): Promise<Watched> {
  const it = await scene(t, { deviceIntervalSeconds: 1 }, { SPEC_KITTY_PASSPHRASE: "correct horse battery staple" });
  const { saas, folder, env } = it;
  const secrets = (): string[] => [...saas.issued.keys(), "correct horse battery staple"];
  const assertClean = (text: string, where: string): void => {
    for (const secret of secrets()) if (text.includes(secret)) assert.fail(`${saas.issued.get(secret) ?? "the passphrase"} in ${where}`);
  };
  const watched = async (line: string, more: CommandEnvironment = {}): Promise<CommandResult> => {
    const result = await runCommand(t, [...line.split(" "), "--debug"], { ...env, ...more });
    assertClean(result.stderr, `stderr of ${line}`);
    // Their answer is the token, on purpose.
    if (!/^auth (token|git-credential|exec-credential)/.test(line)) assertClean(result.stdout, `stdout of ${line}`);
    for (const [name, content] of filesUnder(folder)) assertClean(content.toString("latin1"), `${name} after ${line}`);
    return result;
  };
  return { ...it, assertClean, watched };
}

const emit = `sync emit WPCreated --aggregate WP01 --payload {"wp_id":"WP01","title":"One","mission_slug":"login"}`;
const route = "--provider linear --project kitty";

test("S-005 no secret is in any output with --debug or in any file when a command sends something", async (t) => {
  const { folder, watched: run } = await watchedScene(t);
  await run("auth login");
  writeFileSync(join(folder, "spec.md"), "# Spec\n");
  const tracker = ["status", "push --items [1]", "search door", "bind --candidate cand_1"].map((verb) => `tracker ${verb} ${route}`);
  const queueing = [emit, `sync upload ${join(folder, "spec.md")} --project 6b0ed5a2-2a4c-4d83-9c3a-b5f0d4f7a111 --mission login`];
  const sending = ["sync status --check", `sync now --report ${join(folder, "report.json")}`, ...tracker, "api GET /api/v1/me", "api POST /api/v1/echo -d {} --include"];
  for (const line of [...queueing, ...sending, "auth git-credential get", "auth exec-credential"]) assert.equal((await run(line)).code, 0, line);
});

test("S-005 no secret is in any output with --debug or in any file when the service answers with a failure", async (t) => {
  const { saas, watched: run } = await watchedScene(t);
  await run("auth login");
  await run(emit);
  const sending = [
    ["/api/v1/sync/health/", "sync status --check"],
    ["/api/v1/events/batch/", "sync now"],
    ["/api/v1/tracker/push/", `tracker push --items [1] ${route}`],
    ["/api/v1/tracker/status/", `tracker status ${route}`],
    ["/api/v1/echo", "api POST /api/v1/echo -d {}"],
  ] as const;
  const faults: Fault[] = [
    { status: 500, body: "oops" },
    { status: 400, body: { error: "invalid_request" } },
    { reset: "after" },
    { malformed: true },
    { status: 401, body: { error: "access_token_expired" }, times: 2 },
  ];
  // Every path with two failures, every failure with two paths.
  for (const [index, [path, line]] of sending.entries()) {
    for (const fault of [faults[index], faults[(index + 2) % faults.length]]) {
      saas.faults.next(path, fault ?? {});
      await run(line);
      saas.faults.clear();
    }
  }
});

test("S-005 no secret is in any output with --debug, in any file, or in any process's arguments during a watch", async (t) => {
  const { saas, env, watched: run, assertClean } = await watchedScene(t);
  await run("auth login");
  const ticketFaults: Fault[] = [
    { edit: (answer) => ({ ...answer, ws_url: `ws://live.example/ws?token=${String(answer["ws_token"])}` }) },
    { edit: (answer) => ({ ...answer, ws_url: `${String(answer["ws_url"])}?token=${String(answer["ws_token"])}` }) },
    { edit: (answer) => ({ ...answer, ws_url: String(answer["ws_token"]) }) },
    { edit: ({ ws_url: _, ...answer }) => answer },
    { status: 401, body: { error: "access_token_expired" }, times: 2 },
  ];
  for (const fault of ticketFaults) {
    saas.faults.next("/api/v1/ws-token", fault);
    assert.notEqual((await run("sync watch")).code, 0);
  }
  saas.faults.next("/ws", { status: 403 });
  assert.equal((await run("sync watch")).code, 5);
  // What the process list shows while a connection is open and while the foreground drain runs.
  const open = [["sync", "watch"], ["sync", "watch", "--json"], ["sync", "run", "--interval", "1"]].map((line) => startCommand(t, [...line, "--debug"], env));
  await saas.until(() => saas.sockets.size === 2);
  await open[2]?.shows(/Press Ctrl-C/);
  assertNoArguments(assertClean);
  for (const { child, ended } of open) {
    child.kill("SIGINT");
    const { stdout, stderr } = await ended;
    assertClean(stdout + stderr, "the output of what was interrupted");
  }
});

test("S-005 no secret is in any output with --debug, in any file, or in any process's arguments at and after a login", async (t) => {
  const { saas, watched: run, assertClean } = await watchedScene(t);
  // While a code and a verifier, and then the tokens, are under way: what the process list shows.
  let open = (): void => undefined;
  const held = new Promise<void>((resolve) => (open = resolve));
  saas.faults.next("/api/v1/me", { gateAnswer: held });
  const login = run("auth login");
  await saas.until(() => saas.count("/api/v1/me") === 1);
  assertNoArguments(assertClean);
  open();
  assert.equal((await login).code, 0);
  assert.ok(saas.issued.size >= 4);

  for (const line of ["auth status --json", "auth status --check", "auth token --json", "auth refresh", "auth whoami", "auth list", "auth team", "auth doctor", "sync status"]) {
    assert.ok([0, 1].includes((await run(line)).code ?? -1), line);
  }
});

test("S-005 no secret is in any output with --debug or in any file when a login or a refresh fails", async (t) => {
  const { saas, env, watched: run, assertClean } = await watchedScene(t);
  await run("auth login");
  // What fails says why, and still nothing else.
  await run("auth status", { SPEC_KITTY_PASSPHRASE: "another" });
  await run("auth login --storage cloud");
  const faults: Fault[] = [
    { status: 500, body: "oops" },
    { status: 400, body: { error: "invalid_request" } },
    { malformed: true },
    { reset: "after" },
    { edit: (answer) => ({ ...answer, token_type: "mac" }) },
    { edit: (answer) => ({ ...answer, expires_in: "x" }) },
  ];
  for (const fault of faults) {
    saas.faults.next("/oauth/token", fault);
    assert.notEqual((await run("auth login --force")).code, 0);
  }
  saas.faults.next("/oauth/token", { status: 400, body: { error: "invalid_client" } });
  assert.equal((await run("auth login --headless --force")).code, 1);
  saas.faults.next("/api/v1/me", { status: 500 });
  await run("auth login --force");
  const late = startCommand(t, ["auth", "login", "--force", "--headless", "--debug"], env);
  await saas.until(() => saas.counters.devicePolls > 0);
  late.child.kill("SIGINT");
  assertClean((await late.ended).stderr, "stderr of an interrupted login");
  saas.faults.next("/api/v1/logout", { status: 500 });
  assert.equal((await run("auth logout")).code, 0);
  await run("auth login");
  for (const id of saas.sessions.keys()) saas.revoke(id);
  assert.equal((await run("auth refresh")).code, 4);
});
