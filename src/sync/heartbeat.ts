import { AuthError } from "../base/errors.ts";
import type { Clock } from "../platform/clock.ts";

interface Heartbeat {
  /** Aborts once the service is silent; never while its ping interval is unknown. */
  readonly lost: AbortSignal;
  /** Call this for everything that arrives. */
  heard(isPing: boolean): void;
  end(): void;
}

/** In a row. */
const missing = 3;
const leastMs = 120_000;
/** Well below the longest delay of a timer. */
const longestSleepMs = 3_600_000;

/**
 * A vanished service may not close the connection: TCP would report that after a quarter of an hour, and WebSocket
 * clients cannot ping. The service's ping interval is unspecified, so the longest pause so far counts.
 */
export function heartbeat(clock: Clock): Heartbeat {
  const lost = new AbortController();
  const ended = new AbortController();
  let heardAt = 0;
  let pingedAt: number | undefined;
  let pauseMs: number | undefined;
  const listen = async (): Promise<void> => {
    for (;;) {
      const limitMs = Math.max(leastMs, missing * (pauseMs ?? 0));
      const leftMs = heardAt + limitMs - clock.monotonic();
      if (leftMs <= 0)
        return lost.abort(
          new AuthError("network_unavailable", `no message from the service for ${Math.round(limitMs / 1000)} s`, {
            hint: "Wait for the next connection",
          }),
        );
      await clock.sleep(Math.min(leftMs, longestSleepMs), { signal: ended.signal, background: true });
    }
  };
  return {
    lost: lost.signal,
    heard(isPing) {
      heardAt = clock.monotonic();
      if (!isPing) return;
      if (pingedAt !== undefined) {
        const isFirst = pauseMs === undefined;
        pauseMs = Math.max(pauseMs ?? 0, heardAt - pingedAt);
        if (isFirst) listen().catch(() => undefined);
      }
      pingedAt = heardAt;
    },
    end: () => ended.abort(),
  };
}
