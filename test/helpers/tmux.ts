import { execFile, spawnSync } from "node:child_process";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import type { TestContext } from "node:test";
import { scratchFolder, type CommandEnvironment } from "./command.ts";

const run = promisify(execFile);

/** For `skip`; false if tmux is there. */
export const noTmux: string | false = spawnSync("tmux", ["-V"]).status === 0 ? false : "tmux is not installed";

/** A program on a real terminal: shows the effect of escape sequences. */
export interface Screen {
  /** As a user sees them, without trailing blanks. */
  lines(): Promise<string[]>;
  /** With SGR escape sequences. */
  colored(): Promise<string[]>;
  /** Settles when the screen matches; rejects with the screen after 20 seconds. */
  shows(pattern: RegExp): Promise<RegExpMatchArray>;
  /** By tmux's names (`Tab`, `Enter`, `C-c`) or as text. */
  press(...keys: string[]): Promise<void>;
}

/** In its own terminal, with this environment only. The last screen stays. */
export async function startOnScreen(
  t: Pick<TestContext, "after">,
  program: readonly string[],
  env: CommandEnvironment,
  { columns = 100, rows = 50 }: { columns?: number; rows?: number } = {},
): Promise<Screen> {
  let socket = "";
  const tmux = async (...args: string[]): Promise<string> =>
    (await run("tmux", ["-S", socket, "-f", "/dev/null", "-u", ...args])).stdout;
  // Before the directory's hook, which removes the socket.
  t.after(() => tmux("kill-server"));
  socket = join(scratchFolder(t), "tmux");
  const variables = Object.entries({ TERM: "tmux-256color", LANG: "C.UTF-8", ...env }).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${value}`],
  );
  // The screen must be set to stay before the command can end.
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
  // tmux's note at the end would move the screen up.
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
