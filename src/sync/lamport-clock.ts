import { join } from "node:path";
import type { Clock } from "../platform/clock.ts";
import { ensurePrivateFolder, replacePrivateFile } from "../platform/private-file-changes.ts";
import { readPrivateFile } from "../platform/private-files.ts";
import { acquireProcessLock } from "../platform/process-lock/process-lock.ts";

/** Machine-wide: each event of any process gets the next number. */
export interface LamportClock {
  /** @returns the caller's first number */
  tick(count: number): Promise<number>;
  /** max(local, seen) + 1. Implausible numbers are ignored, or a message with 2^53 would stop this clock for good. */
  observe(seen: number): Promise<void>;
}

/** One event a microsecond for nine years: beyond every honest clock, and far below the largest safe integer. */
const highestPlausible = 2 ** 48;

/**
 * Under a lock, the number is in the file before it is given out: none is used twice, even after a kill. That survives
 * a power failure too, if the file system keeps the order of renames: the event is flushed after its number was renamed
 * into place. Flushing the number itself would cost a quarter of an event's time, and {@link parse} handles an empty
 * file.
 */
export function createLamportClock(folder: string, clock: Clock): LamportClock {
  const path = join(folder, "lamport-clock");
  const advance = async (next: (current: number) => number): Promise<number> => {
    ensurePrivateFolder(folder);
    const lock = await acquireProcessLock(`${path}.lock`, { clock, timeoutMs: 10_000 });
    try {
      const current = parse(readPrivateFile(path)?.toString("utf8"), clock);
      replacePrivateFile(path, `${next(current)}\n`, { flush: false });
      return current;
    } finally {
      lock.release();
    }
  };
  return {
    tick: async (count) => (await advance((current) => current + count)) + 1,
    observe: async (seen) => {
      if (Number.isSafeInteger(seen) && seen >= 0 && seen <= highestPlausible)
        await advance((current) => Math.max(current, seen) + 1);
    },
  };
}

/**
 * A damaged file has lost its number: the clock continues from the time in milliseconds, beyond any count of events.
 */
function parse(text: string | undefined, clock: Clock): number {
  if (text === undefined) return 0;
  const number = /^\d{1,16}\n?$/.test(text) ? Number(text) : NaN;
  return Number.isSafeInteger(number) ? number : clock.now();
}
