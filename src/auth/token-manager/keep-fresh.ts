import { NotAuthenticatedError } from "../../base/errors.ts";
import type { Clock } from "../../platform/clock.ts";
import { retryAfterOf, retryDelay } from "../../http/retry.ts";
import { remainingMs, requiredMs } from "./freshness.ts";
import type { Session } from "../sessions/session.ts";

/** See `TokenManager.keepFresh`. `renew` returns a session whose token stays valid for that many milliseconds. */
export async function keepFresh(
  renew: (minValidityMs: number) => Promise<Session>,
  { clock, random, signal }: { clock: Clock; random: () => number; signal: AbortSignal },
): Promise<void> {
  let failures = 0;
  while (!signal.aborted) {
    let waitMs: number;
    try {
      // Up to a minute earlier than callers on demand, at random, so that processes do not refresh in step.
      const aheadMs = 60_000 * (1 + random());
      const session = await renew(aheadMs);
      failures = 0;
      // In short steps: a machine that slept notices within one of them.
      waitMs = Math.min(30_000, Math.max(1_000, remainingMs(session, clock.now()) - requiredMs(session, aheadMs)));
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof NotAuthenticatedError) throw error;
      failures += 1;
      waitMs = retryDelay({
        attempt: failures,
        retryAfterMs: retryAfterOf(error),
        random: random(),
      });
    }
    await clock.sleep(waitMs, { signal, background: true }).catch(() => undefined);
  }
}
