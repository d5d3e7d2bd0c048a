import { randomBytes } from "node:crypto";
import type { Clock } from "../platform/clock.ts";

/** Crockford's base 32: no I, L, O or U, so that an id read aloud or retyped is the same id. */
const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/** What a ULID looks like. The first digit ends at 7: 26 digits hold 130 bits, two more than there are. */
export const ulidPattern: RegExp = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/;

/**
 * A source of ULIDs: 48 bits of time in milliseconds, 80 random bits, 26 characters that sort as they were made.
 *
 * Within one source every id is greater than the one before, also within a millisecond and after the clock was set
 * back: the id before, plus one. The carry runs into the time when the random part overflows, which keeps the order
 * where the specification would have us fail.
 *
 * @param clock - for the time
 */
export function createUlidSource(clock: Clock): () => string {
  let last = -1n;
  return () => {
    // A clock that was passed in may know parts of a millisecond.
    const now = BigInt(Math.floor(clock.now()));
    last = now > last >> 80n ? (now << 80n) | BigInt(`0x${randomBytes(10).toString("hex")}`) : last + 1n;
    let text = "";
    for (let rest = last, digit = 0; digit < 26; digit++, rest >>= 5n) text = alphabet.charAt(Number(rest & 31n)) + text;
    return text;
  };
}
