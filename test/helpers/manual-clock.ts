import { setImmediate as turn } from "node:timers/promises";
import type { Clock } from "../../src/platform/clock.ts";

/** A clock that tests move. Its two readings can be moved apart, as setting a real clock does. */
export class ManualClock implements Clock {
  /** Milliseconds since 1970. */
  wall: number;
  /** Milliseconds since its start. */
  elapsed = 0;
  /** Every wait that was asked for, in milliseconds. */
  readonly sleeps: number[] = [];
  readonly #limits: { at: number; controller: AbortController }[] = [];
  readonly #beforeSleep: (ms: number) => Promise<unknown> | undefined;

  /** @param beforeSleep - a wait takes no time and moves the clock; what this gives is waited for first, and may never come */
  constructor(start: number = Date.now(), beforeSleep: (ms: number) => Promise<unknown> | undefined = () => undefined) {
    this.wall = start;
    this.#beforeSleep = beforeSleep;
  }

  now(): number {
    return this.wall;
  }

  monotonic(): number {
    return this.elapsed;
  }

  /** Lets time pass. */
  pass(ms: number): void {
    this.wall += ms;
    this.elapsed += ms;
    for (const limit of this.#limits.filter(({ at }) => at <= this.elapsed)) {
      this.#limits.splice(this.#limits.indexOf(limit), 1);
      limit.controller.abort(new DOMException("the time is up", "TimeoutError"));
    }
  }

  async sleep(ms: number, { signal }: { signal?: AbortSignal | undefined } = {}): Promise<void> {
    signal?.throwIfAborted();
    this.sleeps.push(ms);
    await Promise.race([this.#beforeSleep(ms) ?? turn(), new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason)))]);
    this.pass(ms);
  }

  timeout(ms: number): AbortSignal {
    const controller = new AbortController();
    this.#limits.push({ at: this.elapsed + ms, controller });
    return controller.signal;
  }
}
