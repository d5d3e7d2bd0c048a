import assert from "node:assert/strict";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";
import { inspect } from "node:util";
import { webSocketTicket } from "../../src/auth/websocket/ticket.ts";
import { AuthError, NotAuthenticatedError, type AuthErrorCode } from "../../src/base/errors.ts";
import { liveClient, type LiveClient, type LiveClientOptions } from "../../src/sync/live-client.ts";
import type { LiveMessage } from "../../src/sync/live-message.ts";
import { eventEnvelope, type EventEnvelope } from "../../src/sync/events.ts";
import type { Account } from "../../src/sync/queue.ts";
import type { Fault } from "../fake-saas/faults.ts";
import type { FakeOptions } from "../fake-saas/options.ts";
import { authorized, type Authorized } from "../helpers/authorized.ts";
import { withWebSocket } from "../helpers/web-socket.ts";
import { alice, history, standingClock } from "./support.ts";
import { hintOf } from "../helpers/hint.ts";

interface Live extends Authorized {
  client: LiveClient;
  messages: LiveMessage[];
  account: Account;
  /** Settles as `run` does. */
  ended: Promise<void>;
}

function event(id = "01ARZ3NDEKTSV4RRFFQ69G5FAV"): EventEnvelope {
  return eventEnvelope(history(), {
    event_id: id,
    node_id: "0123456789ab",
    lamport_clock: 1,
    timestamp: "1970-01-01T00:00:00.000Z",
    team_slug: "tm_acme",
  });
}

function is(code: AuthErrorCode, message: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof AuthError, inspect(error));
    assert.equal(error.code, code);
    assert.match(error.message, message);
    return true;
  };
}

test("without a WebSocket in the runtime the error names the flag", async (t) => {
  const world = await authorized(t);
  const account = alice(world.saas.url);
  const client = liveClient({
    account: async () => account,
    clock: world.clock,
    WebSocket: undefined,
    ticket: (team) => webSocketTicket(team, world),
  });
  await assert.rejects(
    client.run(),
    (error) =>
      error instanceof AuthError &&
      error.code === "configuration_invalid" &&
      /--experimental-websocket/.test(hintOf(error)),
  );
  assert.equal(client.state, "Offline");
});

withWebSocket(import.meta.url, (WebSocket) => {
  async function live(
    t: TestContext,
    more: Partial<LiveClientOptions> = {},
    saas: Partial<FakeOptions> = {},
  ): Promise<Live> {
    const world = await authorized(t, { saas });
    const account = alice(world.saas.url);
    const messages: LiveMessage[] = [];
    const client = liveClient({
      account: async () => account,
      clock: world.clock,
      WebSocket,
      ticket: (team, signal) => webSocketTicket(team, { ...world, signal }),
      onMessage: (message) => {
        messages.push(message);
        world.saas.changes.emit("change");
      },
      random: () => 0,
      ...more,
    });
    const ended = client.run();
    ended.catch(() => undefined);
    t.after(() => client.close());
    return { ...world, client, messages, account, ended };
  }

  const states = ({ messages }: Live): string[] =>
    messages.flatMap((message) => (message.kind === "state" ? [message.state] : []));
  const snapshots = ({ messages }: Live): number => messages.filter(({ kind }) => kind === "snapshot").length;
  const upgrades = ({ saas }: Live): number => saas.count("/ws");

  test("FR-016 the ticket is sent in the header of the upgrade and nowhere else, and the snapshot comes first", async (t) => {
    const stage = await live(t);
    await stage.saas.until(() => snapshots(stage) === 1);
    const upgrade = stage.saas.requests.find(({ path }) => path === "/ws");
    const secret = /^Bearer (\S+)$/.exec(upgrade?.headers.authorization ?? "")?.[1] ?? "";
    assert.equal(stage.saas.issued.get(secret), "ws_token");
    assert.equal(upgrade?.query.size, 0);
    assert.deepEqual(stage.messages, [
      { kind: "state", state: "Connected", reason: undefined },
      { kind: "snapshot", workPackages: [] },
    ]);
    stage.client.close();
    await stage.ended;
    assert.equal(stage.client.state, "Offline");
    await stage.saas.until(() => stage.saas.sockets.size === 0);
  });

  test("a ping is answered with its own timestamp", async (t) => {
    const stage = await live(t);
    await stage.saas.until(() => snapshots(stage) === 1);
    stage.saas.pushToSockets({ type: "ping", timestamp: "2026-01-01T00:00:00Z" });
    await stage.saas.until(() => stage.saas.frames.length === 1);
    assert.deepEqual(stage.saas.frames, [{ type: "pong", timestamp: "2026-01-01T00:00:00Z" }]);
  });

  test("a service may be silent for three times its longest pause between pings, and a single ping sets no limit", async (t) => {
    const clock = standingClock();
    const stage = await live(t, { clock });
    const ping = async (timestamp: number): Promise<void> => {
      stage.saas.pushToSockets({ type: "ping", timestamp });
      await stage.saas.until(() => stage.saas.frames.length === timestamp);
    };
    await stage.saas.until(() => snapshots(stage) === 1);
    await ping(1);
    clock.advance(50_000);
    assert.deepEqual(clock.sleeping, []);
    await ping(2);
    assert.deepEqual(clock.sleeping, [150_000]);
    clock.advance(50_000);
    stage.saas.pushToSockets({ type: "event", event_type: "WPCreated" });
    await stage.saas.until(() => stage.messages.some(({ kind }) => kind === "event"));
    clock.advance(100_000);
    await new Promise(setImmediate);
    assert.deepEqual(clock.sleeping, [50_000], "counted from the last message");
    clock.advance(50_000);
    await stage.saas.until(() => states(stage).includes("Reconnecting"));
    const lost = stage.messages.at(-1);
    assert.equal(lost?.kind === "state" && lost.reason?.message, "no message from the service for 150 s");
    clock.advance(500);
    await stage.saas.until(() => snapshots(stage) === 2);
  });

  test("events and responses are reported, and frames that are unknown or malformed are ignored", async (t) => {
    const stage = await live(t);
    await stage.saas.until(() => snapshots(stage) === 1);
    const ignored = [
      { type: "tea" },
      "",
      "{",
      "[]",
      "null",
      "1",
      '"x"',
      { type: 7 },
      { type: "ack" },
      { type: "error", event_id: 1 },
      { no: "type" },
    ];
    for (const frame of ignored) stage.saas.pushToSockets(frame);
    stage.saas.pushToSockets({
      type: "error",
      event_id: "e1",
      status: "rejected",
      error_category: "schema_mismatch",
      retryable: true,
    });
    stage.saas.pushToSockets({ type: "event", event_type: "WPCreated", lamport_clock: 7 });
    await stage.saas.until(() => stage.messages.some(({ kind }) => kind === "event"));
    assert.equal(stage.messages.filter(({ kind }) => kind === "ignored").length, ignored.length);
    assert.deepEqual(stage.messages.slice(-2), [
      { kind: "answer", answer: { eventId: "e1", status: "rejected", category: "schema_mismatch", retryable: true } },
      { kind: "event", event: { type: "event", event_type: "WPCreated", lamport_clock: 7 } },
    ]);
    assert.equal(upgrades(stage), 1);
  });

  test("a frame of 10 MB is accepted, and the connection continues", async (t) => {
    const stage = await live(t);
    await stage.saas.until(() => snapshots(stage) === 1);
    stage.saas.pushToSockets({ type: "event", note: "x".repeat(10 * 1024 * 1024) });
    stage.saas.pushToSockets({ type: "ping", timestamp: 1 });
    await stage.saas.until(() => stage.saas.frames.length === 1);
    assert.deepEqual(
      stage.messages.slice(2).map(({ kind }) => kind),
      ["event"],
    );
    assert.equal(upgrades(stage), 1);
  });

  const mebibyte = Buffer.alloc(1024 * 1024, "x");
  /** Of the service: `fin` and the type in the first byte, then the length. */
  const frameHeader = (first: number, length: number): Buffer => {
    const header = Buffer.from([first, 127, 0, 0, 0, 0, 0, 0, 0, 0]);
    header.writeBigUInt64BE(BigInt(length), 2);
    return header;
  };
  for (const [what, frames] of [
    ["a frame of 17 MB", [mebibyte.toString().repeat(17)]],
    ["a frame that announces a gigabyte", [frameHeader(0x81, 1024 ** 3)]],
    [
      "a message of frames without an end",
      [
        frameHeader(0x01, mebibyte.length),
        mebibyte,
        ...Array.from({ length: 16 }, () => [frameHeader(0x00, mebibyte.length), mebibyte]).flat(),
      ],
    ],
    ["a message of empty frames without an end", [Buffer.from([0x01, 0]), Buffer.alloc(1024 * 1024)]],
  ] satisfies [string, (string | Buffer)[]][]) {
    test(`S-014 ${what} ends the client with an error, since it would be held in memory whole`, async (t) => {
      const stage = await live(t);
      await stage.saas.until(() => snapshots(stage) === 1);
      for (const frame of frames) stage.saas.pushToSockets(frame);
      await assert.rejects(stage.ended, is("service_answer_invalid", /sent a message of more than 16 MiB/));
      assert.equal(upgrades(stage), 1);
    });
  }

  test("S-014 compression is not offered, and a service that compresses all the same is not listened to", async (t) => {
    const stage = await live(t);
    await stage.saas.until(() => snapshots(stage) === 1);
    assert.equal(
      stage.saas.requests.find(({ path }) => path === "/ws")?.headers["sec-websocket-extensions"],
      undefined,
    );
    stage.saas.faults.next("/ws", { headers: { "Sec-WebSocket-Extensions": "permessage-deflate" } });
    stage.saas.closeSockets();
    await assert.rejects(
      stage.ended,
      is("service_answer_invalid", /^"ws:.*\/ws" uses compression that was not offered$/),
    );
    assert.equal(snapshots(stage), 1);
  });

  test("bytes that are not a frame, or text that is not UTF-8, end the connection, and a new one is opened", async (t) => {
    const stage = await live(t);
    await stage.saas.until(() => snapshots(stage) === 1);
    stage.saas.pushToSockets(Buffer.from("HTTP/1.1 200 OK\r\n\r\nnot a frame at all"));
    await stage.saas.until(() => snapshots(stage) === 2);
    stage.saas.pushToSockets(Buffer.from([0x81, 2, 0xc3, 0x28]));
    await stage.saas.until(() => snapshots(stage) === 3);
    assert.deepEqual(states(stage), ["Connected", "Reconnecting", "Connected", "Reconnecting", "Connected"]);
  });

  test("an event is delivered once the service says that it has it", async (t) => {
    const stage = await live(t);
    assert.equal(await stage.client.deliver(event(), stage.account), false, "not connected yet");
    await stage.saas.until(() => snapshots(stage) === 1);
    assert.equal(await stage.client.deliver(event(), stage.account), true);
    assert.equal(await stage.client.deliver(event(), stage.account), true, "a duplicate counts as delivered");
    assert.equal(stage.saas.events.get(event().event_id)?.via, "websocket");
    stage.saas.judge = () => ({ status: "rejected", error_category: "schema_mismatch" });
    assert.equal(await stage.client.deliver(event("01ARZ3NDEKTSV4RRFFQ69G5FAW"), stage.account), false);
    assert.equal(
      await stage.client.deliver(event("01ARZ3NDEKTSV4RRFFQ69G5FAX"), { ...stage.account, user: "u_bob" }),
      false,
      "another account's events stay queued",
    );
    assert.equal(stage.saas.frames.length, 3);
  });

  test("an event without a response counts as not delivered", async (t) => {
    const stage = await live(t);
    await stage.saas.until(() => snapshots(stage) === 1);
    stage.saas.judge = () => "omit";
    const silent = stage.client.deliver(event(), stage.account);
    await stage.saas.until(() => stage.saas.frames.length === 1);
    stage.clock.pass(10_000);
    assert.equal(await silent, false);
    const cut = stage.client.deliver(event("01ARZ3NDEKTSV4RRFFQ69G5FAW"), stage.account);
    await stage.saas.until(() => stage.saas.frames.length === 2);
    stage.saas.closeSockets("abrupt");
    assert.equal(await cut, false);
  });

  for (const [name, code] of [
    ["says goodbye", 1001],
    ["cuts the line", "abrupt"],
    ["reports a fault", 1011],
  ] as const) {
    test(`a service that ${name} is connected to again, with a new ticket`, async (t) => {
      const stage = await live(t);
      for (const times of [1, 2, 3]) {
        await stage.saas.until(() => snapshots(stage) === times);
        stage.saas.closeSockets(code);
      }
      await stage.saas.until(() => snapshots(stage) === 4);
      assert.equal(stage.saas.counters.tickets, 4);
      assert.deepEqual(stage.clock.sleeps, [500, 500, 500]);
    });
  }

  test("while a service is down, waits double up to 30 s and events are sent in batches, and afterwards the client reconnects", async (t) => {
    const stage = await live(t);
    await stage.saas.until(() => snapshots(stage) === 1);
    let back: Promise<void> | undefined;
    stage.clock.onSleep = () => (stage.clock.sleeps.length === 10 ? (back = stage.saas.start()) : undefined);
    await stage.saas.stop();
    await stage.saas.until(() => snapshots(stage) === 2);
    await back;
    assert.deepEqual(stage.clock.sleeps, [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000, 30_000]);
    assert.deepEqual(states(stage), ["Connected", "Reconnecting", "OfflineBatchMode", "Connected"]);
    const reason = stage.messages.find((message) => message.kind === "state" && message.state === "OfflineBatchMode");
    assert.ok(reason?.kind === "state" && reason.reason?.code === "network_unavailable");
  });

  for (const [what, fault] of [
    ["500", { status: 500, body: "oops" }],
    ["503", { status: 503, headers: { "Retry-After": "0" } }],
    ["429", { status: 429, headers: { "Retry-After": "0" } }],
    ["nothing at all", { reset: "before" }],
  ] satisfies [string, Fault][]) {
    test(`a ticket request that is answered with ${what} is repeated`, async (t) => {
      const stage = await live(t);
      await stage.saas.until(() => snapshots(stage) === 1);
      stage.saas.faults.next("/api/v1/ws-token", fault);
      stage.saas.closeSockets();
      await stage.saas.until(() => snapshots(stage) === 2);
      assert.deepEqual([stage.saas.count("/api/v1/ws-token"), upgrades(stage)], [3, 2]);
    });
  }

  test("jitter shortens a wait by up to a half, and Retry-After replaces it", async (t) => {
    const stage = await live(t, { random: () => 1 });
    await stage.saas.until(() => snapshots(stage) === 1);
    stage.saas.faults.next("/api/v1/ws-token", { status: 503, headers: { "Retry-After": "9" } });
    stage.saas.closeSockets();
    await stage.saas.until(() => snapshots(stage) === 2);
    assert.deepEqual(stage.clock.sleeps, [250, 9000]);
  });

  test("a service that accepts a connection and drops it at once is contacted less and less often", async (t) => {
    const stage = await live(t);
    await stage.saas.until(() => snapshots(stage) === 1);
    stage.saas.faults.next("/ws", { status: 503, times: 3 });
    stage.saas.closeSockets();
    await stage.saas.until(() => snapshots(stage) === 2);
    assert.deepEqual(stage.clock.sleeps, [500, 1000, 2000, 4000]);
  });

  test("an expired ticket is replaced, and two refusals in a row end the client", async (t) => {
    const late = await live(t, {}, { ticketSeconds: 60 });
    await late.saas.until(() => snapshots(late) === 1);
    late.saas.faults.next("/ws", {
      status: 401,
      body: { error: "ticket_expired" },
      when: ({ headers }) => headers.authorization === lastTicket(late, 1),
    });
    late.saas.closeSockets();
    await late.saas.until(() => snapshots(late) === 2);

    const refused = await live(t);
    await refused.saas.until(() => snapshots(refused) === 1);
    refused.saas.faults.always("/ws", { status: 401 });
    refused.saas.closeSockets();
    await assert.rejects(refused.ended, is("access_denied", /"ws:.*\/ws" rejected a new ticket with 401/));
    assert.equal(refused.saas.counters.tickets, 3);
    assert.equal(refused.client.state, "Offline");
  });

  /** The upgrade's authorization header by index, perhaps still to come. */
  function lastTicket({ saas }: Live, index: number): string {
    return `Bearer ${[...saas.tickets.keys()][index]}`;
  }

  test("a forbidden upgrade ends the client at once", async (t) => {
    const stage = await live(t);
    await stage.saas.until(() => snapshots(stage) === 1);
    stage.saas.faults.always("/ws", { status: 403 });
    stage.saas.closeSockets();
    await assert.rejects(stage.ended, is("access_denied", /403/));
    assert.equal(stage.saas.counters.tickets, 2);
  });

  test("a revoked session, a lost membership and a missing login end the client at once, with the reason", async (t) => {
    const revoked = await live(t);
    await revoked.saas.until(() => snapshots(revoked) === 1);
    for (const id of revoked.saas.sessions.keys()) revoked.saas.revoke(id);
    revoked.saas.closeSockets();
    await assert.rejects(
      revoked.ended,
      (error) => error instanceof NotAuthenticatedError && error.code === "session_ended",
    );
    assert.equal(await revoked.stored(), undefined);

    const left = await live(t);
    await left.saas.until(() => snapshots(left) === 1);
    left.saas.faults.always("/api/v1/ws-token", { status: 403, body: { error: "not_a_team_member" } });
    left.saas.closeSockets();
    await assert.rejects(left.ended, is("access_denied", /not a member of team "tm_acme"/));

    const nobody = new NotAuthenticatedError("not logged in");
    const gone = await live(t, { account: () => Promise.reject(nobody) });
    await assert.rejects(gone.ended, nobody);

    const teamless = await live(t, { account: async () => alice("http://x", null) });
    await assert.rejects(teamless.ended, is("access_denied", /has no team/));
  });

  test("a ticket is not used when another user has logged in since the account was read", async (t) => {
    let asked = 0;
    const bobFirst = (world: string): Account => ({ ...alice(world), user: (asked += 1) === 2 ? "u_bob" : "u_alice" });
    const stage = await live(t, { account: async () => bobFirst("http://x") });
    await stage.saas.until(() => snapshots(stage) === 1);
    assert.equal(stage.saas.counters.tickets, 2);
    assert.equal(upgrades(stage), 1);
  });

  test("an upgrade without a response is given up after 10 seconds and tried again", async (t) => {
    const stage = await live(t);
    await stage.saas.until(() => snapshots(stage) === 1);
    stage.saas.faults.next("/ws", { delayMs: 600_000 });
    stage.saas.closeSockets();
    await stage.saas.until(() => upgrades(stage) === 2);
    stage.clock.pass(10_000);
    await stage.saas.until(() => snapshots(stage) === 2);
  });

  test("a listener that throws does not end the connection", async (t) => {
    let told = 0;
    const stage = await live(t, {
      onMessage: () => {
        told += 1;
        throw new Error("listener");
      },
    });
    await stage.saas.until(() => stage.saas.sockets.size === 1);
    stage.saas.pushToSockets({ type: "ping", timestamp: 1 });
    await stage.saas.until(() => stage.saas.frames.length === 1);
    assert.equal(told, 2);
  });

  test("a client can be ended while it waits, while it connects, and before it starts", async (t) => {
    const hanging = createServer().listen(0, "127.0.0.1");
    t.after(() => hanging.close());
    await new Promise((resolve) => hanging.once("listening", resolve));
    const stage = await live(t);
    await stage.saas.until(() => snapshots(stage) === 1);
    stage.saas.faults.next("/api/v1/ws-token", {
      edit: (answer) => ({ ...answer, ws_url: `ws://127.0.0.1:${(hanging.address() as AddressInfo).port}/` }),
    });
    const connecting = new Promise<void>((resolve) =>
      hanging.once("connection", (socket) => {
        t.after(() => socket.destroy());
        resolve();
      }),
    );
    stage.saas.closeSockets();
    await connecting;
    stage.client.close();
    await stage.ended;

    const waiting = await live(t);
    await waiting.saas.until(() => snapshots(waiting) === 1);
    waiting.clock.onSleep = () => waiting.client.close();
    waiting.saas.closeSockets();
    await waiting.ended;
    assert.equal(waiting.saas.counters.tickets, 1);

    await liveClient({
      account: async () => waiting.account,
      clock: waiting.clock,
      WebSocket,
      ticket: () => assert.fail("asked for a ticket"),
    }).run(AbortSignal.abort());
  });

  test("S-005 no message and no error holds a token or a ticket", async (t) => {
    const stage = await live(t);
    await stage.saas.until(() => snapshots(stage) === 1);
    stage.saas.faults.always("/ws", { status: 401 });
    stage.saas.closeSockets();
    const error: unknown = await stage.ended.catch((caught: unknown) => caught);
    const said = inspect([stage.messages, error, stage.client], { depth: 20, showHidden: true });
    for (const secret of stage.saas.issued.keys()) assert.ok(!said.includes(secret));
  });
});
