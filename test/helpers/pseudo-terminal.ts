import { spawn, spawnSync } from "node:child_process";
import type { TestContext } from "node:test";
import { until } from "./until.ts";
import { bin, preload, type CommandEnvironment, type RunningCommand } from "./command.ts";

/** Why no test can have a terminal here, for `skip`; false when it can. util-linux is what every Linux has; other systems' `script` differs. */
export const noTerminal: string | false = /util-linux/.test(
  spawnSync("script", ["--version"], { encoding: "utf8" }).stdout ?? "",
)
  ? false
  : "no `script` of util-linux here, which gives a pseudo-terminal";

/** A run of the real command with a terminal for all three of its streams: what is written to its `stdin` is typed. */
export type CommandOnTerminal = RunningCommand & { type(text: string): void };

/** Starts the real command, or a program, on a pseudo-terminal of its own. stdout and stderr come out as one, in `stdout`. */
export function startOnTerminal(
  t: TestContext,
  args: readonly string[],
  env: CommandEnvironment,
  program: string = bin,
  /** Whether a script starts it, and does something after it. */
  inScript: boolean = false,
): CommandOnTerminal {
  const quoted = [process.execPath, "--require", preload, program, ...args]
    .map((word) => `'${word.replaceAll("'", `'\\''`)}'`)
    .join(" ");
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
