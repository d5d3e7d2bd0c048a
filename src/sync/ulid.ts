import { randomBytes } from "node:crypto";
import type { Clock } from "../platform/clock.ts";

/** Crockford's base 32, without I, L, O and U: survives reading aloud and retyping. */
const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/** The first digit is at most 7: 26 digits hold 130 bits, a ULID 128. */
export const ulidPattern: RegExp = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/;

/**
 * 48 bits of time in milliseconds, 80 random bits. Ids of one source always grow, also within a millisecond and after
 * the clock was set back: then by one. On overflow the carry goes into the time, where the specification demands a
 * failure.
 */
export function createUlidSource(clock: Clock): () => string {
  let last = -1n;
  return () => {
    // A custom clock may return fractions.
    const now = BigInt(Math.floor(clock.now()));
    last = now > last >> 80n ? (now << 80n) | BigInt(`0x${randomBytes(10).toString("hex")}`) : last + 1n;
    let text = "";
    for (let rest = last, digit = 0; digit < 26; digit++, rest >>= 5n)
      text = alphabet.charAt(Number(rest & 31n)) + text;
    return text;
  };
}
