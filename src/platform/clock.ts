import type * as runtime from "../base/runtime-types.ts";

/** The only source of time in `src/`: tests pass their own. */
export interface Clock {
  /** Wall clock, in milliseconds since 1970. */
  now(): number;
  /** Milliseconds since an arbitrary start; never set back, may stop while the machine sleeps. */
  monotonic(): number;
  /**
   * Rejects with the signal's reason once it aborts.
   *
   * @param ms - milliseconds
   * @param options - `background`: does not keep the process alive
   */
  sleep(ms: number, options?: { signal?: runtime.AbortSignal | undefined; background?: boolean }): Promise<void>;
  /** Aborts with a `TimeoutError` after `ms` milliseconds without keeping the process alive. */
  timeout(ms: number): runtime.AbortSignal;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  // Not `performance.now()`: loading its modules takes a millisecond.
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
    // One turn later: a process that was stopped or asleep finds its timers due before it reads what came meanwhile,
    // perhaps the only response to a refresh. And `AbortSignal.timeout` would keep Deno alive.
    setTimeout(() => setImmediate(end), ms).unref();
    return controller.signal;
  },
};

/** The signal ends this wait, not the work, which may be shared or ignore the signal. */
export function abortable<T>(promise: Promise<T>, signal: runtime.AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}
