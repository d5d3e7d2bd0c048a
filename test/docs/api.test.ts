import assert from "node:assert/strict";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { startFakeSaas, type FakeSaas } from "../fake-saas/server.ts";
import { writeApiExamples } from "../helpers/api-examples.ts";
import {
  bareEnvironment,
  runCommand,
  scratchFolder,
  type CommandEnvironment,
  type CommandResult,
} from "../helpers/command.ts";

interface Author {
  readonly saas: FakeSaas;
  readonly names: readonly string[];
  /** Runs an example to its end. */
  run(name: string, args?: readonly string[], more?: Parameters<typeof runCommand>[3]): Promise<CommandResult>;
}

/** The folder of an author with the examples, and a service. */
async function author(t: TestContext): Promise<Author> {
  const saas = await startFakeSaas();
  t.after(() => saas.close());
  const folder = scratchFolder(t);
  const names = writeApiExamples(folder, saas.url);
  const env: CommandEnvironment = {
    ...bareEnvironment(folder),
    XDG_CONFIG_HOME: join(folder, "config"),
    ACME_STORAGE: "file",
  };
  return {
    saas,
    names,
    run: (name, args = [], more) => runCommand(t, args, env, { program: join(folder, name), cwd: folder, ...more }),
  };
}

/** What an example has printed, if it ended well. */
function printed({ code, stdout, stderr }: CommandResult): string {
  assert.equal(code, 0, stderr);
  return stdout;
}

test("FR-021 the examples of src/docs/api/README.md log in, get a token, send a request and have commands, as they stand", async (t) => {
  const { saas, names, run } = await author(t);
  const login = await run("auth.login.js");
  assert.equal(printed(login), "alice@example.com\n");
  assert.match(login.stderr, /^Log in at http:/);
  assert.equal(printed(await run("auth.getToken.js")), "200\n");
  assert.match(printed(await run("auth.fetch.js")), /"email":"alice@example\.com"/);
  assert.match(printed(await run("createCommand.js", ["auth", "status"])), /Logged in as alice/);
  assert.match(printed(await run("command.options.js", ["projects"])), /"email":"alice@example\.com"/);
  const other = await run("command.options.js", ["--profile", "work", "projects"]);
  assert.equal(other.code, 4);
  assert.match(other.stderr, /^error: there is no profile "work"\nhint: [^\n]* acme auth login --profile work\n$/);
  assert.equal(printed(await run("fakeAuth.js")), "");
  assert.deepEqual([saas.counters.logins, saas.counters.refreshes], [1, 0]);
  // That is run by test/peers, which has what it imports.
  const others = ["mcpFetch.js"];
  const here = ["acme", "auth.fetch", "auth.getToken", "auth.login", "command.options", "createCommand", "fakeAuth"];
  assert.deepEqual([...names].sort(), [...here.map((name) => `${name}.js`), ...others].sort());
});
