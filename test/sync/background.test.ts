import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import { test } from "node:test";
import { type AuthError, ServiceError } from "../../src/base/errors.ts";
import { startBackground } from "../../src/sync/background.ts";
import { standingClock } from "./support.ts";

function stage(answers: (AuthError | undefined)[] = []): {
  clock: ReturnType<typeof standingClock>;
  drains: () => number;
  background: ReturnType<typeof startBackground>;
  hold: { until?: Promise<void> };
  aborted: unknown[];
  facts: { last: boolean };
} {
  const clock = standingClock();
  let drains = 0;
  const hold: { until?: Promise<void> } = {};
  const aborted: unknown[] = [];
  const facts = { last: false };
  const drain = async (signal: AbortSignal): Promise<AuthError | undefined> => {
    drains++;
    signal.addEventListener("abort", () => aborted.push(signal.reason));
    if (hold.until)
      await Promise.race([hold.until, new Promise((resolve) => signal.addEventListener("abort", resolve))]);
    return answers.shift();
  };
  const background = startBackground({
    drain,
    clock,
    intervalMs: 60_000,
    keepAlive: false,
    isLast: () => facts.last,
    random: () => 0,
  });
  return { clock, drains: () => drains, background, hold, aborted, facts };
}

test("it drains at once, and again after each interval", async () => {
  const { clock, drains, background } = stage();
  await setImmediate();
  assert.equal(drains(), 1);
  for (let n = 2; n < 5; n++) {
    clock.advance(59_999);
    await setImmediate();
    assert.equal(drains(), n - 1);
    clock.advance(1);
    await setImmediate();
    assert.equal(drains(), n);
  }
  await background.stop(AbortSignal.timeout(1000));
});

test("a wake-up starts a drain at once, and wake-ups during a drain start one more", async () => {
  const { drains, background, hold } = stage();
  await setImmediate();
  let release = (): void => undefined;
  hold.until = new Promise((resolve) => (release = resolve));
  background.wake();
  await setImmediate();
  assert.equal(drains(), 2);
  background.wake();
  background.wake();
  release();
  await setImmediate();
  assert.equal(drains(), 3);
  await background.stop(AbortSignal.timeout(1000));
});

test("after failures it waits 1, 2, 4 s, or as long as the service asked, despite wake-ups; then the interval again", async () => {
  const down = new ServiceError("service_unavailable", "down", { hint: "Try again" });
  const busy = new ServiceError("service_unavailable", "busy", { hint: "Try again", retryAfterMs: 90_000 });
  const { clock, drains, background } = stage([down, down, down, busy, undefined]);
  await setImmediate();
  let expected = 1;
  for (const ms of [1000, 2000, 4000, 90_000, 60_000]) {
    assert.deepEqual(clock.sleeping, [ms]);
    if (ms !== 60_000) background.wake();
    clock.advance(ms - 1);
    await setImmediate();
    assert.equal(drains(), expected);
    clock.advance(1);
    await setImmediate();
    assert.equal(drains(), ++expected);
  }
  await background.stop(AbortSignal.timeout(1000));
});

test("a stop waits for the running drain, and begins no other", async () => {
  const { clock, drains, background, hold, aborted } = stage();
  await setImmediate();
  let release = (): void => undefined;
  hold.until = new Promise((resolve) => (release = resolve));
  background.wake();
  await setImmediate();
  const stopped = background.stop(new AbortController().signal);
  release();
  await stopped;
  clock.advance(1_000_000);
  await setImmediate();
  assert.deepEqual([drains(), aborted, clock.sleeping], [2, [], []]);
});

test("the deadline of a stop cuts a drain short", async () => {
  const { background, hold, aborted } = stage();
  hold.until = new Promise(() => undefined);
  await setImmediate();
  background.wake();
  await setImmediate();
  const deadline = new AbortController();
  void background.stop(deadline.signal);
  deadline.abort("late");
  assert.deepEqual(aborted.at(-1), "late");
});

test("a drain that is all the process waits for is given up after 5 s, and there is no final drain then", async () => {
  const { clock, background, hold, aborted, facts } = stage();
  await setImmediate();
  hold.until = new Promise(() => undefined);
  background.wake();
  await setImmediate();
  const look = async (times: number): Promise<void> => {
    for (let n = 0; n < times; n++) {
      clock.advance(500);
      await setImmediate();
    }
  };
  await look(100);
  facts.last = true;
  await look(9);
  facts.last = false;
  await look(1);
  facts.last = true;
  await look(9);
  assert.equal(aborted.length, 0);
  await look(1);
  assert.match(String(aborted[0]), /nothing left to do/);
  assert.equal(await background.stop(AbortSignal.timeout(1000)), false);
});
