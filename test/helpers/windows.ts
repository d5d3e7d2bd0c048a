// Windows under Wine: the real command, installed as by npm, on a Node for Windows, with Windows' rules for open files,
// locks, processes and paths.
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
/** From the npm registry. */
const packages = join(root, "test", "peers", "windows");

/** Debian's `wine64` has no command in PATH; other distributions do. */
const wine = ["/usr/lib/wine/wine64", "/usr/bin/wine64", "/usr/bin/wine"].find((path) => existsSync(path));

/** For `skip`; false if there is a Windows. */
export const withoutWindows: string | false =
  wine === undefined ? "needs Wine (Debian: wine64)" : process.arch !== "x64" && "needs an x64 processor";

export interface Windows {
  /** Drive C, as a path here. */
  readonly drive: string;
  start(args: readonly string[], options?: WindowsOptions): RunningCommand;
  /** `node` is Node. */
  startProgram(program: string, args: readonly string[], options?: WindowsOptions): RunningCommand;
  /** Copies Node there, by a path here. */
  copyNode(path: string): void;
  stop(): void;
}

export interface WindowsOptions {
  env?: CommandEnvironment;
  /** A path here. */
  cwd?: string;
  /** For Node itself. */
  nodeArgs?: readonly string[];
  /** By its name in test/peers/windows. */
  node?: "node-20" | "node-24";
}

/**
 * A Windows with the command. Takes five seconds, and 800 MB until it is stopped.
 *
 * @param browser - opens URLs; by default one that approves
 */
export function startWindows(browser: string = scriptedBrowser()): Windows {
  if (wine === undefined) throw new Error(String(withoutWindows));
  install();
  const place = mkdtempSync(join(tmpdir(), "spec-kitty-windows-"));
  const drive = join(place, "prefix", "drive_c");
  const running = new Set<ChildProcess>();
  // Windows opens URLs with this program.
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
    // Waits until all have ended.
    spawnSync(existsSync(server) ? server : "wineserver", ["-k"], { env: base });
    rmSync(place, { recursive: true, force: true });
  };
  // Also when a time limit ends this process.
  process.once("exit", stop).once("SIGTERM", () => process.exit(1));
  let count = 0;
  const startProgram: Windows["startProgram"] = (
    name,
    args,
    { env = {}, cwd = place, nodeArgs = [], node = "node-20" } = {},
  ) => {
    count += 1;
    // A Node for Windows writes to files, not to pipes and terminals of this machine.
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

/** Once, from a lock file. */
function install(): void {
  const [installed, lock] = [join(packages, "node_modules", ".package-lock.json"), join(packages, "package-lock.json")];
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs) return;
  execFileSync("npm", ["ci", "--no-audit", "--no-fund", "--ignore-scripts"], {
    cwd: packages,
    stdio: ["ignore", "ignore", "inherit"],
  });
}
