import assert from "node:assert/strict";
import { test } from "node:test";
import type { Fault } from "../../../fake-saas/faults.ts";
import {
  batchPath,
  deliveries,
  fill,
  full,
  loggedInScene,
  queueFiles,
  thirdBatch,
  waitingEvents,
} from "../../../helpers/queue.ts";

test("events that four programs emit at once, one after the other each, are sent in one batch, in their order", async (t) => {
  const at = await loggedInScene(t);
  await Promise.all(Array.from({ length: 4 }, () => fill(at.env, 12, { together: false })));
  await at.here("sync now");
  assert.equal(at.saas.events.size, 48);
  assert.equal(at.saas.count(batchPath), 1);
  const [request] = at.saas.requests.filter(({ path }) => path === batchPath);
  const clocks = (JSON.parse(request?.body ?? "{}") as { events: { lamport_clock: number }[] }).events.map(
    (event) => event.lamport_clock,
  );
  assert.deepEqual(
    clocks,
    Array.from({ length: 48 }, (_, n) => n + 1),
  );
});

test("FR-011 an access token that expires in the middle of a drain leads to one refresh, and nothing is left or sent twice", async (t) => {
  const at = await loggedInScene(t);
  await fill(at.env, full, { large: true });
  thirdBatch(at, { when: () => (at.saas.expireAccessTokens(), false) });
  const { code, stdout, stderr } = await at.here("sync now");
  assert.deepEqual([code, stdout, stderr], [0, `✓ Sent ${full} events and 0 artifacts.\n`, ""]);
  assert.equal(at.saas.counters.refreshes, 1);
  assert.ok(deliveries(at.saas).every((count) => count === 1));
});

test("FR-012 a session that is revoked in the middle of a drain ends it with a hint to log in, and the rest waits untouched", async (t) => {
  const at = await loggedInScene(t);
  await fill(at.env, full, { large: true });
  thirdBatch(at, { when: () => ([...at.saas.sessions.keys()].forEach((id) => at.saas.revoke(id)), false) });
  const { code, stdout, stderr } = await at.here("sync now");
  assert.equal(code, 4);
  assert.deepEqual(
    [stdout, stderr.split("\n")[0]],
    ["", `Sent ${at.saas.events.size} events and 0 artifacts; ${full - at.saas.events.size} still queued.`],
  );
  assert.match(stderr, /^error: .*\nhint: .*spec-kitty auth login/m);
  const left = await waitingEvents(at);
  assert.ok(left > 0 && left + at.saas.events.size === full, `${left} left, ${at.saas.events.size} sent`);
  await at.here("auth login");
  assert.equal((await at.here("sync now")).stdout, `✓ Sent ${left} events and 0 artifacts.\n`);
  assert.ok(deliveries(at.saas).every((count) => count === 1));
});

const endings: [title: string, fault: Fault, message: RegExp][] = [
  [
    "429 with Retry-After",
    { status: 429, headers: { "Retry-After": "3600" } },
    /^Sent .*\nerror: the service returned 429 .*\nhint: Try again in 1 hour: spec-kitty sync now$/m,
  ],
  ["no response", { reset: "before" }, /^error: .*(reach|answer)/m],
];
for (const [title, fault, message] of endings) {
  test(`S-004 ${title} in the middle of a drain ends it at once, and the rest waits untouched`, async (t) => {
    const at = await loggedInScene(t);
    await fill(at.env, full, { large: true });
    thirdBatch(at, fault);
    const { code, stdout, stderr } = await at.here("sync now");
    assert.equal(code, 3);
    assert.match(stderr, message);
    assert.match(stderr, /\nhint: (Try again|Check the network) .*\n$/);
    assert.equal(at.saas.count(batchPath), 3);
    const left = await waitingEvents(at);
    assert.ok(left > 0 && left + at.saas.events.size === full);
    assert.deepEqual(
      [stdout, stderr.split("\n")[0]],
      ["", `Sent ${full - left} events and 0 artifacts; ${left} still queued.`],
    );
    assert.ok(queueFiles(at, /-\d+-[1-9]\d*\.jsonl$/).length === 0, "no retry was counted");
    assert.equal((await at.here("sync now")).code, 0);
    assert.ok(deliveries(at.saas).every((count) => count === 1));
  });
}

test("413 in the middle of a drain halves the batch, and everything arrives", async (t) => {
  const at = await loggedInScene(t);
  await fill(at.env, full, { large: true });
  thirdBatch(at, { status: 413 });
  const { code, stdout } = await at.here("sync now --strict");
  assert.deepEqual([code, stdout], [0, `✓ Sent ${full} events and 0 artifacts.\n`]);
  assert.ok(deliveries(at.saas).every((count) => count === 1));
});

test("a single event that is too large for the service goes to the dead-letter directory, and the others arrive", async (t) => {
  const at = await loggedInScene(t);
  await fill(at.env, 20);
  at.saas.faults.always(batchPath, { status: 413, when: ({ body }) => body.includes('"entry 7"') });
  const { code, stdout } = await at.here("sync now --strict");
  assert.deepEqual([code, stdout], [1, "✓ Sent 19 events and 0 artifacts; 1 rejected.\n"]);
  assert.match(queueFiles(at, /dead-letter.*\.jsonl$/)[0]?.[1] ?? "", /"entry 7"/);
  assert.match(queueFiles(at, /dead-letter.*\.reason\.txt$/)[0]?.[1] ?? "", /413/);
});

test("after a partial success accepted events are removed, refused ones are counted, and the others wait untouched", async (t) => {
  const at = await loggedInScene(t);
  const ids = await fill(at.env, 200);
  const [refused, pending, omitted] = [ids[40], ids[41], ids[42]];
  at.saas.judge = ({ event_id: id }) =>
    id === refused
      ? { status: "rejected" }
      : id === pending
        ? { status: "queued" }
        : id === omitted
          ? "omit"
          : undefined;
  const { code, stdout } = await at.here("sync now");
  assert.deepEqual([code, stdout], [0, "✓ Sent 197 events and 0 artifacts; 1 rejected, 3 still queued.\n"]);
  const retries = Object.fromEntries(
    queueFiles(at, /\/events\/.*\.jsonl$/).map(([path, text]) => [
      (JSON.parse(text) as { event_id: string }).event_id,
      /-(\d+)\.jsonl$/.exec(path)?.[1],
    ]),
  );
  assert.deepEqual(retries, { [String(refused)]: "1", [String(pending)]: "0", [String(omitted)]: "0" });
});

test("events without a result in the middle of a drain are untouched, and sent again in the same drain", async (t) => {
  const at = await loggedInScene(t);
  await fill(at.env, full, { large: true });
  thirdBatch(at, { status: 200, body: { results: [] } });
  const { code, stdout } = await at.here("sync now");
  assert.deepEqual([code, stdout], [0, `✓ Sent ${full} events and 0 artifacts.\n`]);
  assert.ok(deliveries(at.saas).every((count) => count === 1));
  // A service without another response is not asked repeatedly.
  const other = await loggedInScene(t);
  await fill(other.env, full, { large: true });
  other.saas.faults.always(batchPath, { status: 200, body: { results: [] } });
  assert.equal((await other.here("sync now")).code, 0);
  assert.equal(other.saas.count(batchPath), 1);
  assert.equal(await waitingEvents(other), full);
});
