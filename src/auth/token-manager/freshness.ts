import type { Clock } from "../../platform/clock.ts";
import type { Session } from "../sessions/session.ts";
import type { AccessToken, AccessTokenOptions } from "./access-token.ts";

/** When an access token was issued and when it expires, by the server's clock. */
export type Lifetime = Pick<Session, "issuedAt" | "accessTokenExpiresAt" | "clockOffsetMs">;

/** In milliseconds; not positive after expiry, infinite if unknown. `now`: this machine's clock. */
export function remainingMs(session: Lifetime, now: number): number {
  if (session.accessTokenExpiresAt === undefined) return Number.POSITIVE_INFINITY;
  return isBeforeIssue(session, now) ? 0 : session.accessTokenExpiresAt - now - session.clockOffsetMs;
}

/** Issued in the future: the clock was set back since, and says nothing about what is left. */
export function isBeforeIssue(session: Lifetime, now: number): boolean {
  return now + session.clockOffsetMs < session.issuedAt - marginMs(session);
}

/** Whether a session can still be used or refreshed, by this machine's clock. */
export function isAlive(session: Session, now: number): boolean {
  return remainingMs(session, now) > 0 || (session.refreshToken !== undefined && refreshRemainingMs(session, now) > 0);
}

/** In milliseconds; infinite when only the service knows. */
export function refreshRemainingMs({ refreshTokenExpiresAt: ends, clockOffsetMs }: Session, now: number): number {
  return ends === undefined ? Infinity : Date.parse(ends) - now - clockOffsetMs;
}

/** A login that expires sooner is worth a warning. */
export const soonMs: number = 3 * 86_400_000;

/**
 * The validity that a caller gets at least: what it asks for, but no less than a minute or a tenth of the lifetime (the
 * smaller), and no more than a new token has.
 */
export function requiredMs(session: Lifetime, minValidityMs: number): number {
  const margin = marginMs(session);
  return Math.max(margin, Math.min(minValidityMs, lifetimeMs(session) - margin));
}

function marginMs(session: Lifetime): number {
  return Math.min(60_000, lifetimeMs(session) / 10);
}

function lifetimeMs(session: Lifetime): number {
  return (session.accessTokenExpiresAt ?? Number.POSITIVE_INFINITY) - session.issuedAt;
}

export interface HeldSession {
  readonly session: Session;
  readonly token: string;
  /** On the monotonic clock, which nobody sets back. */
  readonly expiresAtMonotonic: number;
  /** Between these two wall-clock readings the token satisfies a caller without special needs. */
  enoughFrom: number;
  enoughUntil: number;
  /** Made once for all callers. */
  given?: { readonly text: Promise<string>; readonly token: Promise<AccessToken> } | undefined;
}

/**
 * Takes a session into memory. Its lifetime counts on both clocks: the wall clock may be set back, the monotonic one
 * may stop while the machine sleeps, but not both at once.
 *
 * @param previous - if it has the same token, its readings stay: they were taken closer to the issue
 */
export function hold(session: Session, previous: HeldSession | undefined, clock: Clock): HeldSession {
  const known = previous?.session;
  // A server may give the same token again with a new expiry.
  if (
    previous &&
    known?.accessToken.equals(session.accessToken) &&
    known.accessTokenExpiresAt === session.accessTokenExpiresAt
  ) {
    return known === session ? previous : { ...previous, session, given: undefined };
  }
  const expiresAtMonotonic = clock.monotonic() + remainingMs(session, clock.now());
  return { session, token: session.accessToken.reveal(), expiresAtMonotonic, enoughFrom: 0, enoughUntil: 0 };
}

/** In milliseconds, by the clock that leaves less; not positive after expiry. */
export function leftMs({ session, expiresAtMonotonic }: HeldSession, clock: Clock): number {
  return Math.min(expiresAtMonotonic - clock.monotonic(), remainingMs(session, clock.now()));
}

/**
 * Whether the held token satisfies a caller.
 *
 * Reading both clocks is most of the cost of giving out a token. So one reading is good for a second of the wall clock,
 * or less if the token expires sooner; a clock set back falls outside of that second.
 */
export function isEnough(
  held: HeldSession,
  { minValidityMs = 0, rejected }: AccessTokenOptions,
  clock: Clock,
): boolean {
  const now = clock.now();
  if (now >= held.enoughFrom && now < held.enoughUntil && minValidityMs === 0 && rejected === undefined) return true;
  if (held.token === rejected) return false;
  const left = leftMs(held, clock) - requiredMs(held.session, minValidityMs);
  if (left <= 0) return false;
  held.enoughFrom = now;
  held.enoughUntil = now + Math.min(left, 1_000);
  return true;
}
