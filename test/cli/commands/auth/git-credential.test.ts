import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import type { CommandEnvironment, CommandResult } from "../../../helpers/command.ts";
import { runHere, withInput } from "../../../helpers/command-here.ts";
import { scene, type Scene } from "../../../helpers/scene.ts";
import { sessionOf, storedSession, storeSession } from "../../../helpers/stored-session.ts";

async function loggedIn(t: TestContext, leftMs = 3_600_000): Promise<Scene & { token: string; host: string }> {
  const at = await scene(t);
  const session = sessionOf(at.saas, { leftMs });
  await storeSession(at.saas, at.env, session);
  return { ...at, token: session.accessToken.reveal(), host: new URL(at.saas.url).host };
}

/** git's request to a helper, and the output. */
function asked(operation: string, input: string, env: CommandEnvironment): Promise<CommandResult> {
  return withInput(input, () => runHere(["auth", "git-credential", operation], env));
}

test("S-001 another host, port or scheme, and a host that parsers read differently, get no response", async (t) => {
  const at = await loggedIn(t);
  const port = new URL(at.saas.url).port;
  const strange = [
    `protocol=https\nhost=${at.host}`,
    `protocol=http\nhost=127.0.0.1`,
    `protocol=http\nhost=127.0.0.2:${port}`,
    `protocol=http\nhost=localhost:${port}`,
    `protocol=http\nhost=${at.host}\\@evil.example`,
    `protocol=http\nhost=${at.host}/@evil.example`,
    `protocol=http\nhost=${at.host}#evil.example`,
    `protocol=http\nhost=evil.example@${at.host}`,
    `protocol=http\nhost=`,
    `protocol=http`,
    `host=${at.host}`,
    `protocol=cert\npath=/etc/key`,
    "",
    "nonsense",
  ];
  for (const input of strange) {
    const { code, stdout, stderr } = await asked("get", `${input}\n\n`, at.env);
    assert.deepEqual({ input, code, stdout, stderr }, { input, code: 0, stdout: "", stderr: "" });
  }
  assert.deepEqual(at.saas.requests, []);
});

test("git-credential stores nothing, ignores unknown operations, and says nothing to another host", async (t) => {
  const at = await loggedIn(t);
  const input = `protocol=http\nhost=${at.host}\nusername=a\npassword=b\n`;
  for (const operation of ["store", "erase", "capability", "whatever"]) {
    const { code, stdout, stderr } = await asked(operation, input, at.env);
    assert.deepEqual({ operation, code, stdout, stderr }, { operation, code: 0, stdout: "", stderr: "" });
  }
  assert.equal((await storedSession(at.env))?.accessToken.reveal(), at.token);
  assert.deepEqual(at.saas.requests, []);

  const { code, stdout } = await asked("get", "protocol=https\nhost=other.example\n", at.env);
  assert.deepEqual({ code, stdout }, { code: 0, stdout: "" });
});

test("git-credential reads a bounded input", async (t) => {
  const at = await loggedIn(t);
  const { code, stderr } = await asked("get", `path=${"x".repeat(300_000)}`, at.env);
  assert.equal(code, 2);
  assert.match(stderr, /^error: standard input is too long for git\nhint: /);
});

test("S-001 git gets a token below the service's own path only, and not at all if it does not say the path", async (t) => {
  const at = await loggedIn(t);
  const env = { ...at.env, SPEC_KITTY_SAAS_URL: `${at.saas.url}/tenant`, SPEC_KITTY_ACCESS_TOKEN: "at_given" };
  const ask = (path: string | undefined): Promise<CommandResult> =>
    asked("get", `protocol=http\nhost=${at.host}\n${path === undefined ? "" : `path=${path}\n`}\n`, env);
  for (const path of ["tenant/repository.git", "tenant", "tenant/../tenant/x", "tenant/a?b"])
    assert.match((await ask(path)).stdout, /^password=at_given$/m, path);
  const neighbours = [
    "evil/repository.git",
    "tenant2/x",
    "tenant/../evil/x",
    "tenant/..",
    "",
    "/tenant/x",
    "tenant?x",
    "tenant#x",
    "tenant%2fx",
    "tenant\\..\\evil",
    "..;/tenant",
  ];
  for (const path of neighbours)
    assert.deepEqual(await ask(path), { code: 0, signal: null, stdout: "", stderr: "" }, path);
  const { code, stdout, stderr } = await ask(undefined);
  assert.deepEqual([code, stdout], [0, ""]);
  assert.match(
    stderr,
    new RegExp(
      `^warning: the service is ${at.saas.url}/tenant, and git does not name its repository; run: git config --global credential\\.${at.saas.url}\\.useHttpPath true\n$`,
    ),
  );
});
