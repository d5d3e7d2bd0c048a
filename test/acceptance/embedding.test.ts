import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test, type TestContext } from "node:test";
import { topicTable, commandTable } from "../../src/cli/command-table.ts";
import { startFakeSaas, type FakeSaas } from "../fake-saas/server.ts";
import { approveDevice } from "../fake-saas/user.ts";
import { bin, runCommand, startCommand, type CommandEnvironment, type CommandOptions, type CommandResult } from "../helpers/command.ts";
import { filesUnder, later } from "../helpers/scene.ts";
import { scriptedBrowser } from "../helpers/scripted-browser.ts";
import { example, installedProject, writeTool } from "../helpers/tool.ts";

const { project, remove } = installedProject();
after(remove);

/** A machine where `acme` is installed, and a service that it logs in to. */
async function stage(t: TestContext): Promise<{ saas: FakeSaas; home: string; env: CommandEnvironment; said: CommandResult[]; program: string; acme: (line: string, options?: CommandOptions & { input?: string }) => Promise<CommandResult> }> {
  const saas = await startFakeSaas({ deviceIntervalSeconds: 1 });
  t.after(() => saas.close());
  const home = mkdtempSync(join(tmpdir(), "acme-home-"));
  t.after(() => rmSync(home, { recursive: true, force: true }));
  const env: CommandEnvironment = { PATH: process.env["PATH"], HOME: home, XDG_RUNTIME_DIR: join(home, "run"), APPDATA: home, ACME_STORAGE: "file", BROWSER: scriptedBrowser() };
  const program = writeTool(example("acme.js"), project, `acme-${saas.url.split(":")[2]}.js`, { url: saas.url });
  const said: CommandResult[] = [];
  const acme = async (line: string, options: CommandOptions & { input?: string } = {}): Promise<CommandResult> => {
    const result = await runCommand(t, line.split(" ").filter(Boolean), env, { program, cwd: home, ...options });
    said.push(result);
    return result;
  };
  return { saas, home, env, said, program, acme };
}

/** What runs and succeeds. */
async function does(result: Promise<CommandResult>): Promise<string> {
  const { code, stdout, stderr } = await result;
  assert.equal(code, 0, `${stderr}\n${stdout}`);
  return stdout;
}

test("FR-021 a tool of twenty lines, installed from the tarball, has login, accounts and helpers in its own name alone", async (t) => {
  const { saas, home, env, said, program, acme } = await stage(t);
  assert.match(await does(acme("auth login")), /^✓ Logged in as alice@example\.com/);
  const device = startCommand(t, ["auth", "login", "--profile", "work", "--headless"], { ...env, FAKE_SAAS_USER: "bob" }, { program, cwd: home });
  const [, address = "", code = ""] = await device.shows(/on any device:\n\n {2}(\S+)\n[^]*enter this code:\n\n {2}(\S+)\n/);
  await approveDevice(address, code, { as: "bob" });
  said.push(await device.ended);
  assert.equal(said.at(-1)?.code, 0);

  assert.match(await does(acme("auth list")), /alice@example\.com[^]*bob@example\.com/);
  await does(acme("auth switch work"));
  assert.equal(await does(acme("auth whoami")), "bob@example.com\n");
  await does(acme("auth switch default"));
  assert.match(await does(acme("auth status --check")), /Logged in as alice/);
  assert.match(await does(acme("api GET /api/v1/me")), /alice@example\.com/);
  assert.match(await does(acme("projects")), /alice@example\.com/);
  assert.match(await does(acme("auth doctor")), /^✓ D102 service +http:\S+, built into acme$/m);
  const host = new URL(saas.url).host;
  assert.match(await does(acme("auth git-credential get", { input: `protocol=http\nhost=${host}\n\n` })), /^username=.*\npassword=at_/m);
  for (const shell of ["bash", "zsh", "fish"]) assert.match(await does(acme(`completion ${shell}`)), /acme/);

  // An hour later, sixteen at once.
  const before = saas.counters.refreshes;
  const tokens = await Promise.all(Array.from({ length: 16 }, () => does(acme("auth token", { nodeArgs: later(3_600_000) }))));
  assert.deepEqual([new Set(tokens).size, saas.counters.refreshes - before, saas.counters.reuses], [1, 1, 0]);

  // The package's own command on the same machine knows nothing of that, and takes nothing away.
  const own = { ...env, ACME_STORAGE: undefined, SPEC_KITTY_STORAGE: "file", SPEC_KITTY_SAAS_URL: saas.url, FAKE_SAAS_USER: "bob" };
  assert.equal((await runCommand(t, ["auth", "token"], own)).code, 4);
  assert.match((await runCommand(t, ["auth", "login"], own)).stdout, /bob@example\.com/);
  assert.equal(await does(acme("auth whoami")), "alice@example.com\n");
  assert.equal((await runCommand(t, ["auth", "logout", "--all"], own)).code, 0);
  rmSync(join(home, ".config", "spec-kitty"), { recursive: true, force: true });
  const isOther = ({ headers }: { headers: Record<string, unknown> }): boolean => !String(headers["user-agent"]).startsWith("spec-kitty/");
  const requests = saas.requests.filter(isOther);

  assert.equal((await acme("auth tokne")).code, 2);
  assert.equal((await acme("auth login", { nodeArgs: ["--import", "data:text/javascript,process.env.ACME_STORAGE='nowhere'"] })).code, 2);
  assert.match(await does(acme("auth logout --all")), /Logged out/);
  const { code: without, stderr } = await acme("auth token");
  assert.equal(without, 4);
  assert.match(stderr, /^hint: Run: acme auth login$/m);

  const ownFiles = [...filesUnder(home)].filter(([path]) => !/spec-kitty/.test(path));
  for (const text of [...said.flatMap(({ stdout, stderr }) => [stdout, stderr]), ...ownFiles.map(([path, content]) => path + content.toString("latin1")), JSON.stringify(requests)]) {
    assert.doesNotMatch(text.replaceAll(scriptedBrowser(), ""), /spec.?kitty/i);
  }
  assert.ok(requests.some(({ headers }) => headers["user-agent"] === "acme/1.2.0"));
});

test("FR-021 help, topics and mistakes have the tool's name alone; sync and tracker are there only if asked for", async (t) => {
  const { acme } = await stage(t);
  const lines = commandTable.map(({ words }) => words).filter(([group]) => group !== "sync" && group !== "tracker");
  const asked = ["--help", "--version", "auth --help", ...lines.map((words) => `${words.join(" ")} --help`), ...topicTable.filter(({ name }) => name !== "providers").map(({ name }) => `help ${name}`)];
  for (const line of asked) {
    const text = await does(acme(line));
    assert.doesNotMatch(text, /spec.?kitty/i, line);
    assert.doesNotMatch(text, /\bcli_native\b/.test(text) && line === "help environment" ? /^$/ : /^ {2}(sync|tracker) /m, line);
  }
  assert.doesNotMatch(await does(acme("auth login --help")), /ADDRESS|--(issuer|service|provider|client-id)\b/, "the author has said where to log in");
  for (const line of ["auth login https://elsewhere.example", "auth login --issuer https://elsewhere.example", "help providers", "sync now", "tracker status", "frobnicate", "help sync"]) {
    const { code, stderr } = await acme(line);
    assert.equal(code, 2, line);
    assert.match(stderr, /acme/);
    assert.doesNotMatch(stderr, /spec.?kitty/i);
  }
});

test("a tool's own commands go next to these: has() tells whose a command line is, in a program of the tool's author", async (t) => {
  const program = join(project, "has.js");
  writeFileSync(
    program,
    `import { createCommand } from "spec-kitty/cli";
     const options = { name: "acme", version: "1.2.0", issuer: "https://login.acme.example", clientId: "acme-cli" };
     const lines = [["auth", "login"], ["auth"], ["api"], ["completion", "bash"], ["help", "auth"], ["help", "storage"], ["sync", "now"], ["help"], ["--help"], ["--version"], [], ["projects"]];
     console.log(JSON.stringify([createCommand(options), createCommand({ ...options, commands: ["auth", "sync"] })].map((command) => lines.filter((argv) => command.has(argv)).map((argv) => argv.join(" ")))));`,
  );
  const { code, stdout, stderr } = await runCommand(t, [], { PATH: process.env["PATH"] }, { program });
  assert.equal(code, 0, stderr);
  assert.deepEqual(JSON.parse(stdout), [
    ["auth login", "auth", "api", "completion bash", "help auth", "help storage"],
    ["auth login", "auth", "help auth", "help storage", "sync now"],
  ]);
  assert.doesNotMatch(readFileSync(bin, "utf8"), /dist\/(?!cli\/main)/, "this package's own command has no other door");
});
