import { setImmediate as turn } from "node:timers/promises";
import { systemClock, type Clock } from "../../platform/clock.ts";

/**
 * A clock that tests move. Its two readings can be moved apart, as setting a real clock does. Waiting takes no time:
 * when nothing else is going on, it jumps to the end of the shortest wait.
 */
export class ManualClock implements Clock {
  /** Milliseconds since 1970. */
  wall: number = systemClock.now();
  /** Milliseconds since its start. */
  elapsed = 0;
  /** While true, time stands still: a service on a real socket takes none of this clock's. */
  isHeld: () => boolean = () => false;
  /** Whether time does not jump for background waits, which then end when time passes for another reason. */
  isBackgroundStill = false;
  readonly #limits: { at: number; controller: AbortController }[] = [];
  readonly #waits = new Set<{ at: number; background: boolean; end: () => void }>();
  #isRunning = false;

  now(): number {
    return this.wall;
  }

  monotonic(): number {
    return this.elapsed;
  }

  pass(ms: number): void {
    this.wall += ms;
    this.elapsed += ms;
    for (const limit of this.#limits.filter(({ at }) => at <= this.elapsed)) {
      this.#limits.splice(this.#limits.indexOf(limit), 1);
      limit.controller.abort(new DOMException("the time is up", "TimeoutError"));
    }
  }

  async sleep(
    ms: number,
    { signal, background = false }: { signal?: AbortSignal | undefined; background?: boolean } = {},
  ): Promise<void> {
    signal?.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const wait = { at: this.elapsed + ms, background, end: resolve };
      const onAbort = (): void => {
        this.#waits.delete(wait);
        reject(signal?.reason);
      };
      wait.end = () => {
        signal?.removeEventListener("abort", onAbort);
        resolve();
      };
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#waits.add(wait);
      void this.#run();
    });
  }

  timeout(ms: number): AbortSignal {
    const controller = new AbortController();
    this.#limits.push({ at: this.elapsed + ms, controller });
    return controller.signal;
  }

  async #run(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    while (this.#waits.size > 0) {
      do await turn();
      while (this.isHeld());
      const [next] = [...this.#waits]
        .filter(({ at, background }) => !background || !this.isBackgroundStill || at <= this.elapsed)
        .sort((a, b) => a.at - b.at);
      if (next === undefined) break;
      this.#waits.delete(next);
      this.pass(Math.max(0, next.at - this.elapsed));
      next.end();
    }
    this.#isRunning = false;
  }
}
