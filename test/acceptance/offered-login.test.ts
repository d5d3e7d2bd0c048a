import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test, type TestContext } from "node:test";
import { createCommand } from "../../src/cli/main.ts";
import { ownIdentity } from "../../src/base/identity.ts";
import { bin } from "../helpers/command.ts";
import { noTerminal, startOnTerminal } from "../helpers/pseudo-terminal.ts";
import { echo, scene, type Scene } from "../helpers/scene.ts";
import { sessionOf, signIn, storeSession } from "../helpers/stored-session.ts";
import { until } from "../helpers/until.ts";

const question = "Log in as alice@example.com now? [Y/n] ";

/** Ended at the service, unnoticed here. */
async function endedLogin(t: TestContext): Promise<Scene> {
  const at = await scene(t);
  await storeSession(at.saas, at.env, sessionOf(at.saas));
  for (const id of at.saas.sessions.keys()) at.saas.revoke(id);
  return at;
}

interface Terminals {
  stdin?: boolean;
  stdout?: boolean;
  stderr?: boolean;
}

/** With terminals as streams, and a response to each prompt. */
async function typed(
  { env }: Scene,
  line: string,
  answers: readonly string[],
  { stdin = true, stdout = true, stderr = true }: Terminals = {},
  more: Scene["env"] = {},
): Promise<{ code: number; stdout: string; stderr: string }> {
  const { name, version } = ownIdentity;
  const command = createCommand({ name, version, issuer: undefined, commands: ["auth", "api", "completion"] });
  const input = Object.assign(new PassThrough(), { isTTY: stdin });
  const said = { stdout: "", stderr: "" };
  const left = [...answers];
  const stream = (to: "stdout" | "stderr", isTTY: boolean) => ({
    isTTY,
    write(text: string | Uint8Array, done?: () => void) {
      said[to] += String(text);
      if (String(text).includes("[Y/n]")) input.write(`${left.shift() ?? "n"}\n`);
      done?.();
    },
  });
  const ended = command.run(line.split(" "), {
    stdin: input,
    stdout: stream("stdout", stdout),
    stderr: stream("stderr", stderr),
    env: { ...env, NO_COLOR: "1", ...more },
  });
  return { code: await until(`"${line}" ends`, ended, 30_000), ...said };
}

test("on a terminal a command whose login has ended offers one, and goes on with it", {
  skip: noTerminal,
}, async (t) => {
  const at = await endedLogin(t);
  const command = startOnTerminal(t, ["api", "/api/v1/me", "--silent", "--include"], { ...at.env, NO_COLOR: "1" });
  await command.shows(/^error: Session expired or revoked: .*\r\nLog in as alice@example\.com now\? \[Y\/n\] $/m);
  command.type("\n");
  const { code, stdout } = await command.ended;
  assert.equal(code, 0, stdout);
  assert.match(stdout, /✓ Logged in as alice@example\.com \(Acme Corp\)[^]*HTTP\/1\.1 200/);
});

test("a script on a terminal is offered no login", {
  skip: noTerminal || (process.platform !== "linux" && "only Linux says that it is a script"),
}, async (t) => {
  const at = await endedLogin(t);
  const { code, stdout } = await startOnTerminal(t, ["api", echo], { ...at.env, NO_COLOR: "1" }, bin, true).ended;
  assert.equal(code, 4, stdout);
  assert.doesNotMatch(stdout, /now\?/);
  assert.match(stdout, /hint: /);
});

test("before the first login the offer names no user, and a no ends with the hint and exit 4", async (t) => {
  const at = await scene(t);
  const first = await typed(at, "auth whoami", ["y"]);
  assert.ok(first.stderr.startsWith('error: not logged in (profile "default")\nLog in now? [Y/n] '), first.stderr);
  assert.deepEqual([first.code, first.stdout.split("\n").at(-2)], [0, "alice@example.com"]);
  const other = await endedLogin(t);
  const { code, stdout, stderr } = await typed(other, "auth token --profile default", ["n"]);
  assert.deepEqual([code, stdout], [4, ""]);
  assert.ok(stderr.endsWith(`\n${question}hint: Run: spec-kitty auth login\n`), stderr);
  assert.equal(other.saas.counters.logins, 0);
});

for (const [how, line, terminals, more] of [
  ["with --no-input", `api ${echo} --no-input`, {}, {}],
  ["with --no-input in front of the command", `--no-input api ${echo}`, {}, {}],
  ["in CI", `api ${echo}`, {}, { CI: "true" }],
  ["with --json", `api ${echo} --json`, {}, {}],
  ["where a script takes the answer", `api ${echo}`, { stdout: false }, {}],
  ["where a program gives the input", `api ${echo}`, { stdin: false }, {}],
  ["where the conversation is not seen", `api ${echo}`, { stderr: false }, {}],
  ["for a profile that does not exist", `api ${echo} --profile wrok`, {}, {}],
  ["to switch to a profile that does not exist", "auth switch wrok", {}, {}],
  ["for a token of the environment", "auth whoami", {}, { SPEC_KITTY_ACCESS_TOKEN: "refused" }],
] as const) {
  test(`no login is offered ${how}: exit 4 and the hint`, async (t) => {
    const at = await endedLogin(t);
    const { code, stderr } = await typed(at, line, ["y"], terminals, more);
    assert.equal(code, 4, stderr);
    assert.doesNotMatch(stderr, /now\?/);
    assert.match(stderr, /^error: .*\nhint: /m);
    assert.equal(at.saas.counters.logins, 0);
  });
}

test("no login is offered once standard input was read: the command could not read it again", async (t) => {
  const at = await endedLogin(t);
  const { env } = at;
  const stdin = Object.assign(PassThrough.from([Buffer.from("body")]), { isTTY: true });
  const { name, version } = ownIdentity;
  let stderr = "";
  const stream = { isTTY: true, write: (text: string | Uint8Array) => (stderr += String(text)) };
  const command = createCommand({ name, version, issuer: undefined });
  const ended = command.run(["api", echo, "-d", "@-"], { stdin, stdout: stream, stderr: stream, env });
  assert.equal(await until("the command ends", ended, 30_000), 4);
  assert.doesNotMatch(stderr, /now\?/);
});

test("messages on the stream of the results are no result: a login is offered to a caller with one stream for both", async (t) => {
  const { env } = await endedLogin(t);
  const stdin = Object.assign(new PassThrough(), { isTTY: true });
  let said = "";
  const stream = {
    isTTY: true,
    write(text: string | Uint8Array) {
      said += String(text);
      if (String(text).includes("[Y/n]")) stdin.write("n\n");
    },
  };
  const { name, version } = ownIdentity;
  const command = createCommand({ name, version, issuer: undefined });
  const ended = command.run(["auth", "token"], {
    stdin,
    stdout: stream,
    stderr: stream,
    env: { ...env, NO_COLOR: "1" },
  });
  assert.equal(await until("the command ends", ended, 30_000), 4);
  assert.match(said, /^warning: anyone with this token[^]*now\? \[Y\/n\] hint: /);
});

test("a command that was typed for one user does not go on as another", async (t) => {
  const at = await endedLogin(t);
  const { code, stderr } = await typed(at, `api ${echo}`, ["y"], {}, { FAKE_SAAS_USER: "bob" });
  assert.equal(code, 4);
  assert.match(
    stderr,
    /^error: the command was for alice@example\.com, and bob@example\.com is logged in now\nhint: To run it as bob@example\.com, run it again\n$/m,
  );
  assert.equal(at.saas.count(echo), 0);
});

test("a login is offered once", async (t) => {
  const at = await scene(t);
  await signIn(at.saas, at.env);
  at.saas.faults.always(echo, { status: 401, body: { error: "session_invalid" } });
  const { code, stderr } = await typed(at, `api ${echo}`, ["y", "y"]);
  assert.equal(code, 4);
  assert.equal(stderr.split("now?").length, 2, stderr);
  assert.equal(at.saas.counters.logins, 1);
});
