// Each example as its author would run it. test/acceptance/package.test.ts runs the command, test/peers/mcp.peer.ts the
// MCP client, test/peers/recipes.peer.ts those with a parser of others.
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { createAuth, type Auth } from "../../src/index.ts";
import { startFakeSaas, type FakeSaas } from "../fake-saas/server.ts";
import { approve } from "../fake-saas/user.ts";
import { runCommand, scratchFolder, startCommand, type CommandEnvironment } from "../helpers/command.ts";
import { example, examples, writeTool } from "../helpers/tool.ts";

/** A service, a machine before its first login, and a directory with the example. */
async function stage(
  t: TestContext,
  name: string,
): Promise<{
  saas: FakeSaas;
  folder: string;
  env: CommandEnvironment;
  program: string;
  auth: Auth;
  logIn: () => Promise<unknown>;
}> {
  const saas = await startFakeSaas();
  t.after(() => saas.close());
  const folder = scratchFolder(t);
  const config = join(folder, "config");
  const env = {
    PATH: process.env["PATH"],
    HOME: folder,
    XDG_CONFIG_HOME: config,
    APPDATA: config,
    XDG_RUNTIME_DIR: join(folder, "run"),
    XDG_STATE_HOME: join(folder, "state"),
    LOCALAPPDATA: join(folder, "state"),
  };
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(fileURLToPath(new URL("../..", import.meta.url)), join(folder, "node_modules", "spec-kitty"), "junction");
  const program = writeTool(example(name), folder, name.replace(".js", ".mjs"), { url: saas.url });
  const auth = createAuth({
    name: "acme",
    version: "1.2.0",
    issuer: saas.url,
    clientId: "cli_native",
    storage: "file",
    env,
  });
  return {
    saas,
    folder,
    env,
    program,
    auth,
    logIn: () =>
      auth.login({ flow: "browser", open: false, onAddress: ({ url }) => void approve(url).catch(() => undefined) }),
  };
}

test("every example is run by a test", () => {
  assert.deepEqual(
    readdirSync(examples)
      .filter((name) => name.endsWith(".js"))
      .sort(),
    ["acme.js", "commander.js", "mcp-client.js", "server.js", "sync.js", "yargs.js"],
  );
});

test("the script copies what the service says, and without a session or a service says which it is", async (t) => {
  const { saas, folder, env, program, logIn } = await stage(t, "sync.js");
  const run = (): ReturnType<typeof runCommand> => runCommand(t, ["out.json"], env, { program, cwd: folder });
  assert.deepEqual(await run(), {
    code: 77,
    signal: null,
    stdout: "",
    stderr: 'not logged in (profile "default"). Run: acme auth login\n',
  });
  await logIn();
  assert.equal((await run()).code, 0);
  assert.equal(
    (JSON.parse(readFileSync(join(folder, "out.json"), "utf8")) as { email: string }).email,
    "alice@example.com",
  );
  await saas.stop();
  const { code, stderr } = await run();
  assert.equal(code, 75, stderr);
  assert.match(stderr, /^cannot reach /);
});

test("the server goes on after a refresh, says when the session ended, and ends at a signal", async (t) => {
  const { saas, folder, env, program, auth, logIn } = await stage(t, "server.js");
  await logIn();
  const running = startCommand(t, [], env, { program, cwd: folder });
  const [url] = await running.shows(/http:\S+/);
  const ask = async (): Promise<string> => (await fetch(url)).text();
  assert.match(await ask(), /alice@example\.com/);
  saas.accessTokens.delete((await auth.getToken()).token);
  assert.match(await ask(), /alice@example\.com/);
  await running.shows(/^the session was refreshed$/m);
  for (const session of saas.sessions.values()) session.ended = "token_revoked";
  assert.match(await ask(), /Run: acme auth login$/m);
  await running.shows(/^the session ended: revoked$/m);
  running.child.kill("SIGTERM");
  assert.equal((await running.ended).code, process.platform === "win32" ? null : 0);
});
