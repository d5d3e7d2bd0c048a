import { spawn, spawnSync } from "node:child_process";
import type { TestContext } from "node:test";
import { until } from "./until.ts";
import { bin, type CommandEnvironment, type RunningCommand } from "./command.ts";

/**
 * Why no test can have a terminal, for `skip`; false if it can. util-linux is on every Linux; other `script` programs
 * differ.
 */
export const noTerminal: string | false = /util-linux/.test(
  spawnSync("script", ["--version"], { encoding: "utf8" }).stdout ?? "",
)
  ? false
  : "no `script` of util-linux here, which gives a pseudo-terminal";

/** A command with a terminal for all three streams. */
export type CommandOnTerminal = RunningCommand & { type(text: string): void };

/** On its own pseudo-terminal. stdout and stderr are one, in `stdout`. */
export function startOnTerminal(
  t: TestContext,
  args: readonly string[],
  env: CommandEnvironment,
  program: string = bin,
  /** Started by a script that continues afterwards. */
  inScript: boolean = false,
): CommandOnTerminal {
  const quoted = [process.execPath, program, ...args].map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");
  const child = spawn("script", ["-qefc", inScript ? `${quoted}; exit $?` : `exec ${quoted}`, "/dev/null"], {
    env: { ...env, SHELL: "/bin/sh", TERM: "xterm" },
    stdio: ["pipe", "pipe", "pipe"],
  });
  t.after(() => void child.kill("SIGKILL"));
  let stdout = "";
  const waiting = new Set<() => void>();
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
    for (const check of waiting) check();
  });
  const ended: RunningCommand["ended"] = new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve({ code, signal, stdout, stderr: "" }));
  });
  return {
    child,
    ended,
    stdout: () => stdout,
    stderr: () => "",
    type: (text) => void child.stdin.write(text),
    shows(pattern) {
      const match = new Promise<RegExpMatchArray>((resolve, reject) => {
        const check = (): void => {
          const match = stdout.match(pattern);
          if (match === null) return;
          waiting.delete(check);
          resolve(match);
        };
        waiting.add(check);
        check();
        void ended.then(() => reject(new Error(`the command ended and never showed ${pattern}:\n${stdout}`)), reject);
      });
      return until(`"${args.join(" ")}" shows ${pattern}`, match, 20_000);
    },
  };
}
