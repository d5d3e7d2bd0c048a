// A program that embeds the library, made into one file by bundlers, with the key of its session in a Secret Service. Needs the
// Debian packages dbus and dbus-daemon, Linux and a build.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
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

/** Notes that it runs, prints the token or the error, and then what is on its own standard input. */
const source = `
import { appendFileSync, readFileSync } from "node:fs";
import { getTokenManager } from "spec-kitty";
appendFileSync(process.env.RUNS, "run\\n");
getTokenManager().getAccessToken()
  .then((token) => ({ token }), ({ code, message }) => ({ code, message }))
  .then((outcome) => console.log(JSON.stringify({ ...outcome, stdin: process.argv.includes("--stdin") ? readFileSync(0, "utf8") : "" })));
`;
const input = join(scratch, "build", "program.mjs");
/** What was made by a bundler: the program, and the files that it may consist of besides. */
const bundles = new Map<string, string>();
let env: NodeJS.ProcessEnv = {};
let token = "";

before(async () => {
  mkdirSync(join(scratch, "build", "node_modules"), { recursive: true });
  symlinkSync(root, join(scratch, "build", "node_modules", "spec-kitty"));
  writeFileSync(input, source);

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

/** Each bundle has a folder of its own. */
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

/** Runs Node, and counts what runs in its process group: itself, and all that it starts. */
async function runCounted(
  args: readonly string[],
  stdin: string,
  cwd = scratch,
): Promise<{ outcome: Outcome; processes: number; runs: number }> {
  writeFileSync(join(scratch, "runs"), "");
  const child = spawn(process.execPath, args, {
    cwd,
    env,
    stdio: ["pipe", "pipe", "pipe"],
    detached: true,
    timeout: 20_000,
    killSignal: "SIGKILL",
  });
  const seen = new Set<string>();
  const look = setInterval(() => processesOf(child.pid ?? -1).forEach((pid) => seen.add(pid)), 2);
  let text = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
  child.stdin.on("error", () => undefined).end(stdin);
  await once(child, "close");
  clearInterval(look);
  const left = processesOf(child.pid ?? -1);
  for (const pid of left) process.kill(Number(pid), "SIGKILL");
  assert.deepEqual(left, [], "a process was left running");
  const line = text.split("\n").find((line) => line.startsWith("{")) ?? assert.fail(text);
  return {
    outcome: JSON.parse(line) as Outcome,
    processes: seen.size,
    runs: readFileSync(join(scratch, "runs"), "utf8").split("\n").length - 1,
  };
}

/** The processes of a group that have not ended, as Linux shows them. */
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

/** What the process that asks the keychain would take for its request, on the program's own standard input. */
const request = JSON.stringify({ operation: "remove", service: "spec-kitty", account: "a", files: [] });
const options = { skip: process.platform !== "linux" && "processes are counted by /proc" };
const installed = join(root, "node_modules", "@napi-rs");

for (const bundler of ["esbuild esm", "esbuild cjs", "rollup esm", "rollup cjs", "ncc"]) {
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
        const { outcome, processes, runs } = await runCounted([path, "--stdin"], request);
        assert.deepEqual(outcome, { token, stdin: request });
        assert.deepEqual([processes, runs], [2, 1]);
      }
      rmSync(folder, { recursive: true });
    },
  );

  test(
    `NFR-015 bundled by ${bundler}, a program without the keychain's library says so, and starts no process`,
    options,
    async () => {
      const { outcome, processes, runs } = await runCounted(
        [bundles.get(bundler) ?? assert.fail(), "--stdin"],
        request,
      );
      assert.deepEqual(outcome, {
        code: "keychain_unavailable",
        message:
          'there is no keychain here: the optional package "@napi-rs/keyring" cannot be loaded (it is not installed next to this program)',
        stdin: request,
      });
      assert.deepEqual([processes, runs], [1, 1]);
    },
  );
}

for (const [bundler, type] of [
  ["esbuild esm", "module"],
  ["esbuild cjs", "commonjs"],
  ["rollup esm", "module"],
] as const) {
  test(
    `NFR-015 S-012 bundled by ${bundler} and read from a pipe, a program takes nothing from the working folder and is not run again`,
    options,
    async (t) => {
      // Where such a program claims to be, a cloned repository can have files of these names, and a library.
      const clone = mkdtempSync(join(scratch, "clone-"));
      t.after(() => rmSync(clone, { recursive: true }));
      for (const name of ["[eval1]", "[eval]", "[stdin]", "-"]) appendFileSync(join(clone, name), "");
      cpSync(installed, join(clone, "node_modules", "@napi-rs"), { recursive: true, dereference: true });
      for (const args of [["-"], ["-", join(clone, "-")], []]) {
        const { outcome, processes, runs } = await runCounted(
          [`--input-type=${type}`, ...args],
          readFileSync(bundles.get(bundler) ?? assert.fail(), "utf8"),
          clone,
        );
        assert.equal(outcome.code, "keychain_unavailable");
        assert.match(outcome.message ?? "", /it is not installed next to this program/);
        assert.deepEqual([processes, runs], [1, 1]);
      }
    },
  );
}
