import assert from "node:assert/strict";
import { test } from "node:test";
import { NotAuthenticatedError, ServiceError } from "../../src/base/errors.ts";
import { Secret } from "../../src/base/secret.ts";
import { judgeBatch } from "../../src/sync/batch-answer.ts";
import { hintOf } from "../helpers/hint.ts";

const judge = (status: number, body?: Record<string, unknown>, sent = ["a", "b"]): ReturnType<typeof judgeBatch> =>
  judgeBatch({ status, retryAfterMs: undefined, body }, sent);
const one = (result: object): unknown => judge(200, { results: [{ event_id: "a", ...result }] }).events.get("a");

for (const status of ["success", "accepted", "warning"]) {
  test(`"${status}" means delivered`, () => assert.deepEqual(one({ status }), { kind: "delivered" }));
}
test('"duplicate" means delivered earlier', () =>
  assert.deepEqual(one({ status: "duplicate" }), { kind: "duplicate" }));
for (const status of ["queued", "pending"]) {
  test(`"${status}" keeps the event without an error`, () => assert.deepEqual(one({ status }), { kind: "pending" }));
}
test('"rejected" is a refusal that may be tried again', () => {
  assert.deepEqual(one({ status: "rejected", error: "e", error_message: "why" }), {
    kind: "rejected",
    category: undefined,
    reason: "why",
    final: false,
  });
});
test("an unknown status is a refusal", () => {
  assert.deepEqual(one({ status: "odd" }), {
    kind: "rejected",
    category: undefined,
    reason: 'the service returned "odd"',
    final: false,
  });
});
for (const category of ["schema_mismatch", "project_not_admitted", "project_refused"]) {
  test(`the category ${category} is final`, () => {
    assert.deepEqual(one({ status: "rejected", error_category: category, error: "no" }), {
      kind: "rejected",
      category,
      reason: "no",
      final: true,
    });
  });
}
test("a reason is one short line without control characters", () => {
  const verdict = one({ status: "rejected", error: `\u001b[31mred\n\u202e${"x".repeat(1000)}` }) as { reason: string };
  assert.match(verdict.reason, /^\[31mred x+$/);
  assert.equal(verdict.reason.length, 500);
});

for (const [title, body] of [
  ["no JSON", undefined],
  ["no results", {}],
  ["an empty list", { results: [] }],
  ["results that are not a list", { results: { a: "accepted" } }],
  ["entries that are not objects", { results: [null, 1, "a", ["a"]] }],
  ["other events", { results: [{ event_id: "z", status: "accepted" }] }],
  ["an entry without a status", { results: [{ event_id: "a" }] }],
] as const) {
  test(`200 with ${title} leaves every event untouched`, () =>
    assert.deepEqual(judge(200, body), { events: new Map(), next: "continue" }));
}

for (const details of [
  [{ event_id: "b", detail: "bad" }],
  JSON.stringify([{ event_id: "b", reason: "bad" }]),
  [{ event_id: "b", error: "bad" }],
]) {
  test(`400 with details ${JSON.stringify(details)} refuses those events and no others`, () => {
    assert.deepEqual(judge(400, { details }), {
      events: new Map([["b", { kind: "rejected", category: undefined, reason: "bad", final: false }]]),
      next: "continue",
    });
  });
}
for (const details of [undefined, [], "not json", "{}", [{ event_id: "z", detail: "bad" }]]) {
  test(`400 with details ${JSON.stringify(details)} halves the batch`, () =>
    assert.equal(judge(400, { details }).next, "halve"));
}
test("400 for a single event refuses that event", () => {
  assert.deepEqual(judge(400, { error: "bad" }, ["a"]).events.get("a"), {
    kind: "rejected",
    category: undefined,
    reason: "bad",
    final: false,
  });
});
test("413 halves the batch", () => assert.equal(judge(413).next, "halve"));
test("413 for a single event gives it up", () => {
  const verdict = judge(413, undefined, ["a"]).events.get("a");
  assert.ok(verdict?.kind === "rejected" && verdict.final);
});

for (const [status, code] of [
  [302, "service_answer_invalid"],
  [403, "access_denied"],
  [404, "service_answer_invalid"],
  [408, "service_unavailable"],
  [429, "service_unavailable"],
  [500, "service_unavailable"],
  [503, "service_unavailable"],
] as const) {
  test(`${status} ends the pass, touches no event and keeps Retry-After`, () => {
    const { events, next, failure } = judgeBatch(
      { status, retryAfterMs: 7000, body: { results: [{ event_id: "a", status: "accepted" }] } },
      ["a"],
    );
    assert.equal(events.size, 0);
    assert.equal(next, "stop");
    assert.ok(failure instanceof ServiceError && failure.code === code && failure.retryAfterMs === 7000);
  });
}
test("401 ends the pass with a hint to log in", () => {
  const { events, failure } = judge(401);
  assert.equal(events.size, 0);
  assert.ok(failure instanceof NotAuthenticatedError && hintOf(failure).includes("auth login"));
});

test("S-005 a reason that quotes the request shows no token, in a report or on disk", () => {
  const token = new Secret("at_very-secret-value");
  const verdict = one({ status: "rejected", error_message: `refused: Authorization: Bearer ${token.reveal()}` });
  assert.deepEqual(verdict, {
    kind: "rejected",
    category: undefined,
    reason: "refused: Authorization: Bearer [secret]",
    final: false,
  });
  const long = one({ status: "rejected", error_message: "x".repeat(490) + token.reveal() });
  assert.doesNotMatch(JSON.stringify(long), /at_/, "no half of one is left where a long reason is cut");
});
