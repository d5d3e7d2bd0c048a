import assert from "node:assert/strict";
import { test } from "node:test";
import {
  flag,
  isJsonObject,
  memberReader,
  number,
  seconds,
  text,
  textOf,
  texts,
  type Kind,
} from "../../src/http/json-members.ts";

const reader = (object: Record<string, unknown>): ReturnType<typeof memberReader> =>
  memberReader(object, (name, expected) => new Error(`"${name}" is not ${expected}`));

const kinds: [kind: Kind<unknown>, good: unknown[], bad: unknown[]][] = [
  [text, ["a", " a "], ["", " \n", "\u200b\u001b", 7, true, {}, ["a"]]],
  [number, [0, -1, 1.5], ["1", Infinity, NaN, true]],
  [seconds, [1, 0.5], [0, -1, "a minute", "0", "-60", "1e3", NaN]],
  [flag, [true, false], [0, "true"]],
  [texts, [[], ["a", "b"]], ["a", [1], ["a", null], {}]],
];
for (const [kind, good, bad] of kinds) {
  test(`a member that should be ${kind.expected} is read as it is, absent, or an error that does not show it`, () => {
    for (const value of good)
      assert.deepEqual(
        [reader({ m: value }).required("m", kind), reader({ m: value }).optional("m", kind)],
        [value, value],
      );
    for (const value of bad)
      for (const read of ["required", "optional"] as const)
        assert.throws(() => reader({ m: value })[read]("m", kind), { message: `"m" is not ${kind.expected}` });
    for (const object of [{}, { m: null }, { m: undefined }]) {
      assert.equal(reader(object).optional("m", kind), undefined);
      assert.throws(() => reader(object).required("m", kind), { message: `"m" is not ${kind.expected}` });
    }
  });
}

test("an object is neither null nor a list, and text has something to see in it", () => {
  assert.deepEqual([{}, { a: 1 }, null, [], "a", 7, undefined].map(isJsonObject), [
    true,
    true,
    false,
    false,
    false,
    false,
    false,
  ]);
  assert.deepEqual(["a", "", "\t", null, 7].map(textOf), ["a", undefined, undefined, undefined, undefined]);
});

test("the digits of a number of seconds may be a text", () => {
  assert.equal(reader({ expires_in: "3600" }).required("expires_in", seconds), 3600);
});
