// A program with the library, bundled into one file, with its key in a Secret Service. Needs the Debian packages dbus
// and dbus-daemon, Linux and a build.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { build as esbuild } from "esbuild";
import { rollup, type OutputOptions } from "rollup";
import { command } from "./command.ts";
import { startSession } from "./session.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
/** Bundlers with many dependencies have their own directory. */
const bundlers = join(root, "test", "peers", "bundlers");
const ncc = createRequire(import.meta.url)("@vercel/ncc") as (
  input: string,
  options: object,
) => Promise<{ code: string; assets: Record<string, { source: string | Buffer }> }>;

const scratch = realpathSync(mkdtempSync(join(tmpdir(), "spec-kitty-bundled-")));
after(() => rmSync(scratch, { recursive: true, force: true }));
const ending: (() => unknown)[] = [];
after(async () => {
  for (const end of ending.reverse()) await end();
});

/** Records its run, prints the token or the error, and then its standard input. */
const source = `
import { appendFileSync, readFileSync } from "node:fs";
import { getTokenManager } from "spec-kitty";
appendFileSync(process.env.RUNS, "run\\n");
getTokenManager().getAccessToken()
  .then((token) => ({ token }), ({ code, message }) => ({ code, message }))
  .then((outcome) => console.log(JSON.stringify({ ...outcome, stdin: process.argv.includes("--stdin") ? readFileSync(0, "utf8") : "" })));
`;
const input = join(scratch, "build", "program.mjs");
/** Preloaded: even a short-lived process counts. */
const counter = join(scratch, "counter.cjs");
writeFileSync(
  counter,
  `const { prototype } = require("node:child_process").ChildProcess;
const { spawn } = prototype;
prototype.spawn = function (...args) {
  require("node:fs").appendFileSync(process.env.RUNS, "start\\n");
  return spawn.apply(this, args);
};`,
);
/** A bundle: the program, and its other files. */
const bundles = new Map<string, string>();
let env: NodeJS.ProcessEnv = {};
let token = "";

before(async () => {
  mkdirSync(join(scratch, "build", "node_modules"), { recursive: true });
  symlinkSync(root, join(scratch, "build", "node_modules", "spec-kitty"));
  writeFileSync(input, source);
  const manifest = { name: "program", version: "1.0.0", "@parcel/resolver-default": { packageExports: true } };
  writeFileSync(join(scratch, "build", "package.json"), JSON.stringify(manifest));
  const quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
  execFileSync("npm", ["ci", ...quiet], { cwd: bundlers, shell: process.platform === "win32" });
  const others = ["webpack esm", "webpack cjs", "vite esm", "tsdown esm", "tsdown cjs", "parcel cjs"];
  for (const bundler of others) outputOf(bundler, bundler.endsWith("esm") ? "esm" : "cjs");
  execFileSync(process.execPath, [join(bundlers, "bundle.js"), input, scratch], {
    cwd: dirname(input),
    // Parcel's compiler unpacks itself there.
    env: { ...process.env, XDG_CACHE_HOME: join(scratch, "cache") },
    stdio: "pipe",
  });

  for (const format of ["esm", "cjs"] as const) {
    const outfile = outputOf(`esbuild ${format}`, format);
    await esbuild({ entryPoints: [input], bundle: true, platform: "node", format, outfile, logLevel: "error" });
  }
  const library = {
    name: "library",
    resolveId: (id: string) => (id === "spec-kitty" ? join(root, "dist", "index.js") : null),
  };
  const rolled = await rollup({ input, plugins: [library], external: /^node:/ });
  for (const format of ["esm", "cjs"] as const) {
    await rolled.write({
      file: outputOf(`rollup ${format}`, format),
      format,
      inlineDynamicImports: true,
    } satisfies OutputOptions);
  }
  const program = outputOf("ncc", "esm");
  const { code, assets } = await ncc(input, { quiet: true, cache: false });
  for (const [name, text] of [
    [program, code],
    ...Object.entries(assets).map(([name, { source }]) => [join(dirname(program), name), source] as const),
  ] as const)
    writeFileSync(name, text);

  // Its parts are in a subdirectory, so the installation is found by the manifest, as in a package.
  writeFileSync(join(scratch, "vite-esm", "package.json"), JSON.stringify({ name: "program" }));

  const desktop = await startSession();
  ending.push(() => desktop.stop());
  await desktop.startScripted();
  const BROWSER = fileURLToPath(new URL("../fake-saas/browser-approve.js", import.meta.url));
  const { run, saas, credentials } = await command(
    { after: (end: () => unknown) => void ending.push(end) } as never,
    desktop.home,
    { ...desktop.env, BROWSER },
  );
  const login = await run("auth", "login", "--storage", "keychain");
  assert.equal(login.code, 0, login.stderr);
  token = (await run("auth", "token")).stdout.trim();
  env = {
    ...desktop.env,
    SPEC_KITTY_SAAS_URL: saas.url,
    SPEC_KITTY_CONFIG_DIR: dirname(credentials),
    RUNS: join(scratch, "runs"),
  };
});

function outputOf(bundler: string, format: "esm" | "cjs"): string {
  const path = join(scratch, bundler.replace(" ", "-"), format === "esm" ? "program.mjs" : "program.cjs");
  mkdirSync(dirname(path), { recursive: true });
  bundles.set(bundler, path);
  return path;
}

interface Outcome {
  token?: string;
  code?: string;
  message?: string;
  stdin: string;
}

/** Counts processes started by Node, and runs of the program's own work. */
async function runCounted(
  args: readonly string[],
  stdin: string,
  cwd = scratch,
): Promise<{ outcome: Outcome; started: number; runs: number }> {
  writeFileSync(join(scratch, "runs"), "");
  const child = spawn(process.execPath, ["--require", counter, ...args], {
    cwd,
    env,
    stdio: ["pipe", "pipe", "pipe"],
    detached: true,
    timeout: 20_000,
    killSignal: "SIGKILL",
  });
  let text = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
  child.stdin.on("error", () => undefined).end(stdin);
  await once(child, "close");
  const left = processesOf(child.pid ?? -1);
  for (const pid of left) process.kill(Number(pid), "SIGKILL");
  assert.deepEqual(left, [], "a process was left running");
  const line = text.split("\n").find((line) => line.startsWith("{")) ?? assert.fail(text);
  const counted = readFileSync(join(scratch, "runs"), "utf8").split("\n");
  return {
    outcome: JSON.parse(line) as Outcome,
    started: counted.filter((line) => line === "start").length,
    runs: counted.filter((line) => line === "run").length,
  };
}

/** Not yet ended, from Linux. */
function processesOf(group: number): string[] {
  return readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      const [state = "", , processGroup] = readFileSync(`/proc/${pid}/stat`, "utf8")
        .replace(/^.*\) /s, "")
        .split(" ");
      return Number(processGroup) === group && !"ZX".includes(state);
    } catch {
      return false;
    }
  });
}

/** On the program's standard input: the keychain's process would take it for its request. */
const request = JSON.stringify({ operation: "remove", service: "spec-kitty", account: "a", files: [] });
const options = { skip: process.platform !== "linux" && "what is left running is found in /proc" };
const installed = join(root, "node_modules", "@napi-rs");

for (const bundler of [
  ...["esbuild esm", "esbuild cjs", "rollup esm", "rollup cjs", "ncc"],
  ...["webpack esm", "webpack cjs", "vite esm", "tsdown esm", "tsdown cjs", "parcel cjs"],
]) {
  test(
    `NFR-015 bundled by ${bundler}, a program finds the keychain's library next to it, starts one process, and keeps its input`,
    options,
    async () => {
      const program = bundles.get(bundler) ?? assert.fail();
      const folder = join(dirname(program), "node_modules", "@napi-rs");
      cpSync(installed, folder, { recursive: true, dereference: true });
      const link = join(scratch, `link to ${bundler}`);
      symlinkSync(program, link);
      for (const path of [program, link]) {
        const { outcome, started, runs } = await runCounted([path, "--stdin"], request);
        assert.deepEqual(outcome, { token, stdin: request });
        assert.deepEqual([started, runs], [1, 1]);
      }
      rmSync(folder, { recursive: true });
    },
  );

  test(
    `NFR-015 bundled by ${bundler}, a program without the keychain's library says so, and starts no process`,
    options,
    async () => {
      const { outcome, started, runs } = await runCounted([bundles.get(bundler) ?? assert.fail(), "--stdin"], request);
      assert.deepEqual(outcome, {
        code: "keychain_unavailable",
        message:
          'no OS keychain is available: cannot load the optional package "@napi-rs/keyring" (it is not installed next to this program)',
        stdin: request,
      });
      assert.deepEqual([started, runs], [0, 1]);
    },
  );
}

test("NFR-015 webpack writes no path of the machine that it ran on into a program", options, () => {
  for (const bundler of ["webpack esm", "webpack cjs"]) {
    const folder = dirname(bundles.get(bundler) ?? assert.fail());
    const names = readdirSync(folder).filter((name) => /\.[cm]js$/.test(name));
    const texts = names.map((name) => readFileSync(join(folder, name), "utf8"));
    assert.ok(texts.length > 0 && texts.every((text) => !text.includes(root) && !text.includes(scratch)));
  }
});

for (const [bundler, type] of [
  ["esbuild esm", "module"],
  ["esbuild cjs", "commonjs"],
  ["rollup esm", "module"],
] as const) {
  test(
    `NFR-015 S-012 bundled by ${bundler} and read from a pipe, a program takes nothing from the working directory and is not run again`,
    options,
    async (t) => {
      // A clone can have files of these names, and a library, where such a program claims to be.
      const clone = mkdtempSync(join(scratch, "clone-"));
      t.after(() => rmSync(clone, { recursive: true }));
      for (const name of ["[eval1]", "[eval]", "[stdin]", "-"]) appendFileSync(join(clone, name), "");
      cpSync(installed, join(clone, "node_modules", "@napi-rs"), { recursive: true, dereference: true });
      for (const args of [["-"], ["-", join(clone, "-")], []]) {
        const { outcome, started, runs } = await runCounted(
          [`--input-type=${type}`, ...args],
          readFileSync(bundles.get(bundler) ?? assert.fail(), "utf8"),
          clone,
        );
        assert.equal(outcome.code, "keychain_unavailable");
        assert.match(outcome.message ?? "", /it is not installed next to this program/);
        assert.deepEqual([started, runs], [0, 1]);
      }
    },
  );
}
