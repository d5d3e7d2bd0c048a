import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/** The folder of the package. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));

const shell = process.platform === "win32";

/** Installs what package-lock.json names, where that is not done, and builds: a fresh clone needs no step before this one. */
export function prepare() {
  const run = (...args) => execFileSync("npm", args, { cwd: root, stdio: ["ignore", "ignore", "inherit"], shell });
  const installed = join(root, "node_modules", ".package-lock.json");
  const isCurrent =
    existsSync(installed) && statSync(installed).mtimeMs >= statSync(join(root, "package-lock.json")).mtimeMs;
  if (!isCurrent) run("ci", "--no-audit", "--no-fund", "--ignore-scripts");
  run("run", "--silent", "build");
  // What typescript.js hands to every process. The compiler compares contents, not dates, and writes only what has changed.
  const compiler = join(root, "node_modules", "typescript", "bin", "tsc");
  const args = [compiler, "-p", join(root, "test", "tsconfig.run.json"), "--sourceRoot", `${pathToFileURL(root)}/`];
  execFileSync(process.execPath, args, { stdio: ["ignore", "inherit", "inherit"] });
}

/** Installs the dependencies of a folder below test/peers. */
export function installPeers(folder) {
  execFileSync("npm", ["ci", "--prefix", folder, "--loglevel=error", "--no-audit", "--no-fund", "--ignore-scripts"], {
    stdio: ["ignore", "ignore", "inherit"],
    shell,
  });
}

/** Arguments for Node to run a TypeScript file that `prepare` has compiled. */
export const typescript = ["--import", new URL("typescript.js", import.meta.url).href];

/** Runs a TypeScript file of test/ to its end. @returns its exit code */
export function runScript(path, args = process.argv.slice(2)) {
  return (
    spawnSync(process.execPath, [...typescript, join(root, "test", path), ...args], { stdio: "inherit" }).status ?? 1
  );
}

/**
 * Runs test files with Node's runner, one more at once than there are processors, since tests also wait. The runner's own default
 * leaves a processor idle.
 *
 * @param files - relative to the package's folder
 * @returns the exit code
 */
export function runTests(files, { node = process.execPath, reporter = "spec", env = process.env } = {}) {
  const timeLimit = ["--import", new URL("time-limit.js", import.meta.url).href, "--test-timeout=180000"];
  const options = [
    "--require",
    fileURLToPath(new URL("quick-fetch.cjs", import.meta.url)),
    "--test",
    `--test-concurrency=${availableParallelism() + 1}`,
    "--test-reporter",
    reporter,
  ];
  // Tests talk to nobody outside, and every process would read the machine's certificates first.
  const ownEnv = { ...env, NODE_EXTRA_CA_CERTS: undefined };
  return (
    spawnSync(node, [...typescript, ...timeLimit, ...options, ...files], { cwd: root, stdio: "inherit", env: ownEnv })
      .status ?? 1
  );
}

/** Every test file. Those of test/peers are run by themselves: they have dependencies of their own. */
export function testFiles() {
  const isOurs = (path) => path.endsWith(".test.ts") && !path.startsWith("peers");
  return readdirSync(join(root, "test"), { recursive: true })
    .filter(isOurs)
    .sort()
    .map((path) => join("test", path));
}
