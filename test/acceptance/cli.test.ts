import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import type { Fault } from "../fake-saas/faults.ts";
import {
  bin,
  commandEnvironment,
  runCommand,
  scratchFolder,
  startCommand,
  type CommandEnvironment,
  type CommandResult,
} from "../helpers/command.ts";
import { noTerminal, startOnTerminal } from "../helpers/pseudo-terminal.ts";
import { filesUnder, scene, type Scene } from "../helpers/scene.ts";
import { signIn, storedSession } from "../helpers/stored-session.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Without a service or session. */
function alone(t: TestContext, args: readonly string[], more: CommandEnvironment = {}): Promise<CommandResult> {
  return runCommand(t, args, commandEnvironment(scratchFolder(t), undefined, more));
}

test("FR-008 help goes to stdout: of the tool, and of a command", async (t) => {
  for (const [args, usage] of [
    [[], /^Usage: spec-kitty COMMAND/],
    [["auth", "login", "-h"], /^Usage: spec-kitty auth login \[URL\]/],
  ] as const) {
    const { code, stdout, stderr } = await alone(t, args);
    assert.deepEqual([code, stderr], [0, ""]);
    assert.match(stdout, usage);
  }
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
  for (const option of ["--version", "-V"])
    assert.deepEqual(await alone(t, [option]), { code: 0, signal: null, stdout: `${version}\n`, stderr: "" });
});

test("wrong usage is exit 2, with the nearest name and the usage line", async (t) => {
  const hint = "Did you mean spec-kitty auth login? Usage: spec-kitty auth COMMAND [options]";
  assert.deepEqual(await alone(t, ["auth", "lgoin"]), {
    code: 2,
    signal: null,
    stdout: "",
    stderr: `error: "lgoin" is not a command of spec-kitty auth\nhint: ${hint}\n`,
  });
});

test("a reader of stdout that stops early is not a failure", async (t) => {
  const running = startCommand(t, ["auth", "login", "--help"], commandEnvironment(scratchFolder(t), undefined));
  running.child.stdout?.destroy();
  const { code, stderr } = await running.ended;
  assert.deepEqual([code, stderr], [0, ""]);
});

test("a closed stderr does not end the work", async (t) => {
  const { env } = await scene(t);
  const child = spawn(process.execPath, [bin, "auth", "login"], {
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  child.stderr.destroy();
  child.stdout.resume();
  const [code] = (await once(child, "close")) as [number];
  assert.equal(code, 0);
  assert.equal((await storedSession(env))?.user.email, "alice@example.com");
});

test("color is for terminals, FORCE_COLOR forces it, and NO_COLOR forbids it", { skip: noTerminal }, async (t) => {
  const plain = await alone(t, ["auth", "whoami"]);
  assert.doesNotMatch(plain.stderr, /\u001b/);
  const forced = await alone(t, ["auth", "whoami"], { FORCE_COLOR: "1" });
  assert.match(forced.stderr, /^\u001b\[31merror:\u001b\[0m /);
  assert.equal(forced.stderr.replaceAll(/\u001b\[\d+m/g, ""), plain.stderr);
  const env = commandEnvironment(scratchFolder(t), undefined);
  assert.match((await startOnTerminal(t, ["auth", "whoami"], env).ended).stdout, /\u001b\[31merror:/);
  assert.doesNotMatch(
    (await startOnTerminal(t, ["auth", "whoami"], { ...env, NO_COLOR: "1" }).ended).stdout,
    /\u001b\[3/,
  );
});

test("a failure shows a stack only with --debug", async (t) => {
  const { run, here } = await scene(t);
  assert.doesNotMatch((await here("auth token")).stderr, /^\s+at /m);
  assert.match((await run("auth token --debug")).stderr, /^\s+at /m);
});

/** Moves the cursor, sets the title, hides text, reverses the direction, and forges lines. */
const hostile =
  "\u001b[2J\u001b]0;owned\u0007\u009b31mEvil\u202eLtd\u2066\u200b\r\nerror: forged\n✓ Logged in as root\u2028hint: rm -rf\u0000</p><script>alert(1)</script>";

function assertHarmless({ stdout, stderr }: Pick<CommandResult, "stdout" | "stderr">): void {
  for (const text of [stdout, stderr]) {
    assert.doesNotMatch(text, /(?![\n\t])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
    assert.doesNotMatch(text, /^\s*(error: forged|✓ Logged in as root|hint: rm)/m);
  }
}

test("S-008 the user code and its URL stay text on one line", async (t) => {
  const { saas, env } = await scene(t);
  saas.faults.next("/oauth/device", {
    edit: (answer) => ({
      ...answer,
      user_code: hostile.slice(0, 99),
      verification_uri: `https://service.example/${hostile}`,
    }),
  });
  const running = startCommand(t, ["auth", "login", "--headless"], env);
  await running.shows(/enter this code:\n\n.+\n/);
  running.child.kill("SIGINT");
  assertHarmless(await running.ended);
});

/** Of every process, where the system shows them. */
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
  /** Fails for an issued secret, or the passphrase. */
  assertClean(text: string, where: string): void;
  /** Runs a command with --debug, and searches its output and all files for secrets. */
  watched(line: string): Promise<CommandResult>;
}

/**
 * A service and a passphrase; all output is searched for secrets. See test/cli/secrets.test.ts for what needs no
 * process.
 */
async function watchedScene(t: TestContext): Promise<Watched> {
  const it = await scene(t, { deviceIntervalSeconds: 1 }, { SPEC_KITTY_PASSPHRASE: "correct horse battery staple" });
  const { saas, folder, env } = it;
  const secrets = (): string[] => [...saas.issued.keys(), "correct horse battery staple"];
  const assertClean = (text: string, where: string): void => {
    for (const secret of secrets())
      if (text.includes(secret)) assert.fail(`${saas.issued.get(secret) ?? "the passphrase"} in ${where}`);
  };
  const watched = async (line: string): Promise<CommandResult> => {
    const result = await runCommand(t, [...line.split(" "), "--debug"], env);
    assertClean(result.stdout + result.stderr, `the output of ${line}`);
    for (const [name, content] of filesUnder(folder)) assertClean(content.toString("latin1"), `${name} after ${line}`);
    return result;
  };
  return { ...it, assertClean, watched };
}

test("S-005 no secret is in any output with --debug, in any file, or in any process's arguments during a watch", async (t) => {
  const { saas, env, watched: run, assertClean } = await watchedScene(t);
  await signIn(saas, env);
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
  // The process list during a connection and a foreground drain.
  const open = [
    ["sync", "watch"],
    ["sync", "watch", "--json"],
    ["sync", "run", "--interval", "1"],
  ].map((line) => startCommand(t, [...line, "--debug"], env));
  await saas.until(() => saas.sockets.size === 2);
  await open[2]?.shows(/Press Ctrl-C/);
  assertNoArguments(assertClean);
  for (const { child, ended } of open) {
    child.kill("SIGINT");
    const { stdout, stderr } = await ended;
    assertClean(stdout + stderr, "the output of what was interrupted");
  }
});

test("S-005 no secret is in any output with --debug, in any file, or in any process's arguments during a login, also one that is interrupted", async (t) => {
  const { saas, env, watched: run, assertClean } = await watchedScene(t);
  // The process list while a code and a verifier, then the tokens, are under way.
  let open = (): void => undefined;
  const held = new Promise<void>((resolve) => (open = resolve));
  saas.faults.next("/api/v1/me", { gateAnswer: held });
  const login = run("auth login");
  await saas.until(() => saas.count("/api/v1/me") === 1);
  assertNoArguments(assertClean);
  open();
  assert.equal((await login).code, 0);
  assert.ok(saas.issued.size >= 4);
  // A process knows only the secrets it has read.
  for (const line of ["auth status --check", "auth refresh", "auth doctor"])
    assert.equal((await run(line)).code, 0, line);
  saas.faults.next("/oauth/token", { edit: (answer) => ({ ...answer, token_type: "mac" }) });
  assert.equal((await run("auth login --force")).code, 1);
  const late = startCommand(t, ["auth", "login", "--force", "--headless", "--debug"], env);
  await saas.until(() => saas.counters.devicePolls > 0);
  late.child.kill("SIGINT");
  assertClean((await late.ended).stderr, "stderr of an interrupted login");
});

test("login and logout without auth are the same commands", async (t) => {
  const { run, here } = await scene(t);
  assert.match((await run("login")).stdout, /^✓ Logged in as alice@example\.com/);
  assert.equal((await here("logout")).stdout, '✓ Logged out (profile "default").\n');
});
