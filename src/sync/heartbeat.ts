import { AuthError } from "../base/errors.ts";
import type { Clock } from "../platform/clock.ts";

/** Listens for a service that says every now and then that it is there. */
export interface Heartbeat {
  /** Aborts once it has fallen silent; never for a service of which no rhythm is known. */
  readonly lost: AbortSignal;
  /** To be told of everything that arrives. */
  heard(isPing: boolean): void;
  /** Listens no longer. */
  end(): void;
}

/** Pings that may be missing in a row, and the least that is silence however fast they came. */
const missing = 3;
const leastMs = 120_000;
/** Below what a timer can hold. */
const longestSleepMs = 3_600_000;

/**
 * Notices a service that is gone without a goodbye: a laptop that was carried elsewhere, a router that forgot the connection. The
 * connection itself would not tell for a quarter of an hour, and a WebSocket lets no client ping. How often the service does is
 * its own affair, so the longest pause between two of its pings so far is the measure, and there is none before the second.
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
      if (leftMs <= 0) return lost.abort(new AuthError("network_unavailable", `the service has been silent for ${Math.round(limitMs / 1000)} s`));
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
