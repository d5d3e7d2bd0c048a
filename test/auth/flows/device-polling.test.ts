import assert from "node:assert/strict";
import { test } from "node:test";
import {
  nextPoll,
  startPolling,
  timeLeft,
  type ClockReading,
  type PollState,
  type PollWait,
} from "../../../src/auth/flows/device-polling.ts";
import type { TokenResponse } from "../../../src/auth/oauth/token-endpoint.ts";
import { AuthError, ServiceError, type AuthErrorCode } from "../../../src/base/errors.ts";
import { Secret } from "../../../src/base/secret.ts";
import { hintOf } from "../../helpers/hint.ts";

const again = "Try again";

const tokens: TokenResponse = {
  access_token: new Secret("at_1"),
  token_type: "Bearer",
  expires_in: 3600,
  refresh_token: new Secret("rt_1"),
  refresh_token_expires_at: undefined,
  refresh_token_expires_in: undefined,
  scope: undefined,
  session_id: undefined,
  id_token: undefined,
  date: undefined,
};
type Answer = Parameters<typeof nextPoll>[1];
const says = (error: string, status = 400, retryAfterMs?: number): Answer => ({
  error: new ServiceError("service_rejected", "told", { hint: again, error, status, retryAfterMs }),
});
const pending = says("authorization_pending");
const slowDown = says("slow_down");
const lost: Answer = { error: new ServiceError("network_unavailable", "lost", { hint: again }) };
const broken = (retryAfterMs?: number, status = 503): Answer => ({
  error: new ServiceError("service_unavailable", "broken", { hint: again, status, retryAfterMs }),
});

const minutes = 60_000;
const authorization = { expires_in: 900, interval: 5 };
const at = (ms: number): ClockReading => ({ wall: 1_750_000_000_000 + ms, monotonic: 5000 + ms });
const later = ({ wall, monotonic }: ClockReading, ms: number): ClockReading => ({
  wall: wall + ms,
  monotonic: monotonic + ms,
});

function waiting(state: PollState): PollWait {
  assert.equal(state.kind, "wait", state.kind === "failed" ? String(state.error) : state.kind);
  return state as PollWait;
}
function code(state: PollState): AuthErrorCode {
  assert.equal(state.kind, "failed");
  assert.ok(state.kind === "failed" && state.error instanceof AuthError);
  return state.error.code;
}
/** Waits, then gets that response at once. */
const step = (state: PollState, answer: Answer, random = 0.5): PollState => {
  const current = waiting(state);
  assert.ok(current.reading.monotonic < at(24 * 60 * minutes).monotonic, "it polls for a day");
  return nextPoll(current, answer, later(current.reading, current.ms), random);
};
const steps = (answers: Answer[], from: PollState = startPolling(authorization, at(0))): PollState =>
  answers.reduce((state, answer) => step(state, answer), from);

test("FR-018 the server's interval is respected, for the first poll and for every later one", () => {
  assert.equal(waiting(startPolling(authorization, at(0))).ms, 5000);
  assert.equal(waiting(steps([pending, pending, pending])).ms, 5000);
  assert.equal(waiting(steps([pending], startPolling({ ...authorization, interval: 7 }, at(0)))).ms, 7000);
});

test("FR-018 an interval beyond 10 seconds is capped at 10", () => {
  assert.equal(waiting(startPolling({ ...authorization, interval: 60 }, at(0))).ms, 10_000);
});

test("an interval near zero does not become a busy loop", () => {
  assert.equal(waiting(startPolling({ ...authorization, interval: 0.001 }, at(0))).ms, 1000);
});

test("FR-018 slow_down adds 5 seconds for good, each time, beyond the cap too", () => {
  assert.equal(waiting(steps([slowDown])).ms, 10_000);
  assert.equal(waiting(steps([slowDown, pending, pending])).ms, 10_000);
  assert.equal(waiting(steps([slowDown, pending, slowDown, lost, pending])).ms, 15_000);
});

test("FR-018 slow_down from a server whose interval was capped counts from that server's interval", () => {
  const start = startPolling({ ...authorization, interval: 14 }, at(0));
  assert.equal(waiting(steps([slowDown, pending], start)).ms, 19_000);
  assert.equal(waiting(steps([slowDown, slowDown, pending], start)).ms, 24_000);
});

test("slow_down is recognized by its name, whatever its status, and a Retry-After with it is obeyed", () => {
  const told: Answer = {
    error: new ServiceError("service_unavailable", "told", {
      hint: again,
      error: "slow_down",
      status: 429,
      retryAfterMs: 30_000,
    }),
  };
  const state = waiting(steps([told]));
  assert.equal(state.ms, 30_000);
  assert.equal(waiting(step(state, pending)).ms, 10_000);
});

test("the interval starts at the response, however slow that was", () => {
  const first = waiting(startPolling(authorization, at(0)));
  const second = waiting(nextPoll(first, pending, at(5000 + 9000), 0.5));
  assert.deepEqual([second.ms, second.reading, second.leftMs], [5000, at(14_000), 886_000]);
});

test("lost connections and 5xx are retried, each time later by 1, 2, 4 … 60 seconds on top of the interval", () => {
  for (const answer of [lost, broken()]) {
    let state = startPolling(authorization, at(0));
    const waits = [0, 0, 0, 0, 0, 0, 0, 0].map((random) => waiting((state = step(state, answer, random))).ms);
    assert.deepEqual(waits, [6000, 7000, 9000, 13_000, 21_000, 37_000, 65_000, 65_000]);
  }
});

test("a response ends the back-off", () => {
  assert.equal(waiting(steps([lost, lost, lost, pending])).ms, 5000);
  assert.equal(waiting(steps([lost, lost, lost, pending, lost])).ms, 5750);
});

test("clients that lost the same server do not return together, and none before its interval", () => {
  const waits = [0, 0.25, 0.5, 0.999].map((random) => waiting(step(steps([lost, lost, lost]), lost, random)).ms);
  assert.equal(new Set(waits).size, 4);
  for (const ms of waits) assert.ok(ms > 5000 && ms <= 13_000, String(ms));
});

test("429 waits as long as Retry-After says, and never less than the interval", () => {
  assert.equal(waiting(steps([broken(42_000, 429)])).ms, 42_000);
  assert.equal(waiting(steps([broken(1000, 429)])).ms, 5000);
  assert.equal(waiting(steps([broken(0, 429)])).ms, 5000);
});

test("a server that asks for more time than the code has left ends the login at once", () => {
  assert.equal(code(steps([broken(900_000, 429)])), "timed_out");
});

test("the back-off ends one interval before the code expires, so that the last try is not lost", () => {
  const start = waiting(startPolling({ expires_in: 30, interval: 5 }, at(0)));
  const state = waiting(nextPoll({ ...start, failures: 6 }, lost, at(5000), 0));
  assert.deepEqual([state.ms, state.leftMs], [20_000, 25_000]);
});

test("tokens end the polling, even if the code has expired by these clocks", () => {
  const state = nextPoll(waiting(startPolling(authorization, at(0))), { tokens }, at(16 * minutes), 0.5);
  assert.deepEqual(state, { kind: "done", tokens });
});

const ends: [error: string, status: number, code: AuthErrorCode][] = [
  ["expired_token", 400, "timed_out"],
  ["access_denied", 400, "access_denied"],
  ["access_denied", 403, "access_denied"],
  ["invalid_grant", 400, "service_rejected"],
];
for (const [error, status, expected] of ends)
  test(`${status} ${error} ends the polling, and the hint is the next command`, () => {
    const state = steps([pending, says(error, status)]);
    assert.equal(code(state), expected);
    assert.ok(state.kind === "failed" && state.error instanceof AuthError);
    assert.match(hintOf(state.error), /spec-kitty auth login --headless/);
  });

test("a permanent error ends the polling unchanged: a wrong configuration, an invalid response, an interruption", () => {
  const errors = [
    new ServiceError("service_rejected", "told", { hint: again, error: "invalid_client", status: 401 }),
    new ServiceError("service_answer_invalid", "told", { hint: again, status: 200 }),
    new AuthError("interrupted", "interrupted", { hint: again }),
    new DOMException("stop", "AbortError"),
  ];
  for (const error of errors) assert.deepEqual(steps([{ error }]), { kind: "failed", error });
});

test("NFR-003 polling ends with the code's lifetime, and no poll is made after it", () => {
  for (const expires_in of [2, 5, 12, 60, 899]) {
    let state = startPolling({ expires_in, interval: 5 }, at(0));
    let polls = 0;
    for (; state.kind === "wait"; polls++) state = step(state, pending);
    assert.equal(code(state), "timed_out");
    assert.equal(polls, Math.ceil(expires_in / 5) - 1, `${expires_in} s`);
  }
});

test("NFR-003 a code that lives longer than 15 minutes is polled for 15 minutes", () => {
  let state = startPolling({ expires_in: 86_400, interval: 5 }, at(0));
  let now = at(0);
  for (; state.kind === "wait"; state = step(state, pending)) now = later(state.reading, state.ms);
  assert.equal(now.monotonic - at(0).monotonic, 15 * minutes - 5000);
});

test("NFR-003 polling a server that never responds ends when the code expires", () => {
  let state = startPolling(authorization, at(0));
  let now = at(0);
  for (; state.kind === "wait"; state = step(state, lost)) now = later(state.reading, state.ms);
  assert.equal(code(state), "timed_out");
  assert.ok(now.monotonic - at(0).monotonic > 14.5 * minutes, "the last try comes close to the end");
});

test("NFR-003 time asleep counts, although the monotonic clock stood still", () => {
  const first = waiting(startPolling(authorization, at(0)));
  const awake = { wall: first.reading.wall + 10 * minutes, monotonic: first.reading.monotonic + 5000 };
  assert.equal(timeLeft(first, awake), 5 * minutes);
  const second = waiting(nextPoll(first, lost, awake, 0.5));
  assert.equal(second.leftMs, 5 * minutes);
  assert.equal(timeLeft(first, { ...awake, wall: first.reading.wall + 15 * minutes }), 0);
  assert.equal(code(nextPoll(first, lost, { ...awake, wall: first.reading.wall + 15 * minutes }, 0.5)), "timed_out");
});

test("FR-018 after a sleep the interval is the server's again: no burst of missed polls, and no pause", () => {
  const first = waiting(startPolling(authorization, at(0)));
  const awake = { wall: first.reading.wall + 10 * minutes, monotonic: first.reading.monotonic + 5000 };
  const second = waiting(nextPoll(first, pending, awake, 0.5));
  assert.equal(second.ms, 5000);
  const third = waiting(step(second, pending));
  assert.equal(third.ms, 5000);
  assert.equal(third.leftMs, 5 * minutes - 5000, "the time asleep is counted once");
});

test("NFR-003 setting the wall clock back does not make the code younger, not even again and again", () => {
  let state = startPolling(authorization, at(0));
  for (let polls = 1; state.kind === "wait"; polls++) {
    assert.ok(polls < 200);
    const reading: ClockReading = {
      wall: state.reading.wall - 60 * minutes,
      monotonic: state.reading.monotonic + state.ms,
    };
    state = nextPoll(state, pending, reading, 0.5);
  }
  assert.equal(code(state), "timed_out");
});

test("FR-018 NFR-003 whatever the responses and clocks do, no wait is shorter than the interval or outlives the code", () => {
  const answers = [
    pending,
    slowDown,
    lost,
    broken(),
    broken(3000, 429),
    broken(20_000, 429),
    says("slow_down", 429, 1000),
  ];
  let seed = 1;
  const random = (): number => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) / 2 ** 32;
  for (let run = 0; run < 500; run++) {
    const interval = Math.floor(random() * 20) + 0.5;
    let state = startPolling({ expires_in: 1 + random() * 2000, interval }, at(0));
    let floor = Math.min(Math.max(interval * 1000, 1000), 10_000);
    let elapsed = 0;
    while (state.kind === "wait") {
      assert.ok(state.ms >= floor, `${state.ms} < ${floor}`);
      assert.ok(state.ms < state.leftMs);
      const answer: Answer = answers[Math.floor(random() * answers.length)] ?? pending;
      if ("error" in answer && (answer.error as ServiceError).error === "slow_down")
        floor = Math.max(floor, interval * 1000) + 5000;
      const slept = random() < 0.1 ? random() * 3 * minutes : 0;
      const took = state.ms + random() * 10_000;
      elapsed += took + slept;
      const { wall, monotonic }: ClockReading = state.reading;
      const before: number = state.leftMs;
      state = nextPoll(state, answer, { wall: wall + took + slept, monotonic: monotonic + took }, random());
      if (state.kind === "wait") {
        assert.ok(Math.abs(before - state.leftMs - took - slept) < 1, "every second counts once");
        assert.ok(elapsed + state.ms < 15 * minutes);
      }
    }
    assert.equal(code(state), "timed_out");
  }
});
