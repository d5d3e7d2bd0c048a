import assert from "node:assert/strict";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { inspect } from "node:util";
import {
  createLiveClient,
  createSyncRuntime,
  type EmitReport,
  type LiveClient,
  type LiveState,
  type SyncRuntime,
} from "../../src/app/sync.ts";
import { MemoryStore } from "../../src/auth/sessions/memory-store.ts";
import { startFakeSaas, type FakeSaas } from "../fake-saas/server.ts";
import { scratchFolder } from "../helpers/command.ts";
import { ManualClock } from "../helpers/manual-clock.ts";
import { sessionOf, storeSession } from "../helpers/stored-session.ts";
import { until } from "../helpers/until.ts";
import { withWebSocket } from "../helpers/web-socket.ts";
import { history } from "./support.ts";

interface Program {
  saas: FakeSaas;
  live: LiveClient;
  sync: SyncRuntime;
  /** Until it is open; `ended` settles as the run. */
  connect(): Promise<{ ended: Promise<void> }>;
  enters(state: LiveState): Promise<void>;
  /** On disk. */
  waiting(): number;
  emit(text: string): Promise<string>;
  /** How each event arrived, and how often, by id. */
  arrived(): [via: string, deliveries: number][];
}

withWebSocket(import.meta.url, () => {
  /** As in the README: the connection is passed to the synchronization. */
  async function program(t: TestContext): Promise<Program> {
    const clock = new ManualClock();
    const saas = await startFakeSaas({ now: () => clock.now() });
    const folder = scratchFolder(t);
    t.after(() => saas.close());
    const store = new MemoryStore(clock);
    const overrides = {
      env: { HOME: folder, SPEC_KITTY_CONFIG_DIR: join(folder, "config") },
      sessions: store,
      clock,
    };
    await storeSession(
      saas,
      {},
      { ...sessionOf(saas, { now: clock.now(), leftMs: 3_600_000 }), teams: [{ id: "tm_acme", name: "Acme Corp" }] },
      { sessions: store, clock },
    );
    const live = createLiveClient({ onMessage: () => void saas.changes.emit("change") }, overrides);
    const sync = createSyncRuntime({ live }, overrides);
    t.after(() => live.close());
    return {
      saas,
      live,
      sync,
      connect: async () => {
        const ended = live.run();
        await saas.until(() => live.state === "Connected");
        return { ended };
      },
      enters: (state) => saas.until(() => live.state === state),
      waiting: () => sync.queue.scopes().reduce((sum, { events }) => sum + events.count(), 0),
      emit: async (text) => {
        const report: EmitReport = await sync.emit(history(text));
        assert.ok(report.outcome === "queued", inspect(report, { depth: 6 }));
        return report.event.event_id;
      },
      arrived: () => [...saas.events.values()].map(({ via, deliveries }) => [via, deliveries]),
    };
  }

  test("FR-016 an event that is emitted while the connection is open is sent over it at once", async (t) => {
    const { saas, live, emit, connect, waiting, arrived } = await program(t);
    const { ended } = await connect();
    const ids = [await emit("one"), await emit("two")];
    await saas.until(() => saas.events.size === 2);
    assert.deepEqual([...saas.events.keys()], ids);
    assert.deepEqual(arrived(), [
      ["websocket", 1],
      ["websocket", 1],
    ]);
    await until("the queue is as expected be", () => waiting() === 0);
    assert.equal(saas.count("/api/v1/events/batch/"), 0);
    live.close();
    await ended;
  });

  test("before the connection is open and after it is closed, an event waits and a drain sends it once", async (t) => {
    const { live, sync, emit, connect, waiting, arrived } = await program(t);
    await emit("before");
    const { ended } = await connect();
    live.close();
    await ended;
    await emit("after");
    assert.equal(waiting(), 2);
    assert.equal((await sync.flush()).events.delivered, 2);
    assert.deepEqual([waiting(), ...arrived()], [0, ["batch", 1], ["batch", 1]]);
  });

  test("an event that is refused over the connection stays queued until a drain moves it to the dead-letter directory", async (t) => {
    const { saas, sync, emit, connect, waiting } = await program(t);
    await connect();
    saas.judge = () => ({ status: "rejected", error_category: "schema_mismatch" });
    await emit("refused");
    await saas.until(() => saas.events.size === 1);
    assert.equal(waiting(), 1);
    assert.equal((await sync.flush()).events.rejected, 1);
    assert.equal(waiting(), 0);
    assert.equal(sync.queue.scopes()[0]?.events.countDead(), 1);
  });

  test("while the service is down, events are queued in OfflineBatchMode, and afterwards they are sent live again", async (t) => {
    const { saas, sync, emit, connect, enters, waiting, arrived } = await program(t);
    await connect();
    await saas.stop();
    await enters("OfflineBatchMode");
    await emit("away one");
    await emit("away two");
    assert.deepEqual([waiting(), saas.events.size], [2, 0]);
    await saas.start();
    await enters("Connected");
    await emit("back");
    await saas.until(() => saas.events.size === 1);
    await until("the queue is as expected be", () => waiting() === 2);
    assert.equal((await sync.flush()).events.delivered, 2);
    assert.deepEqual(arrived(), [
      ["websocket", 1],
      ["batch", 1],
      ["batch", 1],
    ]);
  });

  test("an event whose response is lost with the connection is sent again by a drain, and stored once", async (t) => {
    const { saas, sync, emit, connect, waiting } = await program(t);
    await connect();
    const id = await emit("taken");
    await saas.until(() => saas.events.size === 1);
    await until("the queue is as expected be", () => waiting() === 0);
    // The connection breaks between event and response.
    saas.judge = () => {
      saas.closeSockets("abrupt");
      return undefined;
    };
    await emit("answer lost");
    await saas.until(() => saas.events.size === 2);
    saas.judge = () => undefined;
    assert.equal(waiting(), 1);
    const { events } = await sync.flush();
    assert.deepEqual([events.duplicates, events.delivered, waiting()], [1, 0, 0]);
    assert.equal(saas.events.get(id)?.deliveries, 1);
  });

  test("a client that was never started delivers nothing and sends no request", async (t) => {
    const { saas, emit, waiting, live } = await program(t);
    await emit("one");
    assert.deepEqual([live.state, waiting(), saas.requests.length], ["Offline", 1, 0]);
  });
});
