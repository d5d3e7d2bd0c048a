import assert from "node:assert/strict";
import { createHash, randomBytes, randomUUID } from "node:crypto";
import { request as httpRequest } from "node:http";
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { gzipSync } from "node:zlib";
import { startFakeSaas } from "./server.ts";
import type { FakeSaas } from "./server.ts";

type Json = Record<string, unknown>;

interface Client {
  saas: FakeSaas;
  send: (
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ) => Promise<{ status: number; json: Json }>;
}

async function client(t: TestContext): Promise<Client> {
  const saas = await startFakeSaas();
  t.after(() => saas.close());
  const { access_token } = saas.issue();
  return {
    saas,
    send: async (method, path, body, headers = {}) => {
      const zipped = headers["Content-Encoding"] === "gzip";
      const text = JSON.stringify(body);
      const answer = await fetch(saas.url + path, {
        method,
        headers: {
          Authorization: `Bearer ${access_token}`,
          "Content-Type": "application/json",
          "X-Team-Slug": "tm_acme",
          ...headers,
        },
        ...(body === undefined ? {} : { body: zipped ? gzipSync(text) : text }),
      });
      return { status: answer.status, json: (await answer.json()) as Json };
    },
  };
}

let clock = 0;

function event(change: Json = {}): Json {
  clock += 1;
  return {
    event_id: `01${String(clock).padStart(24, "0")}`,
    event_type: "WPCreated",
    aggregate_id: "WP01",
    aggregate_type: "WorkPackage",
    schema_version: "3.0.0",
    build_id: "",
    payload: { wp_id: "WP01", title: "x", mission_slug: "m" },
    node_id: "0123456789ab",
    lamport_clock: clock,
    causation_id: null,
    timestamp: new Date(0).toISOString(),
    team_slug: "tm_acme",
    project_uuid: null,
    project_slug: null,
    git_branch: null,
    head_commit_sha: null,
    repo_slug: null,
    ...change,
  };
}

const BATCH = "/api/v1/events/batch/";
const GZIP = { "Content-Encoding": "gzip" };

test("a batch is unzipped, judged event by event, and counted", async (t) => {
  const { saas, send } = await client(t);
  const events = [event(), event(), event()];
  saas.judge = ({ event_id }) => {
    if (event_id === events[1]?.["event_id"]) return { status: "rejected", error_category: "schema_mismatch" };
    return event_id === events[2]?.["event_id"] ? "omit" : undefined;
  };
  const statuses = async (): Promise<unknown> => {
    const { json } = await send("POST", BATCH, { events }, GZIP);
    return (json["results"] as Json[]).map(({ status }) => status);
  };
  assert.deepEqual(await statuses(), ["accepted", "rejected"]);
  assert.deepEqual(await statuses(), ["duplicate", "rejected"]);
  assert.deepEqual(
    [...saas.events.values()].map(({ deliveries, taken }) => [deliveries, taken]),
    [
      [2, true],
      [2, false],
      [2, false],
    ],
  );
});

test("a malformed envelope is named, a batch over a limit is 413, another team is 403, no slash is 404", async (t) => {
  const { saas, send } = await client(t);
  const bad = event({ feature_slug: "x" });
  const { status, json } = await send("POST", BATCH, { events: [event(), bad] }, GZIP);
  assert.deepEqual([status, (json["details"] as Json[])[0]?.["event_id"]], [400, bad["event_id"]]);
  assert.equal(saas.events.size, 0);
  assert.equal((await send("POST", BATCH, { events: Array.from({ length: 1001 }, () => event()) }, GZIP)).status, 413);
  const large = event({ payload: { text: "x".repeat(262_144) } });
  assert.equal((await send("POST", BATCH, { events: [large, event()] }, GZIP)).status, 413);
  assert.equal((await send("POST", BATCH, { events: [large] }, GZIP)).status, 200);
  assert.equal((await send("POST", BATCH, { events: [] }, { "X-Team-Slug": "tm_bolt" })).status, 403);
  assert.equal((await send("POST", "/api/v1/events/batch", { events: [] })).status, 404);
});

test("an artifact is stored once, by its hash", async (t) => {
  const { saas, send } = await client(t);
  const content = "# hello\n";
  const artifact = {
    project_uuid: randomUUID(),
    mission_slug: "m",
    target_branch: "main",
    mission_type: "software",
    manifest_version: "1",
    artifact_path: "spec.md",
    content_hash: createHash("sha256").update(content).digest("hex"),
    hash_algorithm: "sha256",
    content_body: content,
  };
  const path = "/api/dossier/push-content/";
  assert.equal((await send("POST", path, artifact)).status, 201);
  assert.equal((await send("POST", path, artifact)).status, 200);
  assert.equal(
    (await send("POST", path, { ...artifact, content_body: "other" })).json["error"],
    "content_hash_mismatch",
  );
  assert.equal(saas.artifacts.get("spec.md")?.uploads, 2);
});

test("the tracker does idempotent work once and lets slow work be polled", async (t) => {
  const { saas, send } = await client(t);
  const push = { provider: "jira", project_slug: "p", items: [{ id: 1 }] };
  const key = { "Idempotency-Key": randomUUID() };
  for (const round of [1, 2])
    assert.equal((await send("POST", "/api/v1/tracker/push/", push, key)).json["pushed"], 1, `round ${round}`);
  assert.equal(saas.tracker.pushed.length, 1);
  assert.equal((await send("POST", "/api/v1/tracker/push/", push)).json["error_code"], "idempotency_key_required");
  saas.tracker.asynchronous.set("run", { polls: 2 });
  const run = await send("POST", "/api/v1/tracker/run/", push, { "Idempotency-Key": randomUUID() });
  assert.equal(run.status, 202);
  const operation = `/api/v1/tracker/operations/${String(run.json["operation_id"])}/`;
  assert.equal((await send("GET", operation)).json["status"], "running");
  assert.equal((await send("GET", operation)).json["status"], "completed");
  saas.tracker.items = [1, 2, 3];
  const page = await send("POST", "/api/v1/tracker/pull/", { provider: "jira", binding_ref: "b", limit: 2 });
  assert.deepEqual(page.json, { items: [1, 2], next_cursor: "2" });
  assert.equal((await send("GET", "/api/v1/tracker/status/?provider=jira")).json["error_code"], "routing_required");
});

test("echo shows the request without its token, and health tells the limits", async (t) => {
  const { saas, send } = await client(t);
  const { json } = await send("PUT", "/api/v1/echo?a=1", { b: 2 });
  assert.deepEqual([json["method"], json["query"], json["body"]], ["PUT", [["a", "1"]], '{"b":2}']);
  for (const secret of saas.issued.keys()) assert.ok(!JSON.stringify(json).includes(secret));
  assert.ok("sync_ingress" in (await send("GET", "/api/v1/sync/health/")).json);
  assert.equal((await send("GET", "/nowhere")).status, 404);
  assert.equal((await send("GET", "/api/v1/logout")).status, 405);
});

/** A WebSocket handshake by hand: the response, and the stream if accepted. */
function knock(
  saas: FakeSaas,
  ticket: string,
): Promise<{ status: number | undefined; accept: unknown; stream: Duplex | undefined; key: string; first: Buffer }> {
  const key = randomBytes(16).toString("base64");
  return new Promise((resolve, reject) => {
    const request = httpRequest(`${saas.url}/ws?token=${ticket}`, {
      headers: {
        Connection: "Upgrade",
        Upgrade: "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": key,
        Authorization: `Bearer ${ticket}`,
      },
    });
    const told = (answer: IncomingMessage, stream: Duplex | undefined, first: Buffer): void =>
      resolve({ status: answer.statusCode, accept: answer.headers["sec-websocket-accept"], stream, key, first });
    request.on("upgrade", told);
    request.on("response", (answer) => {
      answer.resume();
      told(answer, undefined, Buffer.alloc(0));
    });
    request.on("error", reject);
    request.end();
  });
}

/** Short unmasked text frames. */
function frames(stream: Duplex, first: Buffer): Json[] {
  const seen: Json[] = [];
  let buffer = first;
  const cut = (): void => {
    for (;;) {
      const small = (buffer[1] ?? 0) < 126;
      const start = small ? 2 : 4;
      if (buffer.length < start) return;
      const end = start + (small ? buffer.readUInt8(1) : buffer.readUInt16BE(2));
      if (buffer.length < end) return;
      if (buffer[0] === 0x81) seen.push(JSON.parse(buffer.toString("utf8", start, end)) as Json);
      buffer = buffer.subarray(end);
    }
  };
  cut();
  stream.on("data", (chunk: Buffer) => {
    buffer = Buffer.concat([buffer, chunk]);
    cut();
  });
  return seen;
}

/** Of middle length, as from a client. */
function masked(text: string): Buffer {
  const payload = Buffer.from(text);
  const mask = randomBytes(4);
  const header = Buffer.from([0x81, 0x80 | 126, payload.length >> 8, payload.length & 0xff]);
  return Buffer.concat([header, mask, payload.map((byte, index) => byte ^ (mask[index % 4] ?? 0))]);
}

test("a ticket opens one socket: snapshot first, an ack for every event, pushes and a close", async (t) => {
  const { saas, send } = await client(t);
  const { json } = await send("POST", "/api/v1/ws-token", { team_id: "tm_acme" });
  assert.equal(json["ws_url"], `${saas.url.replace("http", "ws")}/ws`);
  const ticket = String(json["ws_token"]);
  const { status, accept, stream, key, first } = await knock(saas, ticket);
  assert.equal(status, 101);
  assert.equal(accept, createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64"));
  assert.ok(stream);
  const seen = frames(stream, first);
  const wait = async (count: number): Promise<void> => {
    while (seen.length < count) await new Promise((resolve) => stream.once("data", resolve));
  };
  await wait(1);
  assert.deepEqual(seen[0], { type: "snapshot", work_packages: [] });
  const sent = event();
  stream.write(masked(JSON.stringify(sent)));
  await wait(2);
  assert.deepEqual(seen[1], { type: "ack", event_id: sent["event_id"], status: "accepted" });
  assert.equal(saas.events.get(String(sent["event_id"]))?.via, "websocket");
  saas.pushToSockets({ type: "event", n: "x".repeat(200) });
  await wait(3);
  assert.equal((await knock(saas, ticket)).status, 401, "the ticket is used up");
  saas.closeSockets();
  stream.end();
  await saas.until(() => saas.sockets.size === 0);
});

test("a ticket is refused to strangers, for unknown teams, when it is late, and with faults on the handshake", async (t) => {
  const { saas, send } = await client(t);
  const ask = (team_id: string): ReturnType<Client["send"]> => send("POST", "/api/v1/ws-token/", { team_id });
  assert.deepEqual((await ask("tm_bolt")).json["error"], "not_a_team_member");
  assert.equal((await ask("tm_none")).status, 404);
  const { json } = await ask("tm_acme");
  saas.clockOffsetMs += 61_000;
  assert.equal((await knock(saas, String(json["ws_token"]))).status, 401);
  assert.equal((await knock(saas, saas.issue().access_token)).status, 401, "an access token is no ticket");
  saas.faults.next("/ws", { status: 503 });
  assert.equal((await knock(saas, "any")).status, 503);
});
