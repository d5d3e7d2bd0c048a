import { execFile, spawnSync } from "node:child_process";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import type { TestContext } from "node:test";
import { scratchFolder, type CommandEnvironment } from "./command.ts";

const run = promisify(execFile);

/** Why no test can look at a real terminal's screen here, for `skip`; false when it can. */
export const noTmux: string | false = spawnSync("tmux", ["-V"]).status === 0 ? false : "tmux is not installed";

/** A program on a real terminal, whose screen can be looked at: what escape sequences did is visible, not what they were. */
export interface Screen {
  /** The lines that a person would see, without the blanks at their ends. */
  lines(): Promise<string[]>;
  /** The same with the escape sequences (SGR) that colour them. */
  colored(): Promise<string[]>;
  /** Settles when the screen matches; rejects with the screen after 20 seconds. */
  shows(pattern: RegExp): Promise<RegExpMatchArray>;
  /** Presses keys, by tmux's names (`Tab`, `Enter`, `C-c`) or as text. */
  press(...keys: string[]): Promise<void>;
}

/** Starts a program in a terminal of its own, with this environment and nothing else. What it ends with stays on the screen. */
export async function startOnScreen(
  t: Pick<TestContext, "after">,
  program: readonly string[],
  env: CommandEnvironment,
  { columns = 100, rows = 50 }: { columns?: number; rows?: number } = {},
): Promise<Screen> {
  let socket = "";
  const tmux = async (...args: string[]): Promise<string> =>
    (await run("tmux", ["-S", socket, "-f", "/dev/null", "-u", ...args])).stdout;
  // Before the folder's own hook, which takes the socket away.
  t.after(() => tmux("kill-server"));
  socket = join(scratchFolder(t), "tmux");
  const variables = Object.entries({ TERM: "tmux-256color", LANG: "C.UTF-8", ...env }).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${value}`],
  );
  // The command waits until the screen has been told to stay, or its end could come first.
  await tmux(
    "new-session",
    "-d",
    "-x",
    String(columns),
    "-y",
    String(rows),
    "cat",
    ";",
    "set-option",
    "-g",
    "remain-on-exit",
    "on",
  );
  // Its note that the program has ended would move the screen up by a line, at some moment after the end.
  await tmux("set-option", "-gq", "remain-on-exit-format", "");
  await tmux("respawn-pane", "-k", "env", "-i", ...variables, ...program);
  const captured = async (...options: string[]): Promise<string[]> =>
    (await tmux("capture-pane", "-p", ...options)).split("\n").map((line) => line.trimEnd());
  const lines = (): Promise<string[]> => captured();
  return {
    lines,
    colored: () => captured("-e"),
    press: async (...keys) => void (await tmux("send-keys", ...keys)),
    async shows(pattern) {
      for (const until = Date.now() + 20_000; ; ) {
        const screen = (await lines()).join("\n");
        const match = screen.match(pattern);
        if (match !== null) return match;
        if (Date.now() > until) throw new Error(`the screen never showed ${pattern}:\n${screen}`);
        await delay(50);
      }
    },
  };
}
