/**
 * Whether an answer of this status may be another one the next time: 408, 429, and 5xx but 501, which is a "no" to what was
 * asked and stays one (RFC 9110 §15.6.2).
 */
export function isTransientStatus(status: number): boolean {
  return status === 408 || status === 429 || (status >= 500 && status !== 501);
}

/** The facts that the next try depends on. */
export interface RetryFacts {
  /** How many tries have failed so far: 1 after the first. */
  attempt: number;
  /** What the service asked for, in milliseconds; undefined when it did not. */
  retryAfterMs?: number | undefined;
  /** A number from 0 to 1, so that clients that failed together do not come back together. */
  random: number;
}

/**
 * How long to wait before the next try: what the service asked for, else 1, 2, 4 … 60 s, each shortened by up to a half.
 *
 * @returns milliseconds
 */
export function retryDelay({ attempt, retryAfterMs, random }: RetryFacts): number {
  // A day at most: timers run out of range after 25, and then fire at once.
  if (retryAfterMs !== undefined) return Math.min(retryAfterMs, 86_400_000);
  return Math.min(1000 * 2 ** (attempt - 1), 60_000) * (1 - random / 2);
}
