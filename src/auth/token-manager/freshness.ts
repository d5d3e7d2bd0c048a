import type { Clock } from "../../platform/clock.ts";
import { remainingMs, requiredMs, type Session } from "../session.ts";

/** What a caller needs of an access token. */
export interface AccessTokenOptions {
  /** How long it must still be good, in milliseconds; at least a minute or a tenth of its life, whichever is less. */
  minValidityMs?: number;
  /** A token that the service has just answered with 401: it is replaced unless that has happened already. */
  rejected?: string;
  /** Ends this caller's wait. A refresh that others wait for goes on. */
  signal?: AbortSignal;
}

/** A session in this process's memory. */
export interface Held {
  readonly session: Session;
  readonly token: string;
  /** When it ends on the monotonic clock, which nobody sets back. */
  readonly endsAtMonotonic: number;
  /** Between these two readings of the wall clock it is enough for a caller who needs nothing special, see {@link isEnough}. */
  enoughFrom: number;
  enoughUntil: number;
}

/**
 * Takes a session into memory. Its life counts from now on both clocks: the wall clock may be set back, and the monotonic
 * one may stand still while the machine sleeps, but not both at once.
 *
 * @param previous - what is in memory so far. If that is the same token, its readings stay: they were taken closer to its issue
 */
export function hold(session: Session, previous: Held | undefined, clock: Clock): Held {
  const known = previous?.session;
  // A server may give the same token again with a new end.
  if (previous && known?.accessToken.equals(session.accessToken) && known.accessTokenExpiresAt === session.accessTokenExpiresAt) {
    return known === session ? previous : { ...previous, session };
  }
  const endsAtMonotonic = clock.monotonic() + remainingMs(session, clock.now());
  return { session, token: session.accessToken.reveal(), endsAtMonotonic, enoughFrom: 0, enoughUntil: 0 };
}

/**
 * Whether what is in memory will do for a caller.
 *
 * Looking at both clocks costs more than all else that giving out a token does. So one look is good for a second of the
 * wall clock, or for less if the token needs replacing sooner; a clock that was set back in that second is outside of it.
 */
export function isEnough(held: Held, { minValidityMs = 0, rejected }: AccessTokenOptions, clock: Clock): boolean {
  const now = clock.now();
  if (now >= held.enoughFrom && now < held.enoughUntil && minValidityMs === 0 && rejected === undefined) return true;
  if (held.token === rejected) return false;
  const left = Math.min(held.endsAtMonotonic - clock.monotonic(), remainingMs(held.session, now)) - requiredMs(held.session, minValidityMs);
  if (left <= 0) return false;
  held.enoughFrom = now;
  held.enoughUntil = now + Math.min(left, 1_000);
  return true;
}
