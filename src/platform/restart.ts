import { spawn } from "node:child_process";
import { AuthError } from "../base/errors.ts";

/**
 * The two processes share a channel that carries no messages: it closes when this process is interrupted, and also when it is killed. A
 * signal passed on would be the second one where Ctrl-C has reached both already, and a second one cuts short what the first began.
 *
 * @param signal - ends the other process, which learns of it by {@link starterSignal}
 */
export function restartWith(flags: readonly string[], signal: AbortSignal): Promise<number> {
  return new Promise((resolve, reject) => {
    // A single executable takes its arguments for the program's, all of them.
    const isSingle = process.getBuiltinModule?.("node:sea")?.isSea() === true;
    const args = isSingle ? process.argv.slice(2) : [...process.execArgv, ...flags, ...process.argv.slice(1)];
    const env = isSingle ? { ...process.env, NODE_OPTIONS: flags.join(" ") } : process.env;
    const child = spawn(process.execPath, args, { env, stdio: ["inherit", "inherit", "inherit", "ipc"] });
    const end = (): void => {
      if (child.connected) child.disconnect();
    };
    signal.addEventListener("abort", end, { once: true });
    child.once("error", reject);
    child.once("exit", (code) => {
      signal.removeEventListener("abort", end);
      resolve(code ?? 130);
    });
  });
}

/** In a process that {@link restartWith} started, aborts when the starter is interrupted or has ended; in any other, never. */
export function starterSignal(): AbortSignal {
  const ended = new AbortController();
  const end = (): void => ended.abort(new AuthError("interrupted", "interrupted", { hint: "Run it again" }));
  if (process.send !== undefined && !process.connected) end();
  process.once("disconnect", end);
  // Listening for its end must not keep this process alive.
  process.channel?.unref();
  return ended.signal;
}
