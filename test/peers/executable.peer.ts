// The single executable of `npm run build:exe`: compared with the npm version, in an empty root directory, and with a
// keychain; and other authors' executables, which count their runs.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { build as esbuild } from "esbuild";
import { startFakeSaas } from "../fake-saas/server.ts";
import { approveDevice } from "../fake-saas/user.ts";
import { commandEnvironment, scratchFolder, startCommand, type CommandOptions } from "../helpers/command.ts";
import { sessionOf, storeSession } from "../helpers/stored-session.ts";
import { startSession } from "./session.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const runtimes = join(root, "test", "peers", "runtimes", "node_modules");
const options = { skip: process.platform !== "linux" && "what an executable needs is read with ldd" };

const scratch = mkdtempSync(join(tmpdir(), "spec-kitty-executable-"));
after(() => rmSync(scratch, { recursive: true, force: true }));
const executable: CommandOptions = { runtime: ["env"], program: join(scratch, "spec-kitty") };
const npmVersion: CommandOptions = {};

before(() => {
  execFileSync(process.execPath, [join(root, "test", "executable.js"), scratch], { stdio: "pipe" });
});

test("the executable holds nothing that identifies the machine on which it was made", options, () => {
  const made = readFileSync(join(scratch, "spec-kitty"));
  const id = existsSync("/etc/machine-id") ? readFileSync("/etc/machine-id", "utf8").trim() : "";
  assert.equal(id !== "" && made.includes(id), false);
  assert.equal(made.includes(process.env["PATH"] ?? "no PATH"), false);
});

for (const [name, one, other] of [
  ["the npm version opens in the executable", npmVersion, executable],
  ["the executable opens in the npm version", executable, npmVersion],
] as const) {
  test(`FR-027 a session of ${name}`, options, async (t) => {
    const saas = await startFakeSaas();
    t.after(() => saas.close());
    const env = commandEnvironment(scratchFolder(t), saas.url);
    const run = (how: CommandOptions, ...args: string[]) => startCommand(t, args, env, how).ended;
    const login = await run(one, "auth", "login");
    assert.equal(login.code, 0, login.stderr);
    const { stdout: token } = await run(one, "auth", "token");
    assert.equal((await run(other, "auth", "token")).stdout, token);
    assert.equal((await run(other, "auth", "refresh")).code, 0);
    assert.notEqual((await run(one, "auth", "token")).stdout, token);
  });
}

test("FR-027 NFR-009 sixteen executables with an expired token make one refresh", options, async (t) => {
  const saas = await startFakeSaas();
  t.after(() => saas.close());
  const env = commandEnvironment(scratchFolder(t), saas.url);
  const run = (...args: string[]) => startCommand(t, args, env, executable).ended;
  await storeSession(saas, env, sessionOf(saas));
  const wave = await Promise.all(Array.from({ length: 16 }, () => run("auth", "token")));
  for (const { code, stderr } of wave) assert.equal(code, 0, stderr);
  assert.equal(new Set(wave.map(({ stdout }) => stdout)).size, 1);
  assert.equal(saas.count("/oauth/token"), 1);
});

test(
  "FR-027 the executable works in a root directory that holds what ldd names and nothing else",
  options,
  async (t) => {
    const saas = await startFakeSaas({ deviceIntervalSeconds: 1 });
    t.after(() => saas.close());
    const folder = scratchFolder(t);
    const program = executable.program ?? "";
    for (const [, path = ""] of execFileSync("ldd", [program], { encoding: "utf8" }).matchAll(/(\/\S+) \(0x/g)) {
      mkdirSync(join(folder, dirname(path)), { recursive: true });
      copyFileSync(path, join(folder, path));
    }
    mkdirSync(join(folder, "home"));
    cpSync(program, join(folder, "spec-kitty"));
    const env = { HOME: "/home", PATH: process.env["PATH"], SPEC_KITTY_SAAS_URL: saas.url, SPEC_KITTY_STORAGE: "file" };
    const inside = { runtime: ["unshare", "--map-root-user", "--root", folder], program: "/spec-kitty" } as const;
    const run = (...args: string[]) => startCommand(t, args, env, inside);
    const login = run("auth", "login", "--headless");
    const [, code = ""] = await login.shows(/and enter this code:\n\n {2}(\S+)\n/);
    await approveDevice(`${saas.url}/device`, code);
    const outcome = await login.ended;
    assert.equal(outcome.code, 0, outcome.stderr);
    assert.equal((await run("auth", "whoami").ended).stdout, "alice@example.com\n");
    assert.match((await run("api", "GET", "/api/v1/me").ended).stdout, /"email":"alice@example.com"/);
  },
);

test(
  "FR-027 FR-006 the executable brings the keychain's library along, and writes it again if it was changed",
  options,
  async (t) => {
    const desktop = await startSession();
    t.after(() => desktop.stop());
    await desktop.startScripted();
    const saas = await startFakeSaas();
    t.after(() => saas.close());
    const { SPEC_KITTY_STORAGE: _, ...rest } = commandEnvironment(scratchFolder(t), saas.url);
    const env = { ...rest, ...desktop.env };
    const run = (...args: string[]) => startCommand(t, args, env, executable).ended;
    const login = await run("auth", "login", "--storage", "keychain");
    assert.equal(login.code, 0, login.stderr);
    const { stdout: token } = await run("auth", "token");
    assert.match(token, /^at_/);
    const library = join(env["SPEC_KITTY_CONFIG_DIR"] ?? "", "keyring.node");
    const original = readFileSync(library);
    writeFileSync(library, Buffer.concat([original.subarray(0, 4096), Buffer.alloc(original.length - 4096)]));
    assert.equal((await run("auth", "token")).stdout, token);
    assert.ok(readFileSync(library).equals(original));
  },
);

/** Counts its runs, prints the token or the error. One form calls `serveSelf` first, as documented. */
const source = (serves: boolean): string => `
import { appendFileSync } from "node:fs";
import { getTokenManager, serveSelf } from "spec-kitty";
if (${serves} && serveSelf()) process.exit();
appendFileSync(process.env.RUNS, "run\\n");
getTokenManager().getAccessToken().then((token) => ({ token }), ({ code, message }) => ({ code, message }))
  .then((outcome) => console.log(JSON.stringify(outcome)));
`;

/** With the keychain's library next to it. */
const makers: Record<string, (input: string, folder: string) => Promise<string>> = {
  async "Node 26"(input, folder) {
    const main = join(folder, "program.cjs");
    await esbuild({
      entryPoints: [input],
      bundle: true,
      platform: "node",
      format: "cjs",
      outfile: main,
      logLevel: "error",
    });
    const output = join(folder, "program");
    writeFileSync(join(folder, "sea.json"), JSON.stringify({ main, output, disableExperimentalSEAWarning: true }));
    execFileSync(join(runtimes, "node-26", "bin", "node"), ["--build-sea", join(folder, "sea.json")], {
      stdio: "pipe",
    });
    return output;
  },
  async Bun(input, folder) {
    const bun = join(runtimes, "@oven", "bun-linux-x64", "bin", "bun");
    const output = join(folder, "program");
    execFileSync(bun, ["build", "--compile", input, "--outfile", output], { cwd: folder, stdio: "pipe" });
    return output;
  },
};

for (const [name, make] of Object.entries(makers)) {
  for (const serves of [true, false]) {
    const what = serves ? "that calls serveSelf first" : "that does not";
    test(`NFR-015 a program ${what}, as one executable of ${name}, does its own work once`, options, async (t) => {
      const desktop = await startSession();
      t.after(() => desktop.stop());
      await desktop.startScripted();
      const saas = await startFakeSaas();
      t.after(() => saas.close());
      const folder = scratchFolder(t);
      const { SPEC_KITTY_STORAGE: _, ...rest } = commandEnvironment(folder, saas.url);
      const env = { ...rest, ...desktop.env, RUNS: join(folder, "runs") };
      const login = await startCommand(t, ["auth", "login", "--storage", "keychain"], env).ended;
      assert.equal(login.code, 0, login.stderr);
      const { stdout: token } = await startCommand(t, ["auth", "token"], env).ended;
      mkdirSync(join(folder, "node_modules"));
      symlinkSync(root, join(folder, "node_modules", "spec-kitty"));
      writeFileSync(join(folder, "program.mjs"), source(serves));
      const program = await make(join(folder, "program.mjs"), folder);
      // Hostile files next to it, as in a downloads directory.
      writeFileSync(join(folder, "bunfig.toml"), 'preload = ["./preload.js"]');
      writeFileSync(join(folder, "preload.js"), `require("node:fs").writeFileSync("${join(folder, "preloaded")}", "")`);
      cpSync(join(root, "node_modules", "@napi-rs"), join(folder, "node_modules", "@napi-rs"), { recursive: true });
      const { stdout, stderr } = await startCommand(t, [], env, { runtime: ["env"], program }).ended;
      const outcome = JSON.parse(stdout || `{"code":${JSON.stringify(stderr)}}`) as {
        token?: string;
        code?: string;
        message?: string;
      };
      assert.equal(readFileSync(env.RUNS, "utf8"), "run\n", JSON.stringify(outcome));
      assert.ok(!existsSync(join(folder, "preloaded")), "the keychain's process runs code that is next to it");
      // Bun's executables can start as Bun.
      if (serves || name === "Bun") assert.deepEqual(outcome, { token: token.trim() });
      else {
        assert.equal(outcome.code, "keychain_unavailable");
        assert.match(outcome.message ?? "", /single executable whose program does not call serveSelf\(\)/);
      }
    });
  }
}
