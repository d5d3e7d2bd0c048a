import { spawn } from "node:child_process";

/**
 * Runs this very command line again with flags for the runtime, on the same streams, and waits for it.
 *
 * @param flags - for Node, such as `--experimental-websocket`
 * @param signal - passed on as a termination when it aborts; Ctrl-C reaches the other process by itself, through the terminal
 * @returns its exit code
 */
export function restartWith(flags: readonly string[], signal: AbortSignal): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...process.execArgv, ...flags, ...process.argv.slice(1)], { stdio: "inherit" });
    const end = (): void => void child.kill("SIGTERM");
    signal.addEventListener("abort", end, { once: true });
    child.once("error", reject);
    child.once("exit", (code) => {
      signal.removeEventListener("abort", end);
      resolve(code ?? 130);
    });
  });
}
