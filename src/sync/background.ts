import { retryDelay } from "../http/retry.ts";
import { type AuthError, ServiceError } from "../base/errors.ts";
import type { Clock } from "../platform/clock.ts";

/** What drains in the background, and how often. */
export interface BackgroundOptions {
  /** Drains once; resolves to why it ended early, if it did. Must not reject unless `signal` aborts. */
  drain: (signal: AbortSignal) => Promise<AuthError | undefined>;
  clock: Clock;
  /** Between two drains when nobody wakes it and nothing fails, in milliseconds. */
  intervalMs: number;
  /** Whether the wait keeps the process alive: true for a process that does nothing else. */
  keepAlive: boolean;
  /** Whether the process has nothing to do but wait for this drain, which `keepAlive` rules out. */
  isLast: () => boolean;
  /** From 0 to 1; `Math.random` by default. */
  random?: () => number;
}

/** A drain that goes on in the background. */
export interface Background {
  /** Drains at once, or once more if a drain is going on. After a failure, the back-off comes first: whoever emits must not hammer a service that asked for peace. */
  wake(): void;
  /**
   * Begins no other drain, and waits for the one that is going on until `deadline` cuts it short.
   * @returns false when the last drain was given up because the process waited for nothing else: it had its time
   */
  stop(deadline: AbortSignal): Promise<boolean>;
}

/** How long a process that has nothing else to do is held up by a drain, in milliseconds, and how often to look. */
const patienceMs = 5000;
const lookEveryMs = 500;

/** Drains now, then on a timer and when woken, with back-off after failures, until it is stopped. */
export function startBackground({ drain, clock, intervalMs, keepAlive, isLast, random = Math.random }: BackgroundOptions): Background {
  const cut = new AbortController();
  const stopping = new AbortController();
  let idle = new AbortController();
  let woken = false;
  let givenUp = false;

  const sleep = async (ms: number, signal: AbortSignal): Promise<void> => {
    try {
      await clock.sleep(ms, { signal, background: !keepAlive });
    } catch {
      // Woken or stopped.
    }
  };
  /** A request under way keeps the process alive, for a minute where the service hangs. That is too long for a program that is done. */
  const drainPatiently = async (): Promise<AuthError | undefined> => {
    const over = new AbortController();
    const giveUp = new AbortController();
    const watch = async (): Promise<void> => {
      for (let waited = 0; !over.signal.aborted && waited < patienceMs; waited = isLast() ? waited + lookEveryMs : 0) {
        await sleep(lookEveryMs, over.signal);
      }
      if (over.signal.aborted) return;
      givenUp = true;
      giveUp.abort(new Error("the process has nothing else to do"));
    };
    givenUp = false;
    if (!keepAlive) void watch();
    try {
      return await drain(AbortSignal.any([cut.signal, giveUp.signal]));
    } finally {
      over.abort();
    }
  };
  const run = async (): Promise<void> => {
    for (let failures = 0; !stopping.signal.aborted; ) {
      woken = false;
      const failure = await drainPatiently();
      failures = failure === undefined ? 0 : failures + 1;
      if (failure !== undefined) {
        const retryAfterMs = failure instanceof ServiceError ? failure.retryAfterMs : undefined;
        await sleep(retryDelay({ attempt: failures, retryAfterMs, random: random() }), stopping.signal);
      } else if (!woken) {
        idle = new AbortController();
        await sleep(intervalMs, AbortSignal.any([idle.signal, stopping.signal]));
      }
    }
  };
  const running = run().catch(() => undefined);

  return {
    wake() {
      woken = true;
      idle.abort();
    },
    async stop(deadline) {
      stopping.abort();
      deadline.addEventListener("abort", () => cut.abort(deadline.reason), { once: true });
      if (deadline.aborted) cut.abort(deadline.reason);
      await running;
      return !givenUp;
    },
  };
}
