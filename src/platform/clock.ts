import type * as runtime from "../base/runtime-types.ts";

/** The only source of time: nothing else in `src/` reads a clock or starts a timer. Tests pass their own. */
export interface Clock {
  /** Wall clock: milliseconds since 1970, as right or wrong as the machine's clock. */
  now(): number;
  /** Milliseconds since an arbitrary start; never set back, may stand still while the machine sleeps. */
  monotonic(): number;
  /**
   * Waits. Rejects with the signal's reason as soon as the signal aborts.
   * @param ms - milliseconds
   * @param options - `background`: the wait does not keep the process alive
   */
  sleep(ms: number, options?: { signal?: runtime.AbortSignal | undefined; background?: boolean }): Promise<void>;
  /** A signal that aborts with a `TimeoutError` after `ms` milliseconds and does not keep the process alive. */
  timeout(ms: number): runtime.AbortSignal;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  // Not `performance.now()`: the first use of that loads modules, for a millisecond of every command.
  monotonic() {
    const [seconds, nanoseconds] = process.hrtime();
    return seconds * 1000 + nanoseconds / 1e6;
  },
  sleep: (ms, { signal, background = false } = {}) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const onAbort = (): void => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener("abort", onAbort);
        resolve();
      }, ms);
      if (background) timer.unref();
      signal?.addEventListener("abort", onAbort, { once: true });
    }),
  timeout(ms) {
    const controller = new AbortController();
    const end = (): void =>
      controller.abort(new DOMException("The operation was aborted due to timeout", "TimeoutError"));
    // Not at once: a process that was stopped, or whose machine was asleep, finds its timers due before it reads what came meanwhile. The
    // answer to a refresh may be among that, and it is the only one there will be. One turn of the event loop later it has been read.
    // And `AbortSignal.timeout` would keep Deno alive until it fires.
    setTimeout(() => setImmediate(end), ms).unref();
    return controller.signal;
  },
};
