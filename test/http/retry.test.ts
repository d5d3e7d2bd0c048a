import assert from "node:assert/strict";
import { test } from "node:test";
import { isTransientStatus, retryAfter, retryDelay } from "../../src/http/retry.ts";

test("408, 429 and 5xx may become another response next time; 501 and all others stay what they are", () => {
  for (const status of [408, 429, 500, 502, 503, 504, 599])
    assert.equal(isTransientStatus(status), true, String(status));
  for (const status of [0, 200, 301, 400, 401, 403, 404, 409, 410, 413, 425, 501])
    assert.equal(isTransientStatus(status), false, String(status));
});

const date = "Tue, 01 Jul 2025 12:00:00 GMT";
const headers: [
  what: string,
  headers: Record<string, string>,
  body: Record<string, unknown> | undefined,
  expected: number | undefined,
][] = [
  ["nothing", {}, {}, undefined],
  ["seconds in the header", { "retry-after": " 7 " }, undefined, 7000],
  [
    "a date, against the server's own clock",
    { "retry-after": "Tue, 01 Jul 2025 12:01:00 GMT", date },
    undefined,
    60_000,
  ],
  ["a date that has passed", { "retry-after": "Tue, 01 Jul 2025 11:00:00 GMT", date }, undefined, 0],
  ["a date without the server's clock", { "retry-after": "Tue, 01 Jul 2025 12:01:00 GMT" }, undefined, undefined],
  ["something else", { "retry-after": "soon", date }, undefined, undefined],
  ["seconds in the body, which take precedence", { "retry-after": "7" }, { retry_after: 2 }, 2000],
  ["something else in the body", { "retry-after": "7" }, { retry_after: "2" }, 7000],
  ["less than nothing in the body", {}, { retry_after: -1 }, undefined],
];
for (const [what, members, body, expected] of headers) {
  test(`how long the service asks to wait: ${what}`, () =>
    assert.equal(retryAfter(new Response(null, { headers: members }), body), expected));
}

test("the wait doubles from 1 s up to 60 s, jitter shortens it by up to a half, and what the service asks for takes precedence", () => {
  assert.deepEqual(
    [1, 2, 3, 4, 5, 6, 7, 50].map((attempt) => retryDelay({ attempt, random: 0 })),
    [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000],
  );
  assert.equal(retryDelay({ attempt: 3, random: 1 }), 2000);
  assert.equal(retryDelay({ attempt: 9, retryAfterMs: 5, random: 1 }), 5);
  assert.equal(retryDelay({ attempt: 1, retryAfterMs: 10 ** 12, random: 0 }), 86_400_000);
});
