import { retryDelay } from "../auth/http/retry-delay.ts";
import { type AuthError, ServiceError } from "../errors.ts";
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
  /** From 0 to 1; `Math.random` by default. */
  random?: () => number;
}

/** A drain that goes on in the background. */
export interface Background {
  /** Drains at once, or once more if a drain is going on. After a failure, the back-off comes first: whoever emits must not hammer a service that asked for peace. */
  wake(): void;
  /** Begins no other drain, and waits for the one that is going on until `deadline` cuts it short. */
  stop(deadline: AbortSignal): Promise<void>;
}

/** Drains now, then on a timer and when woken, with back-off after failures, until it is stopped. */
export function startBackground({ drain, clock, intervalMs, keepAlive, random = Math.random }: BackgroundOptions): Background {
  const cut = new AbortController();
  const stopping = new AbortController();
  let idle = new AbortController();
  let woken = false;

  const sleep = async (ms: number, signal: AbortSignal): Promise<void> => {
    try {
      await clock.sleep(ms, { signal, background: !keepAlive });
    } catch {
      // Woken or stopped.
    }
  };
  const run = async (): Promise<void> => {
    for (let failures = 0; !stopping.signal.aborted; ) {
      woken = false;
      const failure = await drain(cut.signal);
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
    },
  };
}
