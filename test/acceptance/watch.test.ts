import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect, type AddressInfo } from "node:net";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { createServer as createSecureServer } from "node:tls";
import type { ErrorOutput } from "../../src/cli/json-output.ts";
import type { Fault } from "../fake-saas/faults.ts";
import type { FakeOptions } from "../fake-saas/options.ts";
import { testCertificate } from "../helpers/certificate.ts";
import { startCommand, type CommandEnvironment, type RunningCommand } from "../helpers/command.ts";
import { startProxy } from "../helpers/proxy.ts";
import { noTerminal, startOnTerminal } from "../helpers/pseudo-terminal.ts";
import { accelerated, rawService, scene, type Scene } from "../helpers/scene.ts";
import { sessionOf, storeSession } from "../helpers/stored-session.ts";

interface Watched extends Scene {
  watch(args?: string, more?: CommandEnvironment): RunningCommand;
  /** The ticket of every upgrade, in order. */
  tickets(): string[];
}

/** A scene in which alice is logged in. */
async function watched(t: TestContext, options: Partial<FakeOptions> = {}): Promise<Watched> {
  const at = await scene(t, options);
  const { saas, env } = at;
  const teams = saas.users.alice.teams.map(({ id, name, role, is_private_teamspace: isPrivateTeamspace = false }) => ({ id, name: name ?? id, ...(role !== undefined && { role }), isPrivateTeamspace }));
  await storeSession(saas, env, { ...sessionOf(saas, { leftMs: 3_600_000 }), teams });
  return {
    ...at,
    watch: (args = "", more = {}) => startCommand(t, ["sync", "watch", ...args.split(" ").filter(Boolean)], { ...env, ...more }),
    tickets: () => saas.requests.filter(({ path }) => path === "/ws").map(({ headers }) => /^Bearer (\S+)$/.exec(headers.authorization ?? "")?.[1] ?? ""),
  };
}

function event(text: string, more: object = {}): object {
  return { type: "event", event_id: "01ARZ3NDEKTSV4RRFFQ69G5FAV", event_type: "HistoryAdded", aggregate_id: "WP01", timestamp: "2026-01-02T03:04:05Z", payload: { text }, ...more };
}

/** Sends an event over the current connection until the command has shown it. */
async function showsEvent({ saas }: Scene, running: RunningCommand, text: string): Promise<void> {
  await saas.until(() => saas.sockets.size > 0);
  saas.pushToSockets(event(text));
  await running.shows(new RegExp(`"text":"${text}"`));
}

/** Processes, other than this one, that have the folder of a scene in their environment: the command, and what it started. */
function processesOf({ folder }: Scene): string[] {
  if (process.platform !== "linux") return [];
  return readdirSync("/proc").filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/environ`, "latin1").includes(folder);
    } catch {
      return false;
    }
  });
}

async function interrupt(at: Scene, running: RunningCommand): Promise<void> {
  running.child.kill("SIGINT");
  const { code, stderr } = await running.ended;
  assert.equal(code, 130, stderr);
  assert.match(stderr, /error: interrupted( \(SIGINT\))?\nhint: Nothing was changed\n$/);
  assert.deepEqual(processesOf(at), []);
}

test("sync watch prints the snapshot and each event on a line, nothing else, and ends at Ctrl-C", async (t) => {
  const at = await watched(t);
  at.saas.workPackages = [{ id: "WP01" }, { id: "WP02" }];
  const running = at.watch();
  await running.shows(/work packages/);
  await showsEvent(at, running, "one");
  await showsEvent(at, running, "two");
  const line = (text: string): string => `2026-01-02T03:04:05Z  HistoryAdded  WP01  {"text":"${text}"}\n`;
  assert.equal(running.stdout(), line("one") + line("two"));
  // Exactly this: no warning by the runtime about its WebSocket.
  assert.equal(running.stderr(), "Connected.\n2 work packages.\n");
  await interrupt(at, running);
  await at.saas.until(() => at.saas.sockets.size === 0);
});

test("FR-016 a watch gets a ticket for the default team with the access token, and sends it only in the header of the upgrade", async (t) => {
  const at = await watched(t);
  const running = at.watch();
  await running.shows(/Connected/);
  const asked = at.saas.requests.find(({ path }) => path.startsWith("/api/v1/ws-token"));
  assert.equal(asked?.body, '{"team_id":"tm_acme"}');
  assert.equal(at.saas.issued.get(asked?.headers.authorization?.replace("Bearer ", "") ?? ""), "access_token");
  assert.deepEqual(at.tickets().map((ticket) => at.saas.issued.get(ticket)), ["ws_token"]);
  assert.equal(at.saas.requests.find(({ path }) => path === "/ws")?.query.size, 0);
  await interrupt(at, running);
});

test("sync watch --json prints one JSON object a line, whatever an event contains", async (t) => {
  const at = await watched(t);
  at.saas.workPackages = [{ id: "WP01" }];
  const running = at.watch("--json");
  await running.shows(/snapshot/);
  const hostile = event("line\nbreak \u001b[2J \u009b \u2028 \u202e end");
  at.saas.pushToSockets(hostile);
  await showsEvent(at, running, "last");
  const lines = running.stdout().trimEnd().split("\n");
  assert.deepEqual(lines.map((line) => JSON.parse(line) as unknown), [{ type: "snapshot", work_packages: [{ id: "WP01" }] }, hostile, event("last")]);
  assert.doesNotMatch(running.stdout(), /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
  await interrupt(at, running);
});

test("S-008 an event takes one line of the terminal, whatever the service sends in it", async (t) => {
  const at = await watched(t);
  const running = at.watch();
  const hostile = "\u001b[2J\nerror: forged\r\u202e";
  await at.saas.until(() => at.saas.sockets.size > 0);
  at.saas.pushToSockets(event("", { timestamp: hostile, event_type: hostile, aggregate_id: hostile, payload: { a: hostile } }));
  at.saas.pushToSockets({ type: "event" });
  at.saas.pushToSockets(event("", { event_type: ["HistoryAdded"], aggregate_id: { id: 1 }, timestamp: null }));
  await showsEvent(at, running, "last");
  assert.doesNotMatch(running.stdout(), /^error:|(?!\n)[\p{Cc}\p{Cf}]/mu);
  assert.equal(running.stdout().split("\n").length, 5);
  await interrupt(at, running);
});

test("a ping is answered with its own timestamp", async (t) => {
  const at = await watched(t);
  const running = at.watch();
  await at.saas.until(() => at.saas.sockets.size > 0);
  at.saas.pushToSockets({ type: "ping", timestamp: "2026-01-02T03:04:05Z" });
  await at.saas.until(() => at.saas.frames.length > 0);
  assert.deepEqual(at.saas.frames, [{ type: "pong", timestamp: "2026-01-02T03:04:05Z" }]);
  await interrupt(at, running);
});

for (const [what, lose] of [
  ["closes the connection", ({ saas }) => saas.closeSockets(1001)],
  ["drops the connection without closing it", ({ saas }) => saas.closeSockets("abrupt")],
  ["sends bytes that are not a frame", ({ saas }) => saas.pushToSockets(Buffer.from([0xff, 0xff, 0, 1, 2, 3, 0x7f, 9, 9, 9]))],
  ["sends text that is not UTF-8", ({ saas }) => saas.pushToSockets(Buffer.from([0x81, 2, 0xc3, 0x28]))],
  [
    "restarts",
    async ({ saas }) => {
      await saas.stop();
      await saas.start();
    },
  ],
] satisfies [string, (at: Watched) => unknown][]) {
  test(`a service that ${what} is connected to again, with a new ticket`, async (t) => {
    const at = await watched(t);
    const running = at.watch();
    await showsEvent(at, running, "before");
    await lose(at);
    await at.saas.until(() => at.tickets().length === 2);
    await running.shows(/Connected\.[^]*Reconnecting …[^]*Connected\./);
    await showsEvent(at, running, "after");
    assert.equal(new Set(at.tickets()).size, 2);
    await interrupt(at, running);
  });
}

test("a service that pings, and then is silent for two minutes at least, is connected to again", async (t) => {
  const at = await watched(t);
  const running = startCommand(t, ["sync", "watch"], at.env, { nodeArgs: accelerated(200) });
  await showsEvent(at, running, "before");
  for (const timestamp of [1, 2]) at.saas.pushToSockets({ type: "ping", timestamp });
  // The service still considers the first connection open, so it sends nothing about it.
  await at.saas.until(() => at.tickets().length === 2);
  await running.shows(/Connected\.[^]*Reconnecting … \(the service has been silent for \d+ s\)\n[^]*Connected\./);
  await showsEvent(at, running, "after");
  await interrupt(at, running);
});

test("malformed frames are ignored, one of 10 MB is shown, and the connection continues", async (t) => {
  const at = await watched(t);
  const running = at.watch("--json");
  await at.saas.until(() => at.saas.sockets.size > 0);
  for (const garbage of ["", "not JSON", "null", "[]", "1", "{}", '{"type":7}', '{"type":"news"}', '{"type":"ack"}', '{"type":"error","event_id":1}', '{"type":"snapshot","work_packages":"many"}']) at.saas.pushToSockets(garbage);
  at.saas.pushToSockets(event("x".repeat(10 * 1024 * 1024)));
  await showsEvent(at, running, "after");
  const lines = running.stdout().trimEnd().split("\n");
  assert.deepEqual(lines.map(({ length }) => length > 10 * 1024 * 1024), [false, false, true, false]);
  assert.deepEqual(at.tickets().length, 1);
  await interrupt(at, running);
});

/** The header of a frame from the service: `fin` and what it is in the first byte, then the length. */
function frameHeader(first: number, length: number): Buffer {
  const header = Buffer.alloc(10);
  header[0] = first;
  header[1] = 127;
  header.writeBigUInt64BE(BigInt(length), 2);
  return header;
}

const mebibyte = Buffer.alloc(1024 * 1024, "x");
for (const [what, frames] of [
  ["a frame that announces a gigabyte", [frameHeader(0x81, 1024 ** 3)]],
  ["frames without an end", [frameHeader(0x01, mebibyte.length), mebibyte, ...Array.from({ length: 16 }, () => [frameHeader(0x00, mebibyte.length), mebibyte]).flat()]],
  ["empty frames without an end", [Buffer.from([0x01, 0]), Buffer.alloc(1024 * 1024)]],
] satisfies [string, Buffer[]][]) {
  test(`S-014 a message of the live connection is limited on the wire: ${what}`, async (t) => {
    const at = await watched(t);
    const running = at.watch();
    await showsEvent(at, running, "before");
    for (const frame of frames) at.saas.pushToSockets(frame);
    const { code, stderr } = await running.ended;
    assert.equal(code, 1);
    assert.match(stderr, /^error: "ws:\/\/\S+\/ws" sent a message of more than 16 MiB\nhint: Report this to the operator of the service\n$/m);
  });
}

test("S-014 compression is not offered on the live connection, and a service that compresses all the same is not listened to", async (t) => {
  const at = await watched(t);
  const running = at.watch();
  await showsEvent(at, running, "plain");
  assert.equal(at.saas.requests.find(({ path }) => path === "/ws")?.headers["sec-websocket-extensions"], undefined);
  await interrupt(at, running);
  at.saas.faults.next("/ws", { headers: { "Sec-WebSocket-Extensions": "permessage-deflate" } });
  const { code, stdout, stderr } = await at.watch().ended;
  assert.deepEqual([code, stdout], [1, ""]);
  assert.match(stderr, /^error: "ws:\/\/\S+\/ws" compresses, which was not offered$/m);
});

for (const [what, fault] of [
  ["500", { status: 500, body: "oops" }],
  ["503 with Retry-After", { status: 503, headers: { "Retry-After": "0" } }],
  ["429", { status: 429, headers: { "Retry-After": "0" } }],
  ["nothing at all", { reset: "before" }],
  ["401, which a refresh fixes", { status: 401, body: { error: "access_token_expired" } }],
] satisfies [string, Fault][]) {
  test(`a ticket request that is answered with ${what} is repeated`, async (t) => {
    const at = await watched(t);
    at.saas.faults.next("/api/v1/ws-token", fault);
    const running = at.watch();
    await showsEvent(at, running, "hello");
    assert.equal(at.tickets().length, 1);
    assert.equal(at.saas.count("/api/v1/ws-token"), 2);
    assert.equal(at.saas.counters.refreshes, "status" in fault && fault.status === 401 ? 1 : 0);
    await interrupt(at, running);
  });
}

for (const [what, fault, code, error, hint] of [
  ["403", { status: 403, body: { error: "not_a_team_member" } }, 5, 'you are not a member of team "tm_acme"', "Your teams: spec-kitty auth team"],
  ["404", { status: 404, body: { error: "team_not_found" } }, 1, 'the service does not know the team "tm_acme"', "Your teams: spec-kitty auth team"],
  ["401 again and again", { status: 401, body: { error: "access_token_expired" }, times: 2 }, 4, "the service refuses the access token even after a refresh", "Run: spec-kitty auth login"],
  ["a revoked session", { status: 401, body: { error: "session_invalid" } }, 4, /session .*(expired|revoked|over)/i, "Run: spec-kitty auth login"],
  ["something that is not a ticket", { body: { ws_token: "a b" } }, 1, /answered without a usable "ws_token"/, /auth status/],
  ["HTML", { body: "<html>welcome</html>" }, 1, /answered without a usable "ws_token"/, /auth status/],
  ["a remote address without encryption", { edit: (answer) => ({ ...answer, ws_url: "ws://live.example/ws" }) }, 1, /would carry the ticket in the clear to live\.example$/, /spec-kitty sync now/],
  ["an address with a token in its query", { edit: (answer) => ({ ...answer, ws_url: `${String(answer["ws_url"])}?access_token=${String(answer["ws_token"])}` }) }, 1, /carries a token in its query$/, /spec-kitty sync now/],
] satisfies [string, Fault, number, string | RegExp, string | RegExp][]) {
  test(`a ticket request that is answered with ${what} ends the watch with exit ${code}, without a connection`, async (t) => {
    const at = await watched(t);
    at.saas.faults.next("/api/v1/ws-token", fault);
    const result = await at.watch("--json").ended;
    assert.equal(result.code, code, result.stderr);
    const [, said = "", next = ""] = /^error: (.*)\nhint: (.*)\n$/.exec(result.stderr) ?? [];
    const { error: told } = JSON.parse(result.stdout) as ErrorOutput;
    assert.deepEqual([told.message, told.hint], [said, next]);
    for (const [text, expected] of [[said, error], [next, hint]] as const) {
      if (typeof expected === "string") assert.equal(text, expected);
      else assert.match(text, expected);
    }
    for (const secret of at.saas.issued.keys()) assert.ok(!result.stderr.includes(secret));
    assert.deepEqual(at.tickets(), []);
  });
}

test("a ticket that expired before it was used is replaced, and two in a row end the watch", async (t) => {
  const at = await watched(t);
  const late: Fault = {
    edit: (answer) => {
      const ticket = at.saas.tickets.get(String(answer["ws_token"]));
      if (ticket) ticket.expiresAt = 0;
      return answer;
    },
  };
  at.saas.faults.next("/api/v1/ws-token", late);
  const running = at.watch();
  await showsEvent(at, running, "hello");
  assert.match(running.stderr(), /^Reconnecting … \(".*\/ws" answered 401 to a fresh ticket\)\nConnected\.\n/);
  assert.equal(new Set(at.tickets()).size, 2);
  at.saas.faults.next("/api/v1/ws-token", { ...late, times: 2 });
  at.saas.closeSockets();
  const { code, stderr } = await running.ended;
  assert.equal(code, 5);
  assert.match(stderr, /error: ".*\/ws" answered 401 to a fresh ticket\nhint: .*spec-kitty auth login --force\n$/);
  assert.equal(new Set(at.tickets()).size, 4);
});

test("an upgrade that is answered with 503, a redirect or nothing is tried again, and a forbidden one is not", async (t) => {
  const at = await watched(t);
  at.saas.faults.next("/ws", { status: 503 });
  at.saas.faults.next("/ws", { status: 302, headers: { Location: "http://127.0.0.1:1/ws" } });
  at.saas.faults.next("/ws", { reset: "before" });
  const running = at.watch();
  await showsEvent(at, running, "hello");
  assert.equal(new Set(at.tickets()).size, 4);
  at.saas.faults.next("/ws", { status: 403 });
  at.saas.closeSockets();
  const { code, stderr } = await running.ended;
  assert.equal(code, 5);
  assert.match(stderr, /error: ".*\/ws" answered 403/);
});

test("a session that is revoked while a watch runs ends it once the connection is lost", async (t) => {
  const at = await watched(t);
  const running = at.watch();
  await running.shows(/Connected/);
  for (const id of at.saas.sessions.keys()) at.saas.revoke(id);
  at.saas.closeSockets();
  const { code, stderr } = await running.ended;
  assert.equal(code, 4);
  assert.match(stderr, /error: .*\nhint: Run: spec-kitty auth login\n$/);
});

test("without a login a watch fails with exit 4, and sends no request", async (t) => {
  const { saas, run } = await scene(t);
  const { code, stdout, stderr } = await run("sync watch");
  assert.deepEqual([code, stdout], [4, ""]);
  assert.match(stderr, /^error: not logged in.*\nhint: Run: spec-kitty auth login\n$/);
  assert.equal(saas.requests.length, 0);
});

test("without a team a watch fails with exit 5", async (t) => {
  const { saas, run } = await scene(t);
  saas.users.alice.teams = [];
  assert.equal((await run("auth login")).code, 0);
  const { code, stderr } = await run("sync watch");
  assert.equal(code, 5);
  assert.match(stderr, /^error: this account is not in a team/);
});

test("FR-016 SPEC_KITTY_ACCESS_TOKEN is used as is, for the team of its own user", async (t) => {
  const at = await watched(t);
  const token = at.saas.issue({ user: "bob" }).access_token;
  const running = at.watch("", { SPEC_KITTY_ACCESS_TOKEN: token });
  await running.shows(/Connected/);
  const asked = at.saas.requests.find(({ path }) => path.startsWith("/api/v1/ws-token"));
  assert.deepEqual([asked?.headers.authorization, asked?.body], [`Bearer ${token}`, '{"team_id":"tm_bolt"}']);
  assert.equal(at.saas.counters.refreshes, 0);
  await interrupt(at, running);
});

test("two terminals watch at once, each with a ticket of its own", async (t) => {
  const at = await watched(t);
  const both = [at.watch(), at.watch("--json")];
  await at.saas.until(() => at.saas.sockets.size === 2);
  at.saas.pushToSockets(event("for both"));
  for (const running of both) await running.shows(/for both/);
  assert.equal(new Set(at.tickets()).size, 2);
  both[0]?.child.kill("SIGINT");
  await both[0]?.ended;
  at.saas.pushToSockets(event("for one"));
  await both[1]?.shows(/for one/);
  assert.ok(both[1]);
  await interrupt(at, both[1]);
});

test("from the next connection on, a watch follows a changed default team", async (t) => {
  const at = await watched(t, { privateTeamspace: true });
  const running = at.watch();
  await at.saas.until(() => at.saas.sockets.size === 1);
  assert.deepEqual([...at.saas.sockets].map(({ team }) => team), ["tm_alice"]);
  assert.equal((await at.run("auth team tm_acme")).code, 0);
  at.saas.closeSockets();
  await at.saas.until(() => at.tickets().length === 2 && at.saas.sockets.size === 1);
  assert.deepEqual([...at.saas.sockets].map(({ team }) => team), ["tm_acme"]);
  await interrupt(at, running);
});

test("after another login on its profile, the next connection belongs to the new account", async (t) => {
  const at = await watched(t);
  at.saas.users.bob.teams = at.saas.users.alice.teams;
  const running = at.watch();
  await at.saas.until(() => at.saas.sockets.size === 1);
  await storeSession(at.saas, at.env, { ...sessionOf(at.saas, { user: "bob", leftMs: 3_600_000 }), teams: [{ id: "tm_acme", name: "Acme Corp" }] });
  at.saas.closeSockets();
  await at.saas.until(() => at.tickets().length === 2);
  const asked = at.saas.requests.filter(({ path }) => path === "/api/v1/ws-token").map(({ headers }) => at.saas.accessTokens.get(headers.authorization?.slice("Bearer ".length) ?? "")?.session.user);
  await interrupt(at, running);
  assert.deepEqual(asked, ["alice", "bob"]);
});

/** Accepts connections and, after an upgrade, neither reads nor answers, as a machine that is asleep. */
async function sleepingService(t: TestContext): Promise<{ url: string; upgrades(): number }> {
  let upgrades = 0;
  const service = await rawService(t, (socket, request) => {
    const key = /sec-websocket-key: (\S+)/i.exec(request.toString("latin1"))?.[1] ?? "";
    const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
    socket.pause();
    upgrades += 1;
  });
  return { url: `${service.replace("http:", "ws:")}/ws`, upgrades: () => upgrades };
}

test("Ctrl-C ends a watch at once even if the service does not answer: about the user, a ticket, an upgrade or a close", async (t) => {
  const at = await watched(t);
  const sleeping = await sleepingService(t);
  const token = at.saas.issue().access_token;
  const scenes: [string, Fault, CommandEnvironment, () => boolean][] = [
    ["/api/v1/me", { hang: true }, { SPEC_KITTY_ACCESS_TOKEN: token }, () => at.saas.count("/api/v1/me") === 1],
    ["/api/v1/ws-token", { hang: true }, {}, () => at.saas.count("/api/v1/ws-token") === 1],
    ["/ws", { hang: true }, {}, () => at.saas.count("/ws") === 1],
    ["/api/v1/ws-token", { edit: (answer) => ({ ...answer, ws_url: sleeping.url }) }, {}, () => at.saas.count("/api/v1/ws-token") === 3],
  ];
  for (const [path, fault, more, isThere] of scenes) {
    at.saas.faults.next(path, fault);
    const running = at.watch("", more);
    await at.saas.until(isThere);
    if (fault.edit) await running.shows(/Connected/);
    const since = performance.now();
    await interrupt(at, running);
    // The time limits of the program are 10 s and more.
    assert.ok(performance.now() - since < 5000, `${path} held it up`);
  }
  assert.equal(sleeping.upgrades(), 1);
});

test("Ctrl-C ends a watch that waits to connect again", async (t) => {
  const at = await watched(t);
  at.saas.faults.always("/api/v1/ws-token", { status: 503, headers: { "Retry-After": "3600" } });
  const running = at.watch();
  await running.shows(/Reconnecting …/);
  await interrupt(at, running);
});

test("a Retry-After longer than any timer does not make a watch reconnect in a loop", async (t) => {
  const at = await watched(t);
  at.saas.faults.always("/api/v1/ws-token", { status: 503, headers: { "Retry-After": "99999999999" } });
  const running = at.watch();
  await running.shows(/Reconnecting …/);
  await at.run("auth status");
  assert.equal(at.saas.count("/api/v1/ws-token"), 1);
  assert.doesNotMatch(running.stderr(), /Warning/);
  await interrupt(at, running);
});

test("Ctrl-C in a terminal ends a watch with one error, and leaves nothing behind", { skip: noTerminal }, async (t) => {
  const at = await watched(t);
  const running = startOnTerminal(t, ["sync", "watch"], { ...at.env, NO_COLOR: "1" });
  await running.shows(/work packages/);
  running.type("\u0003");
  const { code, stdout } = await running.ended;
  assert.equal(code, 130);
  assert.match(stdout, /error: interrupted( \(SIGINT\))?\r\nhint: Nothing was changed\r\n$/);
  assert.equal(stdout.match(/error:/g)?.length, 1);
  assert.deepEqual(processesOf(at), []);
});

test("a watch that is killed leaves no process behind", async (t) => {
  const at = await watched(t);
  const running = at.watch();
  await running.shows(/Connected/);
  running.child.kill("SIGKILL");
  // A process that holds its output would make this wait.
  assert.equal((await running.ended).signal, "SIGKILL");
  await at.saas.until(() => at.saas.sockets.size === 0);
});

test("a watch ends when nothing reads its output anymore", async (t) => {
  const at = await watched(t);
  const running = at.watch("--json");
  await running.shows(/snapshot/);
  running.child.stdout?.destroy();
  await at.saas.until(() => at.saas.sockets.size > 0);
  at.saas.pushToSockets(event("for nobody"));
  assert.equal((await running.ended).code, 0);
});

test("behind a proxy a watch connects through it or says why it cannot, and never connects directly", async (t) => {
  const at = await scene(t);
  const { saas, folder } = at;
  const { key, cert } = testCertificate("service.test");
  writeFileSync(join(folder, "authority.pem"), cert);
  // The service has a name and TLS, since no proxy is used for this machine.
  const service = createSecureServer({ key, cert }, (socket) => {
    const onward = connect(Number(new URL(saas.url).port), "127.0.0.1");
    socket.on("error", () => onward.destroy());
    onward.on("error", () => socket.destroy());
    socket.pipe(onward).pipe(socket);
  }).listen(0, "127.0.0.1");
  t.after(() => service.close());
  await once(service, "listening");
  await using proxy = await startProxy({ routes: { "service.test:443": (service.address() as AddressInfo).port } });
  saas.faults.always("/api/v1/ws-token", { edit: (answer) => ({ ...answer, ws_url: "wss://service.test/ws" }) });
  const env: CommandEnvironment = {
    ...at.env,
    SPEC_KITTY_SAAS_URL: "https://service.test",
    SPEC_KITTY_ACCESS_TOKEN: saas.issue().access_token,
    HTTPS_PROXY: proxy.url,
    NODE_EXTRA_CA_CERTS: join(folder, "authority.pem"),
  };
  const knowsByItself = "setGlobalProxyFromEnv" in (await import("node:http"));
  const canBeTold = process.allowedNodeEnvironmentFlags.has("--use-env-proxy");
  for (const more of [{}, { NODE_USE_ENV_PROXY: "1", NODE_NO_WARNINGS: "1" }]) {
    const before = saas.count("/ws");
    const running = startCommand(t, ["sync", "watch"], { ...env, ...more });
    if (knowsByItself || (canBeTold && "NODE_USE_ENV_PROXY" in more)) {
      await showsEvent(at, running, "through the proxy");
      assert.equal(saas.count("/ws"), before + 1);
      await interrupt(at, running);
    } else {
      const { code, stderr } = await running.ended;
      assert.equal(code, 2);
      assert.match(stderr, /^error: the WebSocket of Node v\S+ cannot go through the proxy http:\/\/127\.0\.0\.1:\d+\nhint: .*NO_PROXY\n$/);
      assert.match(stderr, canBeTold ? /export NODE_USE_ENV_PROXY=1/ : /Use Node 24\.14 or later/);
      assert.equal(saas.count("/ws"), before);
    }
  }
  assert.ok(proxy.requests.every(({ method, target }) => method === "CONNECT" && target === "service.test:443"));
});
