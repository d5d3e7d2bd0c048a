import { spawn } from "node:child_process";
import { AuthError } from "../base/errors.ts";

/**
 * The two processes share a channel without messages: it closes when this process is interrupted or killed. A forwarded
 * signal would be the second one where Ctrl-C reached both.
 *
 * @param signal - ends the other process, which learns of it by {@link starterSignal}
 */
export function restartWith(flags: readonly string[], signal: AbortSignal): Promise<number> {
  return new Promise((resolve, reject) => {
    // A single executable passes all arguments to its program.
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

/** In a process of {@link restartWith}, aborts when the starter is interrupted or has ended; elsewhere never. */
export function starterSignal(): AbortSignal {
  const ended = new AbortController();
  const end = (): void => ended.abort(new AuthError("interrupted", "interrupted", { hint: "Run the command again" }));
  if (process.send !== undefined && !process.connected) end();
  process.once("disconnect", end);
  // Must not keep this process alive.
  process.channel?.unref();
  return ended.signal;
}
