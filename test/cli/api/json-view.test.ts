import assert from "node:assert/strict";
import { test } from "node:test";
import { jsonView } from "../../../src/cli/api/json-view.ts";

test("JSON is shown as JSON.stringify indents it, and its numbers and escapes as they came", () => {
  const values = [
    {},
    [],
    { a: [] },
    { a: { b: [1, "x", null, true], c: {} } },
    [[1], [2, [3]]],
    "text",
    1,
    { 'quote"': 'a\\"b', "{": "[,]:" },
  ];
  for (const value of values)
    for (const text of [JSON.stringify(value), JSON.stringify(value, null, 7)])
      assert.equal(jsonView(text, false), JSON.stringify(value, null, 2));
  assert.equal(
    jsonView('[1.0,12345678901234567890,"\\u0041"]', false),
    '[\n  1.0,\n  12345678901234567890,\n  "\\u0041"\n]',
  );
  assert.equal(jsonView('{"a":1}', true), '{\n  \u001b[34m"a"\u001b[0m: \u001b[33m1\u001b[0m\n}');
});

test("S-014 what is no JSON, or nested without an end, is not made longer", () => {
  for (const text of ["", "{", "nonsense", "[1,]", `${"[".repeat(400_000)}${"]".repeat(400_000)}`])
    assert.equal(jsonView(text, true), undefined);
});
