import assert from "node:assert/strict";
import { until } from "../helpers/until.ts";
import { appendFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { NotAuthenticatedError, ServiceError } from "../../src/base/errors.ts";
import type { Rejection } from "../../src/sync/event-drain.ts";
import type { EventInput } from "../../src/sync/events.ts";
import type { SyncRuntime } from "../../src/sync/runtime.ts";
import { syncHealth } from "../../src/sync/service-request.ts";
import type { FakeSaas } from "../fake-saas/server.ts";
import { alice, bob, fakeSaas, filesIn, history, runtimeFor, temporaryFolder } from "./support.ts";
import { hintOf } from "../helpers/hint.ts";

const batchPath = "/api/v1/events/batch/";

interface Stage {
  saas: FakeSaas;
  folder: string;
  runtime: SyncRuntime;
  rejections: Rejection[];
  /** One by one. */
  emit: (count: number, input?: (n: number) => EventInput) => Promise<string[]>;
  /** In one file. */
  emitTogether: (count: number) => Promise<string[]>;
  waiting: () => number;
}

async function stage(t: TestContext): Promise<Stage> {
  const saas = await fakeSaas(t);
  const folder = temporaryFolder(t);
  const rejections: Rejection[] = [];
  const runtime = runtimeFor(folder, saas, alice(saas.url), {
    onNotice: (notice) => void (notice.kind === "rejected" && rejections.push(notice.rejection)),
  });
  const one = async (input: EventInput): Promise<string> => {
    const report = await runtime.emit(input);
    assert.equal(report.outcome, "queued");
    return report.outcome === "queued" ? report.event.event_id : "";
  };
  return {
    saas,
    folder,
    runtime,
    rejections,
    async emit(count, input = (n) => history(`entry ${n}`)) {
      const ids: string[] = [];
      for (let n = 0; n < count; n++) ids.push(await one(input(n)));
      return ids;
    },
    async emitTogether(count) {
      // The first is written alone; those during the write together.
      const ids = await Promise.all(Array.from({ length: count + 1 }, (_, n) => one(history(`entry ${n}`))));
      return ids.slice(1);
    },
    waiting: () => runtime.queue.scopesOf(alice(saas.url)).reduce((sum, { events }) => sum + events.count(), 0),
  };
}

const deliveries = (saas: FakeSaas): number[] => [...saas.events.values()].map((received) => received.deliveries);

test("a drain delivers every event once, oldest first, in batches within both limits", async (t) => {
  const { saas, runtime, emit, emitTogether, waiting } = await stage(t);
  const ids = [...(await emit(3)), ...(await emitTogether(1500)).slice(0, 0)];
  const report = await runtime.flush();
  assert.deepEqual(report, {
    events: { delivered: 1504, duplicates: 0, pending: 0, rejected: 0 },
    artifacts: report.artifacts,
    left: 0,
    failure: undefined,
  });
  assert.equal(waiting(), 0);
  assert.ok(deliveries(saas).every((count) => count === 1));
  const clocks = [...saas.events.values()].map(({ event }) => event["lamport_clock"]);
  assert.deepEqual(
    clocks,
    Array.from({ length: 1504 }, (_, n) => n + 1),
  );
  assert.deepEqual([...saas.events.keys()].slice(0, 3), ids);
  const batches = saas.requests.filter(({ path }) => path === batchPath);
  assert.ok(batches.length > 1);
  for (const { body, headers, bytes } of batches) {
    assert.ok(Buffer.byteLength(body) <= 262_144);
    assert.ok(JSON.parse(body).events.length <= 1000);
    assert.equal(headers["content-type"], "application/json");
    assert.equal(headers["content-encoding"], "gzip");
    assert.equal(headers["x-team-slug"], "tm_acme");
    assert.equal(bytes.readUInt16BE(0), 0x1f8b);
  }
});

test("an empty queue asks the service nothing", async (t) => {
  const { saas, runtime } = await stage(t);
  await runtime.flush();
  assert.equal(saas.requests.length, 0);
});

test("a drain keeps to the limits that the health endpoint reports", async (t) => {
  const { saas, runtime, emitTogether } = await stage(t);
  Object.assign(saas.limits, { maxEvents: 7, maxBytes: 100_000 });
  await emitTogether(20);
  await runtime.flush();
  const sizes = saas.requests
    .filter(({ path }) => path === batchPath)
    .map(({ body }) => JSON.parse(body).events.length as number);
  assert.ok(sizes.every((size) => size <= 7));
  assert.ok(deliveries(saas).every((count) => count === 1));
  assert.equal(saas.events.size, 21);
});

test("an event larger than a batch is sent alone", async (t) => {
  const { saas, runtime, emit, waiting } = await stage(t);
  await emit(3, (n) => history("x".repeat(n === 1 ? 300_000 : 10)));
  await runtime.flush();
  const sizes = saas.requests
    .filter(({ path }) => path === batchPath)
    .map(({ body }) => JSON.parse(body).events.length as number);
  assert.deepEqual(sizes, [2, 1]);
  assert.equal(waiting(), 0);
});

test("after a partial success, accepted events are removed and the others stay, in order", async (t) => {
  const { saas, runtime, rejections, emitTogether, waiting } = await stage(t);
  const ids = await emitTogether(6);
  const [taken, refused, terminal, pending, omitted, duplicate] = ids;
  saas.judge = ({ event_id }) => {
    if (event_id === refused) return { status: "rejected", error_message: "not now" };
    if (event_id === terminal) return { status: "rejected", error_category: "project_refused", error: "never" };
    if (event_id === pending) return { status: "pending" };
    if (event_id === omitted) return "omit";
    if (event_id === duplicate) return { status: "duplicate" };
    return undefined;
  };
  const { events, left, failure } = await until("the drain ends", runtime.flush());
  assert.deepEqual(
    { events, left, failure },
    { events: { delivered: 2, duplicates: 1, pending: 1, rejected: 2 }, left: 3, failure: undefined },
  );
  assert.equal(waiting(), 3);
  assert.deepEqual(
    rejections.map(({ id, category, reason, givenUp }) => [id, category, reason, givenUp]),
    [
      [refused, undefined, "not now", false],
      [terminal, "project_refused", "never", true],
    ],
  );
  // An event without a verdict is sent again while others make progress; a judged one is not.
  const asked = [taken, refused, terminal, pending, omitted].map((id) => saas.events.get(id ?? "")?.deliveries);
  assert.deepEqual(asked, [1, 1, 1, 1, 2]);
  saas.judge = () => undefined;
  assert.deepEqual((await runtime.flush()).events, { delivered: 3, duplicates: 0, pending: 0, rejected: 0 });
  assert.equal(waiting(), 0);
});

test("an event that is refused twenty times goes to the dead-letter directory, complete, with the last reason", async (t) => {
  const { saas, folder, runtime, rejections, emit, waiting } = await stage(t);
  const [id = ""] = await emit(1);
  saas.judge = () => ({ status: "rejected", error_message: "odd project" });
  for (let tries = 1; tries < 20; tries++) await runtime.flush();
  assert.equal(waiting(), 1);
  await runtime.flush();
  assert.equal(waiting(), 0);
  assert.deepEqual(
    rejections.map(({ givenUp }) => givenUp),
    [...Array.from({ length: 19 }, () => false), true],
  );
  const [reason = "", event = ""] = filesIn(folder, "events-dead-letter").sort((a, b) => b.length - a.length);
  assert.match(readFileSync(join(folder, reason), "utf8"), /rejected 20 times, most recently with: odd project/);
  assert.equal(JSON.parse(readFileSync(join(folder, event), "utf8")).event_id, id);
  assert.equal(saas.events.get(id)?.deliveries, 20);
});

test("a response whose results are empty leaves every event untouched and ends the pass", async (t) => {
  const { saas, runtime, emitTogether, waiting } = await stage(t);
  await emitTogether(1500);
  saas.judge = () => "omit";
  const { events, failure } = await runtime.flush();
  assert.deepEqual(
    { events, failure },
    { events: { delivered: 0, duplicates: 0, pending: 0, rejected: 0 }, failure: undefined },
  );
  assert.equal(saas.count(batchPath), 1);
  assert.equal(waiting(), 1501);
});

test("events without a result in the middle of a drain are sent again in the same drain", async (t) => {
  const { saas, runtime, emitTogether, waiting } = await stage(t);
  await emitTogether(1500);
  let batch = 0;
  saas.faults.always(batchPath, { edit: (answer) => (++batch === 2 ? { results: [] } : answer) });
  const { events } = await until("the drain ends", runtime.flush());
  assert.equal(events.delivered + events.duplicates, 1501);
  assert.equal(waiting(), 0);
});

test("413 halves the batch until it is accepted, and a single event that is too large is given up", async (t) => {
  const { saas, runtime, rejections, emit, waiting } = await stage(t);
  const ids = await emit(9, (n) => history("x".repeat(n === 4 ? 30_000 : 500)));
  saas.limits.maxEventBytes = 20_000;
  saas.limits.maxBytes = 5000;
  saas.faults.next("/api/v1/sync/health/", { status: 404 });
  const { events, failure } = await runtime.flush();
  assert.deepEqual(
    { events, failure },
    { events: { delivered: 8, duplicates: 0, pending: 0, rejected: 1 }, failure: undefined },
  );
  assert.deepEqual(
    rejections.map(({ id, givenUp }) => [id, givenUp]),
    [[ids[4], true]],
  );
  assert.equal(waiting(), 0);
  assert.ok(deliveries(saas).every((count) => count === 1));
});

test("400 without details halves the batch until the bad event is found, and the others are delivered", async (t) => {
  const { saas, runtime, rejections, emit, waiting } = await stage(t);
  const ids = await emit(9);
  saas.faults.always(batchPath, {
    status: 400,
    body: { error: "invalid_request" },
    when: ({ body }) => body.includes(ids[5] ?? "-"),
  });
  const { events } = await runtime.flush();
  assert.deepEqual(events, { delivered: 8, duplicates: 0, pending: 0, rejected: 1 });
  assert.deepEqual(
    rejections.map(({ id, reason, givenUp }) => [id, reason, givenUp]),
    [[ids[5], "invalid_request", false]],
  );
  assert.equal(waiting(), 1);
});

test("400 with details refuses those events and sends the others again", async (t) => {
  const { saas, runtime, rejections, emit, waiting } = await stage(t);
  const ids = await emit(4);
  const details = [{ event_id: ids[2], detail: "no such mission" }];
  saas.faults.next(batchPath, { status: 400, body: { error: "invalid_events", details: JSON.stringify(details) } });
  const { events } = await runtime.flush();
  assert.deepEqual(events, { delivered: 3, duplicates: 0, pending: 0, rejected: 1 });
  assert.deepEqual(
    rejections.map(({ id, reason }) => [id, reason]),
    [[ids[2], "no such mission"]],
  );
  assert.equal(waiting(), 1);
});

test("a service that returns 400 to everything is distinguished from a bad event", async (t) => {
  const { saas, runtime, emit, waiting } = await stage(t);
  await emit(40);
  saas.faults.always(batchPath, { status: 400 });
  const { events, failure } = await runtime.flush();
  assert.ok(failure instanceof ServiceError && failure.code === "service_rejected");
  assert.ok(events.rejected <= 8);
  assert.ok(saas.count(batchPath) < 30);
  assert.equal(waiting(), 40);
});

for (const [title, fault, code, retryAfterMs] of [
  ["403", { status: 403, body: { error: "forbidden" } }, "access_denied", undefined],
  ["408", { status: 408 }, "service_unavailable", undefined],
  ["429", { status: 429, headers: { "retry-after": "7" } }, "service_unavailable", 7000],
  ["500", { status: 500 }, "service_unavailable", undefined],
  [
    "503 with an HTML page",
    { status: 503, body: "<html>", headers: { "retry-after": "120" } },
    "service_unavailable",
    120_000,
  ],
  ["a lost connection", { reset: "after" }, "network_unavailable", undefined],
  ["a body of 5 MB", { bytes: 5_000_000 }, "service_answer_invalid", undefined],
] as const) {
  test(`${title} in the middle of a drain ends it, and what was not answered is untouched`, async (t) => {
    const { saas, runtime, emitTogether, waiting } = await stage(t);
    await emitTogether(1500);
    let batch = 0;
    saas.faults.next(batchPath, { ...fault, when: () => ++batch === 2 });
    const { events, failure, left } = await runtime.flush();
    assert.equal(failure?.code, code);
    assert.equal(failure instanceof ServiceError ? failure.retryAfterMs : undefined, retryAfterMs);
    assert.ok(events.delivered > 0 && events.rejected === 0);
    assert.equal(left, 1501 - events.delivered);
    assert.equal(saas.count(batchPath), 2);
    const again = await until("the second drain ends", runtime.flush());
    assert.equal(events.delivered + again.events.delivered + again.events.duplicates, 1501);
    assert.equal(waiting(), 0);
  });
}

test("a response that breaks off counts as no response", async (t) => {
  const { saas, runtime, emit, waiting } = await stage(t);
  await emit(3);
  saas.faults.next(batchPath, { malformed: true });
  assert.deepEqual((await runtime.flush()).events, { delivered: 0, duplicates: 0, pending: 0, rejected: 0 });
  assert.equal(waiting(), 3);
});

test("401 ends the drain with a hint to log in, and every event is untouched", async (t) => {
  const { saas, runtime, emit, waiting } = await stage(t);
  await emit(3);
  saas.expireAccessTokens();
  const { failure } = await runtime.flush();
  assert.ok(failure instanceof NotAuthenticatedError && hintOf(failure) === "Run: spec-kitty auth login");
  assert.equal(waiting(), 3);
});

test("an event that is in two files is sent once, and removed from both", async (t) => {
  const { saas, runtime, emit, waiting } = await stage(t);
  await emit(2);
  const [scope] = runtime.queue.scopesOf(alice(saas.url));
  scope?.events.closeOpenFiles();
  const [name = ""] = scope?.events.names() ?? [];
  await scope?.events.append({ order: 1, id: "copy", text: scope.events.read(name)[0] ?? "" });
  assert.equal(waiting(), 3);
  const { events } = await runtime.flush();
  assert.deepEqual([events.delivered, events.duplicates, waiting()], [2, 0, 0]);
  assert.deepEqual(deliveries(saas), [1, 1]);
});

for (const [damage, damaged] of [
  ["cut short", (text) => text.slice(0, -40)],
  ["given an event ID that is none", (text) => text.replace(/"event_id":"\w+"/, '"event_id":"../01"')],
  ["given an order that is none", (text) => text.replace(/"lamport_clock":\d+/, '"lamport_clock":-1')],
] satisfies [string, (text: string) => string][]) {
  test(`a file that was ${damage} goes to the dead-letter directory, and its intact events are delivered`, async (t) => {
    const { saas, folder, runtime, rejections, emitTogether, waiting } = await stage(t);
    await emitTogether(5);
    const path =
      filesIn(folder, "/events/")
        .map((name) => join(folder, name))
        .find((name) => readFileSync(name, "utf8").trim().split("\n").length === 5) ?? "";
    const text = readFileSync(path, "utf8");
    assert.notEqual(damaged(text), text);
    writeFileSync(path, damaged(text));
    const { events } = await runtime.flush();
    assert.deepEqual(events, { delivered: 5, duplicates: 0, pending: 0, rejected: 1 });
    assert.equal(rejections[0]?.category, "damaged");
    assert.equal(waiting(), 0);
    assert.equal(readdirSync(join(path, "../../events-dead-letter")).length, 2);
    assert.equal(saas.events.size, 5);
  });
}

test("an event whose text has line breaks arrives unchanged", async (t) => {
  const { saas, runtime } = await stage(t);
  const content = 'a\nb\u2028c\r\n"d" \u{1f431}';
  await runtime.emit(history(content));
  await runtime.flush();
  assert.deepEqual(
    [...saas.events.values()].map(({ event }) => (event["payload"] as Record<string, unknown>)["entry_content"]),
    [content],
  );
});

test("a drain sends no event of another account, and each account drains its own", async (t) => {
  const { saas, folder, emit, runtime, waiting } = await stage(t);
  await emit(5);
  await runtime.queue.bind("default", alice(saas.url));
  const other = runtimeFor(folder, saas, bob(saas.url));
  await other.emit(history("of bob"));
  assert.deepEqual((await other.flush()).events.delivered, 1);
  assert.deepEqual(
    [...saas.events.values()].map(({ user, team }) => [user, team]),
    [["bob", "tm_bolt"]],
  );
  assert.equal(waiting(), 5);
  await runtime.flush();
  assert.equal([...saas.events.values()].filter(({ user, team }) => user === "alice" && team === "tm_acme").length, 5);
});

test("events for another team of the same user are sent to that team, and the 403 of one team does not hold up another", async (t) => {
  const { saas, folder, runtime, emit } = await stage(t);
  saas.users.alice.teams.push({ id: "tm_two" });
  await emit(2);
  await runtimeFor(folder, saas, alice(saas.url, "tm_two")).emit(history("of the second team"));
  await runtimeFor(folder, saas, alice(saas.url, "tm_left")).emit(history("of a team that alice has left"));
  const { events, left, failure } = await until("the drain ends", runtime.flush());
  assert.deepEqual(
    { delivered: events.delivered, left, code: failure?.code },
    { delivered: 3, left: 1, code: "access_denied" },
  );
  assert.deepEqual([...saas.events.values()].map(({ team }) => team).sort(), ["tm_acme", "tm_acme", "tm_two"]);
});

test("two drains at once send nothing twice", async (t) => {
  const { saas, folder, runtime, emitTogether, waiting } = await stage(t);
  await emitTogether(2000);
  const reports = await Promise.all([runtime.flush(), runtimeFor(folder, saas, alice(saas.url)).flush()]);
  assert.equal(reports[0].events.delivered + reports[1].events.delivered, 2001);
  assert.ok(deliveries(saas).every((count) => count === 1));
  assert.equal(waiting(), 0);
});

test("a drain that may not wait for a running one reports that, and sends nothing", async (t) => {
  const { saas, folder, runtime, emit } = await stage(t);
  await emit(1);
  let release = (): void => undefined;
  saas.faults.next(batchPath, { gate: new Promise<void>((resolve) => (release = resolve)) });
  const first = runtime.flush();
  await saas.until(() => saas.count(batchPath) === 1);
  const second = await runtimeFor(folder, saas, alice(saas.url)).flush({ waitMs: 50 });
  assert.equal(second.failure?.code, "lock_unavailable");
  assert.equal(saas.count(batchPath), 1);
  release();
  assert.equal((await first).events.delivered, 1);
});

test("a drain whose lock another process has taken over sends nothing more", async (t) => {
  const { saas, folder, runtime, emit, waiting } = await stage(t);
  await emit(3, () => history("x".repeat(150_000)));
  const [lock = ""] = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith("events"))
    .map((name) => join(folder, name, "..", "drain.lock"));
  saas.faults.next(batchPath, { when: () => (rmSync(lock, { recursive: true }), true) });
  const { events, left, failure } = await until("the drain ends", runtime.flush());
  assert.deepEqual([events.delivered, left, failure?.code], [1, 2, "lock_unavailable"]);
  assert.deepEqual([saas.count(batchPath), waiting()], [1, 2]);
});

test("a failure that is the service's ends the drain for every team, without a request for each", async (t) => {
  const { saas, folder, runtime, emit } = await stage(t);
  await emit(1);
  await runtimeFor(folder, saas, alice(saas.url, "tm_two")).emit(history("of the second team"));
  saas.faults.always(batchPath, { status: 503 });
  const { left, failure } = await runtime.flush();
  assert.deepEqual([left, failure?.code, saas.count(batchPath)], [2, "service_unavailable", 1]);
});

test("a 403 concerns one team: the next team is tried, even after the first request of a drain", async (t) => {
  const { saas, folder, runtime, emit } = await stage(t);
  saas.users.alice.teams.push({ id: "tm_two" });
  await emit(1);
  await runtimeFor(folder, saas, alice(saas.url, "tm_two")).emit(history("of the second team"));
  saas.faults.next(batchPath, { status: 403 });
  const { events, left, failure } = await runtime.flush();
  assert.deepEqual([events.delivered, left, failure?.code, saas.count(batchPath)], [1, 1, "access_denied", 2]);
});

test("NFR-010 events that stay are in files of their own before the file that they shared is removed", async (t) => {
  const { saas, folder, runtime, emitTogether, waiting } = await stage(t);
  const [refused] = await emitTogether(4);
  saas.judge = ({ event_id }) => (event_id === refused ? { status: "rejected" } : undefined);
  // No new file is possible there.
  const [unfinished = ""] = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) =>
    /events-unfinished$/.test(name),
  );
  saas.faults.next(batchPath, {
    when: () => (
      rmSync(join(folder, unfinished), { recursive: true }), writeFileSync(join(folder, unfinished), ""), true
    ),
  });
  await assert.rejects(runtime.flush());
  assert.ok(waiting() >= 4, `${waiting()} wait`);
  rmSync(join(folder, unfinished));
  mkdirSync(join(folder, unfinished), { mode: 0o700 });
  saas.judge = () => undefined;
  await runtime.flush();
  assert.deepEqual([saas.events.size, waiting()], [5, 0]);
});

test("a line whose id would be a path is damage, and no event", async (t) => {
  const { saas, folder, runtime, emitTogether } = await stage(t);
  await emitTogether(2);
  const path =
    filesIn(folder, "/events/")
      .map((name) => join(folder, name))
      .find((name) => readFileSync(name, "utf8").trim().includes("\n")) ?? "";
  appendFileSync(path, '{"event_id":"../../outside","lamport_clock":9}\n');
  const { events } = await runtime.flush();
  assert.deepEqual([events.delivered, events.rejected, saas.events.size], [3, 1, 3]);
});

test("the service can lower a limit, and neither raise one nor lower it to nothing", async () => {
  const limitsOf = async (events: unknown): Promise<number> => {
    const sync_ingress = { limits: { max_events_per_batch: events } };
    return (await syncHealth({ fetch: async () => Response.json({ sync_ingress }) })).limits.events;
  };
  assert.deepEqual(
    await Promise.all([7, 7.9, 5000, 0, -1, "7", undefined].map(limitsOf)),
    [7, 7, 1000, 1000, 1000, 1000, 1000],
  );
});

test("a signal ends a drain that waits for a response, and its events stay queued", async (t) => {
  const { saas, runtime, emit, waiting } = await stage(t);
  await emit(2);
  saas.faults.next(batchPath, { hang: true });
  const abort = new AbortController();
  const draining = runtime.flush({ signal: abort.signal });
  await saas.until(() => saas.count(batchPath) === 1);
  abort.abort(new Error("enough"));
  await assert.rejects(draining, /enough/);
  assert.equal(waiting(), 2);
  assert.equal((await runtime.flush()).events.delivered, 2);
});
