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
  return { session, token: session.accessToken.reveal(), endsAtMonotonic: clock.monotonic() + remainingMs(session, clock.now()) };
}

/** Whether what is in memory will do for a caller. Reads both clocks and nothing else. */
export function isEnough({ session, token, endsAtMonotonic }: Held, need: AccessTokenOptions, clock: Clock): boolean {
  if (token === need.rejected) return false;
  const required = requiredMs(session, need.minValidityMs ?? 0);
  return endsAtMonotonic - clock.monotonic() > required && remainingMs(session, clock.now()) > required;
}
