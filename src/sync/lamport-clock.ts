import { join } from "node:path";
import type { Clock } from "../platform/clock.ts";
import { ensurePrivateFolder, replacePrivateFile } from "../platform/private-file-changes.ts";
import { readPrivateFile } from "../platform/private-files.ts";
import { acquireProcessLock } from "../platform/process-lock/process-lock.ts";

/** A machine-wide Lamport clock: every event gets the next number, whichever process it comes from. */
export interface LamportClock {
  /** Advances by `count` and returns the first of the numbers that are now the caller's. */
  tick(count: number): Promise<number>;
  /**
   * Advances past the number of a received event: max(local, seen) + 1. A number that no honest clock reaches is
   * ignored, or one message with 2^53 in it would stop this clock for good.
   */
  observe(seen: number): Promise<void>;
}

/** One event a microsecond for nine years: far beyond every honest clock, and far below the largest safe integer. */
const highestPlausible = 2 ** 48;

/**
 * Stored in the folder of the queue. The number is in the file before it is given out, under a lock between processes: no number is used
 * twice, whichever process is killed, and whenever. That holds after a power cut too, on a file system that keeps the order of renames: the
 * event with the number is flushed after the number was renamed into place. Flushing the number itself would cost each event a quarter of
 * its time, and a file that a power cut leaves empty is handled by {@link parse}.
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
 * A file without a number was damaged, and the last number is lost: then the clock continues from the time in milliseconds, which a clock
 * that grew by one per event has not reached.
 */
function parse(text: string | undefined, clock: Clock): number {
  if (text === undefined) return 0;
  const number = /^\d{1,16}\n?$/.test(text) ? Number(text) : NaN;
  return Number.isSafeInteger(number) ? number : clock.now();
}
