import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { NotAuthenticatedError } from "../../src/base/errors.ts";
import type { EventInput } from "../../src/sync/events.ts";
import type { SyncNotice } from "../../src/sync/runtime.ts";
import { alice, bearerFetch, bob, fakeSaas, history, runtimeFor, temporaryFolder } from "./support.ts";
import { until } from "../helpers/until.ts";

test("an event that the service would not accept is refused, and nothing is queued", async (t) => {
  const saas = await fakeSaas(t);
  const runtime = runtimeFor(temporaryFolder(t), saas, alice(saas.url));
  const cycle: Record<string, unknown> = {};
  cycle["self"] = cycle;
  for (const input of [
    { ...history(), event_type: "WPMoved" },
    { ...history(), payload: cycle },
    { ...history(), payload: { big: 1n } },
    null,
    undefined,
    7,
    {},
  ] as unknown[]) {
    const report = await runtime.emit(input as EventInput);
    assert.equal(report.outcome, "refused");
    assert.ok(report.outcome === "refused" && report.problems.length > 0);
  }
  assert.deepEqual(runtime.queue.scopes(), []);
});

test("a queue that cannot be written leads to a report, not an exception", async (t) => {
  const saas = await fakeSaas(t);
  const folder = join(temporaryFolder(t), "queue");
  writeFileSync(folder, "a file in the way");
  const report = await runtimeFor(folder, saas, alice(saas.url)).emit(history());
  assert.ok(report.outcome === "failed" && report.error.hint !== undefined);
});

test("an origin that fails leads to a report, not an exception", async (t) => {
  const saas = await fakeSaas(t);
  const runtime = runtimeFor(temporaryFolder(t), saas, undefined, {
    origin: () => Promise.reject(new Error("no session store")),
  });
  assert.equal((await runtime.emit(history())).outcome, "failed");
});

test("what the caller changes after emitting is not in the event", async (t) => {
  const saas = await fakeSaas(t);
  const runtime = runtimeFor(temporaryFolder(t), saas, alice(saas.url));
  const payload = { wp_id: "WP01", entry_type: "note", entry_content: "before" };
  const emitting = runtime.emit({ event_type: "HistoryAdded", aggregate_id: "WP01", payload });
  payload.entry_content = "after";
  const report = await emitting;
  assert.ok(report.outcome === "queued" && report.event.payload["entry_content"] === "before");
});

test("a queue of 100,000 events refuses another, reports that, and keeps what it has", async (t) => {
  const saas = await fakeSaas(t);
  const folder = temporaryFolder(t);
  const runtime = runtimeFor(folder, saas, alice(saas.url));
  await runtime.emit(history());
  const [scope] = runtime.queue.scopes();
  // Names hold the counts, so one empty file stands for 99,997 events.
  writeFileSync(join(scope?.lock ?? "", "../events/0000000000000002-A-99997-0.jsonl"), "");
  const later = runtimeFor(folder, saas, alice(saas.url));
  const reports = await Promise.all([history(), history(), history(), history()].map((input) => later.emit(input)));
  assert.deepEqual(reports.map(({ outcome }) => outcome).sort(), ["failed", "failed", "queued", "queued"]);
  const failed = reports.find((report) => report.outcome === "failed");
  assert.match(failed?.outcome === "failed" ? failed.error.message : "", /the queue is full \(100000 events\)/);
  assert.equal(scope?.events.count(), 100_000);
});

test("events that are emitted while not logged in wait, and are sent after a login", async (t) => {
  const saas = await fakeSaas(t);
  const folder = temporaryFolder(t);
  const offline = runtimeFor(folder, saas, undefined);
  await offline.emit(history());
  const report = await offline.flush();
  assert.ok(report.failure instanceof NotAuthenticatedError);
  assert.match(report.failure.message, /not logged in, and 1 entry is still queued/);
  assert.equal(report.left, 1);
  assert.equal((await runtimeFor(folder, saas, alice(saas.url)).flush()).events.delivered, 1);
  assert.equal((await runtimeFor(folder, saas, bob(saas.url)).flush()).events.delivered, 0);
});

test("an event is queued before it is sent live, and removed from the queue once the service has it", async (t) => {
  const saas = await fakeSaas(t);
  const queued: number[] = [];
  let answer = (): Promise<boolean> => Promise.resolve(true);
  const runtime = runtimeFor(temporaryFolder(t), saas, alice(saas.url), {
    live: {
      deliver(event, account) {
        assert.equal(account.user, "u_alice");
        assert.equal(event.team_slug, "tm_acme");
        queued.push(runtime.queue.scopes()[0]?.events.count() ?? 0);
        return answer();
      },
    },
  });
  await runtime.emit(history());
  assert.deepEqual(queued, [1]);
  await until("the queue is empty", () => runtime.queue.scopes().length === 0);
  for (const unsent of [() => Promise.resolve(false), () => Promise.reject(new Error("closed"))]) {
    answer = unsent;
    await runtime.emit(history());
  }
  assert.equal(runtime.queue.scopes()[0]?.events.count(), 2);
});

test("the background sends an event soon after it was emitted", async (t) => {
  const saas = await fakeSaas(t);
  const notices: SyncNotice[] = [];
  const runtime = runtimeFor(temporaryFolder(t), saas, alice(saas.url), {
    onNotice(notice) {
      notices.push(notice);
      throw new Error("a listener that throws breaks nothing");
    },
  });
  runtime.start();
  runtime.start();
  await runtime.emit(history());
  await saas.until(() => saas.events.size === 1);
  await runtime.stop();
  assert.ok(notices.some((notice) => notice.kind === "drained" && notice.report.events.delivered === 1));
});

test("a stop flushes what is left", async (t) => {
  const saas = await fakeSaas(t);
  const folder = temporaryFolder(t);
  const runtime = runtimeFor(folder, saas, alice(saas.url));
  runtime.start();
  await runtimeFor(folder, saas, alice(saas.url)).emit(history());
  await runtime.stop();
  assert.equal(saas.events.size, 1);
});

test("the end of the process flushes once, and no listener is left behind", async (t) => {
  const saas = await fakeSaas(t);
  const folder = temporaryFolder(t);
  const exit = new EventEmitter();
  const runtime = runtimeFor(folder, saas, alice(saas.url), { exit });
  runtime.start();
  assert.equal(exit.listenerCount("beforeExit"), 1);
  await runtimeFor(folder, saas, alice(saas.url)).emit(history());
  exit.emit("beforeExit");
  await saas.until(() => saas.events.size === 1);
  assert.equal(exit.listenerCount("beforeExit"), 0);
});

test("the directory of the queue is refused when others may write in it", async (t) => {
  const saas = await fakeSaas(t);
  const folder = join(temporaryFolder(t), "queue");
  mkdirSync(folder);
  chmodSync(folder, 0o777);
  const report = await runtimeFor(folder, saas, alice(saas.url), { fetch: () => bearerFetch(saas.url, "none") }).emit(
    history(),
  );
  assert.ok(report.outcome === "failed" && report.error.code === "storage_unsafe");
});
