import { retryAfterOf, retryDelay } from "../http/retry.ts";
import type { AuthError } from "../base/errors.ts";
import type { Clock } from "../platform/clock.ts";

interface BackgroundOptions {
  /** Returns why it ended early, if it did. Rejects only when `signal` aborts. */
  drain: (signal: AbortSignal) => Promise<AuthError | undefined>;
  clock: Clock;
  /** In milliseconds, between drains without wake-up or failure. */
  intervalMs: number;
  /** For a process that does nothing else. */
  keepAlive: boolean;
  /** Whether the process only waits for this drain. Not called with `keepAlive`. */
  isLast: () => boolean;
  random?: () => number;
}

export interface Background {
  /** Drains once more after a running drain; after a failure, not before the back-off that the service asked for. */
  wake(): void;
  /**
   * Starts no further drain; `deadline` cuts the running one short.
   *
   * @returns false when the last drain was given up because the process only waited for it
   */
  stop(deadline: AbortSignal): Promise<boolean>;
}

/** How long a drain may hold up a finished process, and how often to look. */
const patienceMs = 5000;
const lookEveryMs = 500;

export function startBackground({
  drain,
  clock,
  intervalMs,
  keepAlive,
  isLast,
  random = Math.random,
}: BackgroundOptions): Background {
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
  /** A pending request keeps the process alive, a minute if the service hangs: too long for a finished program. */
  const drainWithLimit = async (): Promise<AuthError | undefined> => {
    const ended = new AbortController();
    const giveUp = new AbortController();
    const watch = async (): Promise<void> => {
      for (let waited = 0; !ended.signal.aborted && waited < patienceMs; waited = isLast() ? waited + lookEveryMs : 0) {
        await sleep(lookEveryMs, ended.signal);
      }
      if (ended.signal.aborted) return;
      givenUp = true;
      giveUp.abort(new Error("the process has nothing left to do"));
    };
    givenUp = false;
    if (!keepAlive) void watch();
    try {
      return await drain(AbortSignal.any([cut.signal, giveUp.signal]));
    } finally {
      ended.abort();
    }
  };
  const run = async (): Promise<void> => {
    for (let failures = 0; !stopping.signal.aborted; ) {
      woken = false;
      const failure = await drainWithLimit();
      failures = failure === undefined ? 0 : failures + 1;
      if (failure !== undefined) {
        const retryAfterMs = retryAfterOf(failure);
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

/** Requests of this library, and standard streams. */
const ours = ["TCPSocketWrap", "TCPConnectWrap", "PipeWrap", "TTYWrap"];

/**
 * Good enough for a background wait, not for correctness: the runtime cannot tell which part of the program has the
 * connection.
 */
export function onlyOneConnectionLeft(): boolean {
  const active = process.getActiveResourcesInfo();
  return active.every((kind) => ours.includes(kind)) && active.filter((kind) => kind === "TCPSocketWrap").length <= 1;
}
