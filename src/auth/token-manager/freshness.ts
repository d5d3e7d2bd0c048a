import type { Clock } from "../../platform/clock.ts";
import type { Session } from "../sessions/session.ts";
import type { AccessToken, AccessTokenOptions } from "./access-token.ts";

/** When an access token was issued and when it expires, by the server's clock. */
export type Lifetime = Pick<Session, "issuedAt" | "accessTokenExpiresAt" | "clockOffsetMs">;

/**
 * How long the access token is still valid, in milliseconds; not positive when it expired, infinite when nobody knows. `now`: this
 * machine's clock.
 */
export function remainingMs(session: Lifetime, now: number): number {
  if (session.accessTokenExpiresAt === undefined) return Number.POSITIVE_INFINITY;
  return isBeforeIssue(session, now) ? 0 : session.accessTokenExpiresAt - now - session.clockOffsetMs;
}

/** Received in the future: the clock has been set back since, and says nothing about how much of the lifetime is left. */
export function isBeforeIssue(session: Lifetime, now: number): boolean {
  return now + session.clockOffsetMs < session.issuedAt - marginMs(session);
}

/** Whether a session can still be used, or refreshed, as far as this machine can tell. */
export function isAlive(session: Session, now: number): boolean {
  return remainingMs(session, now) > 0 || (session.refreshToken !== undefined && refreshRemainingMs(session, now) > 0);
}

/** How long the refresh token is still valid, in milliseconds; infinite when only the service knows. */
export function refreshRemainingMs({ refreshTokenExpiresAt: ends, clockOffsetMs }: Session, now: number): number {
  return ends === undefined ? Infinity : Date.parse(ends) - now - clockOffsetMs;
}

/** A login that expires sooner than this is worth a warning. */
export const soonMs: number = 3 * 86_400_000;

/**
 * How long an access token must stay valid to be given out: what the caller asks for, at least a minute or a tenth of the
 * token's lifetime, whichever is less, and never so long that a new token would not be enough either.
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

/** A session in memory. */
export interface HeldSession {
  readonly session: Session;
  readonly token: string;
  /** When the token expires on the monotonic clock, which nobody sets back. */
  readonly expiresAtMonotonic: number;
  /** Between these two readings of the wall clock the token is enough for a caller without special needs. */
  enoughFrom: number;
  enoughUntil: number;
  /** What callers get, made once. */
  given?: { readonly text: Promise<string>; readonly token: Promise<AccessToken> } | undefined;
}

/**
 * Takes a session into memory. Its lifetime counts from now on both clocks: the wall clock may be set back, and the monotonic
 * one may stand still while the machine sleeps, but not both at once.
 *
 * @param previous - what is in memory so far. If that is the same token, its readings stay: they were taken closer to its issue
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

/** How long what is in memory is still valid, by the clock that leaves less; not positive when it expired. */
export function leftMs({ session, expiresAtMonotonic }: HeldSession, clock: Clock): number {
  return Math.min(expiresAtMonotonic - clock.monotonic(), remainingMs(session, clock.now()));
}

/**
 * Whether what is in memory is enough for a caller.
 *
 * Reading both clocks costs more than everything else that giving out a token takes. So one reading is good for a second of the
 * wall clock, or for less if the token needs replacing sooner; a clock that was set back in that second is outside of it.
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
