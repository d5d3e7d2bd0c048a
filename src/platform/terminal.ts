import { readFileSync } from "node:fs";
import type { Readable } from "node:stream";
import { createInterface } from "node:readline";

export interface Terminal {
  readonly isInteractive: boolean;
  /**
   * Asks one question on stderr.
   *
   * @returns undefined at the end of input, which is no consent
   */
  ask(question: string, signal?: AbortSignal): Promise<string | undefined>;
  onLine(callback: (line: string) => void, signal: AbortSignal): void;
}

export function terminalOf(process: {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stderr: { write(text: string): unknown; readonly isTTY?: boolean };
  /** Whether the user may be asked, given a terminal. */
  readonly mayAsk: boolean;
}): Terminal {
  const lines = (callback: (line: string) => void, signal: AbortSignal): void => {
    // An earlier question has unreferenced it.
    (process.stdin as { ref?: () => void }).ref?.();
    // Without `output` and `terminal`, the kernel echoes and edits the line, and Ctrl-C stays a signal.
    const reader = createInterface({ input: process.stdin, terminal: false });
    reader.on("line", callback);
    const stop = (): void => {
      reader.close();
      // Reading would keep the process alive.
      process.stdin.pause();
      (process.stdin as { unref?: () => void }).unref?.();
    };
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
    reader.once("close", () => signal.removeEventListener("abort", stop));
  };
  return {
    // On demand: opening standard input costs more than all the work of most commands.
    get isInteractive() {
      return process.mayAsk && process.stdin.isTTY === true && process.stderr.isTTY === true;
    },
    onLine: lines,
    ask: (question, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason);
        process.stderr.write(question);
        const done = new AbortController();
        const waiting = signal ? AbortSignal.any([signal, done.signal]) : done.signal;
        /** Moves the cursor off the question's line. */
        const giveUp = (settle: () => void): void => {
          if (done.signal.aborted) return;
          done.abort();
          process.stderr.write("\n");
          settle();
        };
        lines((line) => {
          done.abort();
          resolve(line.trim());
        }, waiting);
        process.stdin.once("end", () => giveUp(() => resolve(undefined)));
        signal?.addEventListener("abort", () => giveUp(() => reject(signal.reason)), { once: true });
      }),
  };
}

/**
 * Whether a script started this process: shells give each typed command its own process group, while a script's
 * commands share one. Only Linux says so (proc_pid_stat(5)); elsewhere false.
 */
export function isOfScript(): boolean {
  try {
    const [, , group] = readFileSync("/proc/self/stat", "latin1")
      .replace(/^.*\) /s, "")
      .split(" ");
    return Number(group) !== process.pid;
  } catch {
    return false;
  }
}
