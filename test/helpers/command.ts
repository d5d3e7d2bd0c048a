import { spawn, type ChildProcess } from "node:child_process";
import { chmodSync, cpSync, mkdtempSync, realpathSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { TestContext } from "node:test";
import type { KeySource } from "../../src/auth/secure-storage/key-slot.ts";
import { machineKey, type MachineKeyOptions } from "../../src/auth/secure-storage/machine-key.ts";
import { ownIdentity } from "../../src/base/identity.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { scriptedBrowser } from "./scripted-browser.ts";
import { until } from "./until.ts";

export const bin = fileURLToPath(new URL("../../bin/spec-kitty.js", import.meta.url));

/** Node's arguments to run TypeScript, wherever the process starts. */
export const typescript: readonly string[] = ["--import", import.meta.resolve("tsx")];

export interface CommandResult {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface RunningCommand {
  child: ChildProcess;
  stderr(): string;
  stdout(): string;
  /** Settles when stderr or stdout matches; rejects when the command ends first. */
  shows(pattern: RegExp): Promise<RegExpMatchArray>;
  ended: Promise<CommandResult>;
}

export type CommandEnvironment = Record<string, string | undefined>;

/** This machine's key, with its secret in a directory of the test. */
export function machineKeyIn(folder: string, more: Partial<MachineKeyOptions> = {}): KeySource {
  return machineKey({
    identity: ownIdentity,
    folder: () => folder,
    platform: process.platform,
    clock: systemClock,
    ...more,
  });
}

/** A test, or anything else with an end. */
export interface Ending {
  after(end: () => void): void;
}

/** Removed after the test. */
export function scratchFolder(t: Ending, below: string = tmpdir()): string {
  const folder = mkdtempSync(join(below, "spec-kitty-test-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A Node that every user can start: this process's may be in a user's home. */
export function nodeForAll(t: Ending): string {
  const isOpen = (path: string): boolean =>
    (statSync(path).mode & 0o001) !== 0 && (path === dirname(path) || isOpen(dirname(path)));
  if (isOpen(realpathSync(process.execPath))) return process.execPath;
  const folder = scratchFolder(t);
  const node = join(folder, "node");
  cpSync(process.execPath, node);
  for (const path of [folder, node]) chmodSync(path, 0o755);
  return node;
}

/** Without anything of the machine: runtime, state and home directories of its own, and a browser that approves. */
export function bareEnvironment(folder: string): CommandEnvironment {
  return {
    PATH: process.env["PATH"],
    TZ: process.env["TZ"],
    HOME: folder,
    // Leftovers of killed processes go with the run's scratch directory.
    TMPDIR: process.env["TMPDIR"],
    XDG_RUNTIME_DIR: join(folder, "run"),
    XDG_STATE_HOME: join(folder, "state"),
    BROWSER: scriptedBrowser(),
  };
}

/** The same for the command, with its own configuration directory and a service. */
export function commandEnvironment(
  folder: string,
  service: string | undefined,
  more: CommandEnvironment = {},
): CommandEnvironment {
  return {
    ...bareEnvironment(folder),
    SPEC_KITTY_CONFIG_DIR: join(folder, "config"),
    SPEC_KITTY_STORAGE: "file",
    SPEC_KITTY_SAAS_URL: service,
    ...more,
  };
}

export interface CommandOptions {
  cwd?: string;
  /** For Node itself. */
  nodeArgs?: readonly string[];
  /** Another runtime, with its arguments. */
  runtime?: readonly [string, ...string[]];
  /** Another copy of the command. */
  program?: string;
}

/** What stderr says besides waits: on a busy machine any request may take the second after which it is announced. */
export function withoutWaits(stderr: string): string {
  return stderr.replace(
    /^Waiting for (process \d+|another process|[\w.:-]+) to (refresh the session|store its changes) …\n/gm,
    "",
  );
}

/** Killed at the end of the test. */
export function startCommand(
  t: Pick<TestContext, "after">,
  args: readonly string[],
  env: CommandEnvironment,
  options: CommandOptions = {},
): RunningCommand {
  const [runtime, ...runtimeArgs] = options.runtime ?? [process.execPath];
  const child = spawn(runtime, [...runtimeArgs, ...(options.nodeArgs ?? []), options.program ?? bin, ...args], {
    env,
    cwd: options.cwd,
    stdio: ["pipe", "pipe", "pipe"],
  });
  t.after(() => void child.kill("SIGKILL"));
  let stdout = "";
  let stderr = "";
  const waiting = new Set<() => void>();
  const note = (): void => waiting.forEach((check) => check());
  // A command may end before it has read its input.
  child.stdin.on("error", () => undefined);
  child.stdout.setEncoding("utf8").on("data", (text: string) => ((stdout += text), note()));
  child.stderr.setEncoding("utf8").on("data", (text: string) => ((stderr += text), note()));
  const ended = new Promise<CommandResult>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
  return {
    child,
    ended,
    stdout: () => stdout,
    stderr: () => stderr,
    shows(pattern) {
      const match = new Promise<RegExpMatchArray>((resolve, reject) => {
        const check = (): void => {
          const match = stderr.match(pattern) ?? stdout.match(pattern);
          if (match === null) return;
          waiting.delete(check);
          resolve(match);
        };
        waiting.add(check);
        check();
        void ended.then(
          () => reject(new Error(`the command ended and never showed ${pattern}:\n${stderr}\n${stdout}`)),
          reject,
        );
      });
      return until(`"${args.join(" ")}" shows ${pattern}`, match, 20_000);
    },
  };
}

/** With an empty standard input. */
export async function runCommand(
  t: Pick<TestContext, "after">,
  args: readonly string[],
  env: CommandEnvironment,
  options: CommandOptions & { input?: string } = {},
): Promise<CommandResult> {
  const running = startCommand(t, args, env, options);
  running.child.stdin?.end(options.input ?? "");
  return until(`"${args.join(" ")}" ends`, running.ended, 30_000);
}
