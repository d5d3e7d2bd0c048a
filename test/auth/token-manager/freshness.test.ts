import assert from "node:assert/strict";
import { test } from "node:test";
import { sessionTokens } from "../../../src/auth/sessions/session-tokens.ts";
import type { Session } from "../../../src/auth/sessions/session.ts";
import { hold, isAlive, isEnough, remainingMs, requiredMs } from "../../../src/auth/token-manager/freshness.ts";
import { Secret } from "../../../src/base/secret.ts";
import { ManualClock } from "../../helpers/manual-clock.ts";

const minute = 60_000;
const hour = 60 * minute;
const start = 1_700_000_000_000;

/** Issued at the start. */
function session({ lifeMs = hour, ...more }: Partial<Session> & { lifeMs?: number } = {}): Session {
  return {
    accessToken: new Secret("at_1"),
    refreshToken: new Secret("rt_1"),
    issuedAt: start,
    accessTokenExpiresAt: start + lifeMs,
    refreshTokenExpiresAt: undefined,
    clockOffsetMs: 0,
    ...more,
  } as Session;
}

test("FR-009 a token is enough until a minute before its end, or a tenth of its life, whichever is later", () => {
  assert.equal(requiredMs(session(), 0), minute);
  assert.equal(requiredMs(session({ lifeMs: 5 * minute }), 0), minute / 2);
  assert.equal(requiredMs(session(), 10 * minute), 10 * minute, "or as long as the caller says");
  assert.equal(
    requiredMs(session(), 24 * hour),
    hour - minute,
    "and never so long that a new token would not be enough",
  );
});

test("FR-009 what is left of a token counts by the server's clock, and is infinite where it is unknown", () => {
  assert.equal(remainingMs(session(), start + 50 * minute), 10 * minute);
  assert.equal(remainingMs(session({ clockOffsetMs: -2 * hour }), start + 2 * hour), hour);
  assert.equal(remainingMs(session({ accessTokenExpiresAt: undefined }), start + 24 * hour), Infinity);
});

test("NFR-008 a clock that was set back says nothing of what is left; one that is a little behind does", () => {
  assert.equal(
    remainingMs(session(), start - minute),
    hour + minute,
    "a margin is the difference that clocks may have",
  );
  assert.equal(remainingMs(session(), start - minute - 1), 0);
});

test("FR-009 a token in memory expires by whichever clock runs further", () => {
  const clock = new ManualClock(start);
  const held = hold(session(), undefined, clock);
  const isStillEnough = (wallMs: number, monotonicMs: number): boolean => {
    clock.wall = start + wallMs;
    clock.elapsed = monotonicMs;
    return isEnough({ ...held }, {}, clock);
  };
  assert.equal(isStillEnough(58 * minute, 58 * minute), true);
  assert.equal(isStillEnough(60 * minute, 0), false, "the machine was asleep, and the monotonic clock with it");
  assert.equal(isStillEnough(0, 60 * minute), false, "the wall clock was set back");
});

test("FR-009 one look at the clocks is good for a second, for less near the end, and not for a caller with needs", () => {
  const clock = new ManualClock(start);
  const held = hold(session({ lifeMs: 10 * minute }), undefined, clock);
  clock.pass(8 * minute + 59_500);
  assert.equal(isEnough(held, {}, clock), true);
  clock.pass(400);
  assert.equal(isEnough(held, {}, clock), true);
  assert.equal(isEnough(held, { minValidityMs: 2 * minute }, clock), false);
  assert.equal(isEnough(held, { rejected: "at_1" }, clock), false);
  clock.pass(100);
  assert.equal(isEnough(held, {}, clock), false);

  const long = hold(
    session({ lifeMs: 24 * hour, issuedAt: clock.now(), accessTokenExpiresAt: clock.now() + 24 * hour }),
    undefined,
    clock,
  );
  assert.equal(isEnough(long, {}, clock), true);
  clock.elapsed += 24 * hour;
  clock.wall += 999;
  assert.equal(isEnough(long, {}, clock), true, "the same second");
  clock.wall += 1;
  assert.equal(isEnough(long, {}, clock), false, "the next second the clock was set back in");
});

test("a token that is given again keeps its readings of the clocks, unless it has a new expiry", () => {
  const clock = new ManualClock(start);
  const first = hold(session(), undefined, clock);
  clock.pass(minute);
  assert.equal(hold(session(), first, clock).expiresAtMonotonic, first.expiresAtMonotonic);
  const longer = hold(session({ lifeMs: 2 * hour }), first, clock);
  assert.equal(longer.expiresAtMonotonic, 2 * hour);
});

test("a session is alive while one of its tokens is, as far as known", () => {
  const gone = start + 2 * hour;
  assert.equal(isAlive(session({ refreshToken: undefined }), start), true);
  assert.equal(isAlive(session({ refreshToken: undefined }), gone), false);
  assert.equal(isAlive(session(), gone), true, "only the service knows");
  const until = (ms: number): Session => session({ refreshTokenExpiresAt: new Date(start + ms).toISOString() });
  assert.deepEqual([isAlive(until(3 * hour), gone), isAlive(until(hour), gone)], [true, false]);
});

test("C-012 what a refresh does not bring stays: the refresh token, and what is known of its expiry", () => {
  const answer = {
    access_token: new Secret("at_2"),
    token_type: "Bearer",
    expires_in: 3600,
    refresh_token: undefined,
    refresh_token_expires_at: undefined,
    refresh_token_expires_in: undefined,
    scope: undefined,
    session_id: undefined,
    id_token: undefined,
    date: undefined,
  } as const;
  const ends = new Date(start + 24 * hour).toISOString();
  const before = { ...session({ refreshTokenExpiresAt: ends }), refreshes: 3, scope: "a b", sessionId: "s" };
  const kept = sessionTokens(answer, start, before);
  assert.equal(kept.refreshToken, before.refreshToken);
  assert.deepEqual([kept.refreshTokenExpiresAt, kept.scope, kept.sessionId, kept.refreshes], [ends, "a b", "s", 4]);
  const rotated = sessionTokens({ ...answer, refresh_token: new Secret("rt_2") }, start, before);
  assert.equal(rotated.refreshTokenExpiresAt, undefined, "that was the other one's");
  const offsetWith = (date: number): number => sessionTokens({ ...answer, date }, start, before).clockOffsetMs;
  assert.deepEqual(
    [start, start + minute, start - minute - 1, start + 2 * hour, start + 200 * 365 * 24 * hour].map(offsetWith),
    [0, 0, -minute - 1, 2 * hour, 0],
    "a minute is no difference, and two centuries are no clock",
  );
});
