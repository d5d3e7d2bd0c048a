import type { Clock } from "../../platform/clock.ts";
import type { Credential, Session } from "../sessions/session.ts";
import type { AccessToken, AccessTokenOptions } from "./access-token.ts";

/** When an access token was issued and when it expires, by the server's clock. */
type Lifetime = Pick<Session, "issuedAt" | "accessTokenExpiresAt" | "clockOffsetMs">;

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
  return remainingMs(session, now) > 0 || (session.refreshToken !== undefined && endOf(session) > now);
}

/** When a session ends as its service said, by this machine's clock; infinite when it did not say. */
export function endOf({ refreshToken, refreshTokenExpiresAt, accessTokenExpiresAt, clockOffsetMs }: Session): number {
  const ends = refreshToken === undefined ? accessTokenExpiresAt : Date.parse(refreshTokenExpiresAt ?? "");
  return ends === undefined || Number.isNaN(ends) ? Number.POSITIVE_INFINITY : ends - clockOffsetMs;
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

export type HeldToken = Credential & Lifetime;

/** A token in memory: a session's, or one that this process cannot refresh itself. */
export interface Held<Token extends HeldToken = Session> {
  readonly credential: Token;
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
 * Takes a token into memory. Its lifetime counts on both clocks: the wall clock may be set back, the monotonic one
 * may stop while the machine sleeps, but not both at once.
 *
 * @param previous - if it has the same token, its readings stay: they were taken closer to the issue
 */
export function hold<Token extends HeldToken>(
  credential: Token,
  previous: Held<Token> | undefined,
  clock: Clock,
): Held<Token> {
  const known = previous?.credential;
  // A server may give the same token again with a new expiry.
  if (
    previous &&
    known?.accessToken.equals(credential.accessToken) &&
    known.accessTokenExpiresAt === credential.accessTokenExpiresAt
  ) {
    return known === credential ? previous : { ...previous, credential, given: undefined };
  }
  const expiresAtMonotonic = clock.monotonic() + remainingMs(credential, clock.now());
  return { credential, token: credential.accessToken.reveal(), expiresAtMonotonic, enoughFrom: 0, enoughUntil: 0 };
}

/** In milliseconds, by the clock that leaves less; not positive after expiry. */
function leftMs({ credential, expiresAtMonotonic }: Held<HeldToken>, clock: Clock): number {
  return Math.min(expiresAtMonotonic - clock.monotonic(), remainingMs(credential, clock.now()));
}

/** Enough where it cannot be refreshed. */
export function isUsable(held: Held<HeldToken>, { rejected }: AccessTokenOptions, clock: Clock): boolean {
  return held.token !== rejected && leftMs(held, clock) > 0;
}

/**
 * Reading both clocks is most of the cost of giving out a token. So one reading is good for a second of the wall clock,
 * or less if the token expires sooner; a clock set back falls outside of that second.
 */
export function isEnough(
  held: Held<HeldToken>,
  { minValidityMs = 0, rejected }: AccessTokenOptions,
  clock: Clock,
): boolean {
  const now = clock.now();
  if (now >= held.enoughFrom && now < held.enoughUntil && minValidityMs === 0 && rejected === undefined) return true;
  if (held.token === rejected) return false;
  const left = leftMs(held, clock) - requiredMs(held.credential, minValidityMs);
  if (left <= 0) return false;
  held.enoughFrom = now;
  held.enoughUntil = now + Math.min(left, 1_000);
  return true;
}
