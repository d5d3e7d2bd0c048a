import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync, utimesSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/** The folder of the package. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Installs what package-lock.json names and builds, where that is not done: a fresh clone needs no step before this one. */
export function prepare() {
  install(root);
  const program = ["src", "tsconfig.json", "package-lock.json"];
  build("dist", program, ["-p", root]);
  // What typescript.js hands to every process.
  const run = ["-p", join(root, "test", "tsconfig.run.json"), "--sourceRoot", `${pathToFileURL(root)}/`];
  build(join("node_modules", ".cache", "spec-kitty"), [...program, "test"], run);
}

/** Installs the dependencies of a folder that has a package.json, where that is not done. */
export function install(folder) {
  const [lock, installed] = ["package-lock.json", "node_modules/.package-lock.json"].map((name) => join(folder, name));
  const isCurrent = () => changeOf(installed) >= changeOf(lock);
  replace(join(folder, "node_modules"), isCurrent, (fresh) => {
    for (const name of ["package.json", "package-lock.json"]) copyFileSync(join(folder, name), join(fresh, "..", name));
    return spawnSync("npm", ["ci", "--loglevel=error", "--no-audit", "--no-fund", "--ignore-scripts"], {
      cwd: dirname(fresh),
      stdio: ["ignore", "ignore", "inherit"],
      shell: process.platform === "win32",
    });
  });
}

/** Has the compiler make a folder, where a source of it is newer. */
function build(folder, sources, args) {
  const path = join(root, folder);
  // A date of the sources, not of the clock: what changes while the compiler runs is newer.
  const newest = Math.max(...sources.map((source) => newestIn(join(root, source))));
  const isCurrent = () => changeOf(path) >= newest;
  replace(path, isCurrent, (fresh) => {
    const compiler = join(root, "node_modules", "typescript", "bin", "tsc");
    mkdirSync(fresh);
    const compiled = spawnSync(process.execPath, [compiler, ...args, "--outDir", fresh], { stdio: "inherit" });
    // Rounded up: a folder is given milliseconds, and may lose the last one.
    utimesSync(fresh, new Date(), new Date(Math.ceil(newest) + 1));
    return compiled;
  });
}

/**
 * Has a folder made somewhere else and put in its place whole. Of two runs that begin at once both make it, and one of them finds that
 * it is there: the other's tests are using it.
 *
 * @param make - gets the path, and runs a program that says what is wrong if it fails
 */
function replace(folder, isCurrent, make) {
  if (isCurrent()) return;
  const scratch = scratchFor(folder);
  const fresh = join(scratch, basename(folder));
  // Whatever the mask is: the command loads no library that others can replace.
  const mask = process.umask();
  process.umask(mask | 0o022);
  const isMade = make(fresh).status === 0;
  process.umask(mask);
  if (isMade && !isCurrent()) {
    mkdirSync(dirname(folder), { recursive: true });
    butFor("ENOENT", () => renameSync(folder, join(scratch, "replaced")));
    butFor("ENOTEMPTY", () => renameSync(fresh, folder));
  }
  rmSync(scratch, { recursive: true, force: true });
  if (!isMade) process.exit(1);
}

/** A new folder from which a rename reaches all of the package. */
function scratchFor(folder) {
  try {
    return mkdtempSync(join(root, ".build-"));
  } catch ({ code }) {
    console.error(`error: ${folder} is not up to date, and nothing can be written there (${code})`);
    process.exit(1);
  }
}

function butFor(code, work) {
  try {
    work();
  } catch (error) {
    if (error.code !== code) throw error;
  }
}

/** When a file or a folder was last changed, in milliseconds; 0 when there is none. */
function changeOf(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

/** The last change below a path. That of a folder tells what was removed from it. */
function newestIn(path) {
  const below = statSync(path).isDirectory() ? readdirSync(path).filter((name) => name !== "node_modules") : [];
  return Math.max(changeOf(path), ...below.map((name) => newestIn(join(path, name))));
}

/** Arguments for Node to run a TypeScript file that `prepare` has compiled. */
export const typescript = ["--expose-internals", "--import", new URL("typescript.js", import.meta.url).href];

/** Runs a TypeScript file of test/ to its end. @returns its exit code */
export function runScript(path, args = process.argv.slice(2)) {
  return (
    spawnSync(process.execPath, [...typescript, join(root, "test", path), ...args], { stdio: "inherit" }).status ?? 1
  );
}
