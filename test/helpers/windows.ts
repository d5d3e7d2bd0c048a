// Windows, as Wine plays it: the real command, installed there as npm does it, on a Node for Windows. Its kernel's rules for open
// files, locks, processes and paths are Windows' own.
import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync, type ChildProcess } from "node:child_process";
import {
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  watch,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { CommandEnvironment, CommandResult, RunningCommand } from "./command.ts";
import { scriptedBrowser } from "./scripted-browser.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
/** What is installed there, from the registry of npm. */
const packages = join(root, "test", "peers", "windows");

/** Debian's package `wine64` has no command of its own; other distributions have one. */
const wine = ["/usr/lib/wine/wine64", "/usr/bin/wine64", "/usr/bin/wine"].find((path) => existsSync(path));

/** Why there is no Windows here, for the option `skip` of a test; false where there is one. */
export const withoutWindows: string | false =
  wine === undefined ? "needs Wine (Debian: wine64)" : process.arch !== "x64" && "needs an x64 processor";

/** A Windows of one's own. */
export interface Windows {
  /** Drive C, as this machine sees it. */
  readonly drive: string;
  /** Starts the command. */
  start(args: readonly string[], options?: WindowsOptions): RunningCommand;
  /** Starts a program of Windows; `node` is Node. */
  startProgram(program: string, args: readonly string[], options?: WindowsOptions): RunningCommand;
  /** Puts a copy of Node there, by the path of this machine. */
  copyNode(path: string): void;
  /** Ends all its processes and removes it. */
  stop(): void;
}

/** How a program is started there. */
export interface WindowsOptions {
  env?: CommandEnvironment;
  /** The working folder, as this machine sees it. */
  cwd?: string;
  /** Arguments for Node itself. */
  nodeArgs?: readonly string[];
  /** Which Node, by its name in test/peers/windows. */
  node?: "node-20" | "node-24";
}

/**
 * Sets up a Windows that has the command on it. It takes five seconds, and 800 MB for as long as it is there.
 *
 * @param browser - the program that it hands addresses to; by default one that approves
 */
export function startWindows(browser: string = scriptedBrowser()): Windows {
  if (wine === undefined) throw new Error(String(withoutWindows));
  install();
  const place = mkdtempSync(join(tmpdir(), "spec-kitty-windows-"));
  const drive = join(place, "prefix", "drive_c");
  const running = new Set<ChildProcess>();
  // Windows has opening an address hand it to the program of this name.
  mkdirSync(join(place, "bin"));
  symlinkSync(browser, join(place, "bin", "xdg-open"));
  const base = {
    PATH: `${join(place, "bin")}:${process.env["PATH"]}`,
    HOME: place,
    XDG_RUNTIME_DIR: place,
    WINEPREFIX: join(place, "prefix"),
    WINEDEBUG: "-all",
    WINEDLLOVERRIDES: "mscoree,mshtml=",
  };
  const stop = (): void => {
    process.off("exit", stop);
    for (const child of running) child.kill("SIGKILL");
    const server = join(dirname(wine), "wineserver");
    // It waits until all of them have ended.
    spawnSync(existsSync(server) ? server : "wineserver", ["-k"], { env: base });
    rmSync(place, { recursive: true, force: true });
  };
  // Also when a time limit ends this process: its services would go on.
  process.once("exit", stop).once("SIGTERM", () => process.exit(1));
  let count = 0;
  const startProgram: Windows["startProgram"] = (
    name,
    args,
    { env = {}, cwd = place, nodeArgs = [], node = "node-20" } = {},
  ) => {
    count += 1;
    // Pipes and terminals of this machine are nothing that a Node for Windows can write to as it is used to: files are.
    const [out, err] = [join(place, `${count}.out`), join(place, `${count}.err`)];
    const files = [out, err].map((path) => openSync(path, "w"));
    const program = name === "node" ? [nodeOf(node), ...nodeArgs] : [name];
    const child = spawn(wine, [...program, ...args], {
      env: { ...base, ...env },
      cwd,
      stdio: ["ignore", ...files],
    });
    for (const file of files) closeSync(file);
    running.add(child);
    const [stdout, stderr] = [out, err].map((path) => () => readFileSync(path, "utf8")) as [() => string, () => string];
    const ended = new Promise<CommandResult>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code, signal) => {
        running.delete(child);
        resolve({ code, signal, stdout: stdout(), stderr: stderr() });
      });
    });
    const shows: RunningCommand["shows"] = (pattern) =>
      new Promise((resolve, reject) => {
        const look = (): boolean => {
          const match = stderr().match(pattern) ?? stdout().match(pattern);
          if (match !== null) end(() => resolve(match));
          return match !== null;
        };
        const watchers = [out, err].map((path) => watch(path, look));
        const end = (settle: () => void): void => {
          for (const watcher of watchers) watcher.close();
          settle();
        };
        look();
        void ended.then(
          () =>
            look() || end(() => reject(new Error(`it ended and never showed ${pattern}:\n${stderr()}\n${stdout()}`))),
          reject,
        );
      });
    return { child, ended, stdout, stderr, shows };
  };
  const start: Windows["start"] = (args, options) =>
    startProgram("node", ["C:\\app\\node_modules\\spec-kitty\\bin\\spec-kitty.js", ...args], options);
  try {
    const made = spawnSync(wine, ["wineboot", "--init"], { env: base, stdio: "ignore" });
    assert.equal(made.status, 0, "Wine cannot be set up");
    const modules = join(drive, "app", "node_modules");
    for (const part of ["bin", "dist", "package.json"])
      cpSync(join(root, part), join(modules, "spec-kitty", part), { recursive: true });
    cpSync(join(packages, "node_modules", "@napi-rs"), join(modules, "@napi-rs"), { recursive: true });
  } catch (error) {
    stop();
    throw error;
  }
  const copyNode: Windows["copyNode"] = (path) => cpSync(nodeOf("node-20"), path);
  return { drive, start, startProgram, copyNode, stop };
}

function nodeOf(name: string): string {
  return join(packages, "node_modules", name, "bin", "node.exe");
}

/** Once, from a lock file, as a machine with Windows would. */
function install(): void {
  const [installed, lock] = [join(packages, "node_modules", ".package-lock.json"), join(packages, "package-lock.json")];
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs) return;
  execFileSync("npm", ["ci", "--no-audit", "--no-fund", "--ignore-scripts"], {
    cwd: packages,
    stdio: ["ignore", "ignore", "inherit"],
  });
}
