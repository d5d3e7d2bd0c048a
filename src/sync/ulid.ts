import { randomBytes } from "node:crypto";
import type { Clock } from "../platform/clock.ts";

/** Crockford's base 32: no I, L, O or U, so that an id stays the same when it is read aloud or retyped. */
const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/** The form of a ULID. The first digit is at most 7: 26 digits hold 130 bits, and a ULID has 128. */
export const ulidPattern: RegExp = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/;

/**
 * 48 bits of time in milliseconds, 80 random bits. Within one source every id is greater than the previous one, also within a millisecond
 * and after the clock was set back: it is then the previous id plus one. When the random part overflows, the carry goes into the time,
 * which keeps the order where the specification demands a failure.
 */
export function createUlidSource(clock: Clock): () => string {
  let last = -1n;
  return () => {
    // A clock that was passed in may return fractions of a millisecond.
    const now = BigInt(Math.floor(clock.now()));
    last = now > last >> 80n ? (now << 80n) | BigInt(`0x${randomBytes(10).toString("hex")}`) : last + 1n;
    let text = "";
    for (let rest = last, digit = 0; digit < 26; digit++, rest >>= 5n)
      text = alphabet.charAt(Number(rest & 31n)) + text;
    return text;
  };
}
