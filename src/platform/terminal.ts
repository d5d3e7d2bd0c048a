import { readFileSync } from "node:fs";
import type { Readable } from "node:stream";
import { createInterface } from "node:readline";

export interface Terminal {
  readonly isInteractive: boolean;
  /**
   * On stderr.
   *
   * @returns undefined at the end of input, which is no consent
   */
  ask(question: string, signal?: AbortSignal): Promise<string | undefined>;
  onLine(callback: (line: string) => void, signal: AbortSignal): void;
}

/** The last question of each input, once it is settled. */
const questions = new WeakMap<Readable, Promise<void>>();
const nothing = (): void => undefined;

export function terminalOf(process: {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stderr: { write(text: string): unknown; readonly isTTY?: boolean };
  readonly mayAsk: boolean;
}): Terminal {
  const lines = (callback: (line: string) => void, signal: AbortSignal): void => {
    // An earlier question has unreferenced it.
    (process.stdin as { ref?: () => void }).ref?.();
    // Without `output` and `terminal`, the kernel echoes and edits the line, and Ctrl-C stays a signal.
    const reader = createInterface({ input: process.stdin, terminal: false });
    reader.on("line", callback);
    // Of an input that cannot be read, which is no answer.
    reader.on("error", nothing);
    const stop = (): void => {
      reader.close();
      // Reading keeps the process alive.
      process.stdin.pause();
      (process.stdin as { unref?: () => void }).unref?.();
    };
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
    reader.once("close", () => signal.removeEventListener("abort", stop));
  };
  const askOne = (question: string, stdin: Readable, signal?: AbortSignal): Promise<string | undefined> =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      process.stderr.write(question);
      const done = new AbortController();
      const settle = (finish: () => void): void => {
        stdin.off("end", onEnd).off("error", onEnd);
        signal?.removeEventListener("abort", onAbort);
        done.abort();
        finish();
      };
      /** Off the question's line. */
      const giveUp = (finish: () => void): void => settle(() => (process.stderr.write("\n"), finish()));
      const onEnd = (): void => giveUp(() => resolve(undefined));
      const onAbort = (): void => giveUp(() => reject(signal?.reason));
      // That event comes once, perhaps during an earlier question.
      if (stdin.readableEnded || stdin.destroyed) return onEnd();
      stdin.once("end", onEnd).once("error", onEnd);
      signal?.addEventListener("abort", onAbort, { once: true });
      lines((line) => settle(() => resolve(line.trim())), done.signal);
    });
  return {
    // Opening standard input costs more than all the work of most commands.
    get isInteractive() {
      return process.mayAsk && process.stdin.isTTY === true && process.stderr.isTTY === true;
    },
    onLine: lines,
    ask(question, signal) {
      const { stdin } = process;
      // Of two questions at once, one answer would settle both.
      const asked = (questions.get(stdin) ?? Promise.resolve()).then(() => askOne(question, stdin, signal));
      const settled = asked.then(nothing, nothing);
      questions.set(stdin, settled);
      return asked;
    },
  };
}

/**
 * Whether a script started this process: shells give each typed command its own process group, while a script's
 * commands share one. Only Linux tells (proc_pid_stat(5)).
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
