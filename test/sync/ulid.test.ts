import assert from "node:assert/strict";
import { test } from "node:test";
import { createUlidSource, ulidPattern } from "../../src/sync/ulid.ts";
import { standingClock } from "./support.ts";

test("a ULID begins with the time in Crockford's base 32", () => {
  // The example of the ULID specification: 01ARZ3NDEK is this moment.
  assert.equal(createUlidSource(standingClock(1_469_922_850_259))().slice(0, 10), "01ARZ3NDEK");
});

test("ten thousand ULIDs of one millisecond are different and in order", () => {
  const next = createUlidSource(standingClock());
  const ids = Array.from({ length: 10_000 }, next);
  assert.deepEqual(ids, [...new Set(ids)].sort());
  assert.ok(ids.every((id) => ulidPattern.test(id)));
});

test("a clock that is set back does not reverse the order", () => {
  const clock = standingClock();
  const next = createUlidSource(clock);
  const before = next();
  clock.advance(-3_600_000);
  assert.ok(next() > before);
});

test("two sources share nothing but the time", () => {
  const clock = standingClock();
  assert.notEqual(createUlidSource(clock)().slice(10), createUlidSource(clock)().slice(10));
});
