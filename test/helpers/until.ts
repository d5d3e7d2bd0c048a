import { availableParallelism, loadavg } from "node:os";
import { setTimeout as delay } from "node:timers/promises";

/**
 * Waits for the subject of a test; the failure says what did not happen.
 *
 * @param what - completes the error: "the browser is opened"
 * @param event - settles in time; a function is called until it returns true
 * @param limitMs - on an idle machine
 */
export async function until<T>(what: string, event: Promise<T> | (() => T | Promise<T>), limitMs = 10_000): Promise<T> {
  let disarm = (): void => undefined;
  let isOver = false;
  const over = new Promise<never>((_, reject) => {
    disarm = alarm(limitMs, () => {
      isOver = true;
      reject(new Error(`not within ${limitMs / 1000} s: ${what}`));
    });
  });
  const asked = async (ask: () => T | Promise<T>): Promise<T> => {
    for (;;) {
      const found = await ask();
      if (found || isOver) return found;
      await delay(5);
    }
  };
  try {
    return await Promise.race([typeof event === "function" ? asked(event) : event, over]);
  } finally {
    disarm();
  }
}

/**
 * Calls back after `limitMs` of an idle machine.
 *
 * @param isAwaited - keeps the process alive
 * @returns cancels it
 */
export function alarm(limitMs: number, ring: () => void, isAwaited = true): () => void {
  const start = performance.now();
  let timer: NodeJS.Timeout;
  const wait = (ms: number): void => {
    timer = setTimeout(() => {
      const left = limitMs * slowness() - (performance.now() - start);
      if (left > 0) wait(left);
      else ring();
    }, ms);
    if (!isAwaited) timer.unref();
  };
  wait(limitMs);
  return () => clearTimeout(timer);
}

/** Processes per processor, averaged over a minute. */
function slowness(): number {
  return Math.max(1, (loadavg()[0] ?? 0) / availableParallelism());
}
