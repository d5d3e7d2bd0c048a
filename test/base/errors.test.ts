import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { reasonOf, systemErrorCode } from "../../src/base/errors.ts";

const missing = ((): unknown => {
  try {
    return readFileSync("/nowhere/at/all");
  } catch (error) {
    return error;
  }
})();

test("a failure of the system has its code, and others have none", () => {
  assert.deepEqual([missing, new Error("x"), Object.assign(new Error("x"), { code: 7 }), "ENOENT", { code: "ENOENT" }, undefined].map(systemErrorCode), ["ENOENT", undefined, undefined, undefined, undefined, undefined]);
});

test("the reason is the code of the failure or of its cause, else the words", () => {
  assert.equal(reasonOf(missing), "ENOENT");
  assert.equal(reasonOf(new TypeError("fetch failed", { cause: missing })), "ENOENT");
  assert.equal(reasonOf(new TypeError("fetch failed", { cause: new Error("bad port") })), "bad port");
  assert.equal(reasonOf(new Error("x", { cause: "y" })), "x");
  assert.equal(reasonOf("thrown as it is"), "thrown as it is");
});
