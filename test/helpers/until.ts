import { availableParallelism, loadavg } from "node:os";
import { setTimeout as delay } from "node:timers/promises";

/**
 * Waits for what a test is about, so that a defect which keeps it away fails this test, and the failure says what never was.
 *
 * @param what - completes the error: "the browser is opened"
 * @param event - settles when it is so; a function is called again and again until what it returns is true
 * @param limitMs - on an idle machine: a busy one is not a defect
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
 * Calls back once a time has passed that would be `limitMs` on an idle machine.
 *
 * @param isAwaited - whether the process goes on for it alone
 * @returns what prevents that
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

/** How many processes share each processor: their average over a minute, so what has just begun hardly counts. */
function slowness(): number {
  return Math.max(1, (loadavg()[0] ?? 0) / availableParallelism());
}
