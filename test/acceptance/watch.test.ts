import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect, type AddressInfo } from "node:net";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { createServer as createSecureServer } from "node:tls";
import type { Fault } from "../fake-saas/faults.ts";
import type { FakeOptions } from "../fake-saas/options.ts";
import { testCertificate } from "../helpers/certificate.ts";
import { startCommand, type CommandEnvironment, type RunningCommand } from "../helpers/command.ts";
import { startProxy } from "../helpers/proxy.ts";
import { noTerminal, startOnTerminal } from "../helpers/pseudo-terminal.ts";
import { rawService, scene, type Scene } from "../helpers/scene.ts";
import { sessionOf, storeSession } from "../helpers/stored-session.ts";
import { until } from "../helpers/until.ts";

interface Watched extends Scene {
  watch(args?: string, more?: CommandEnvironment): RunningCommand;
  /** In order. */
  tickets(): string[];
}

/** With alice logged in. */
async function watched(t: TestContext, options: Partial<FakeOptions> = {}): Promise<Watched> {
  const at = await scene(t, options);
  const { saas, env } = at;
  const teams = saas.users.alice.teams.map(({ id, name, role, is_private_teamspace: isPrivateTeamspace = false }) => ({
    id,
    name: name ?? id,
    ...(role !== undefined && { role }),
    isPrivateTeamspace,
  }));
  await storeSession(saas, env, { ...sessionOf(saas, { leftMs: 3_600_000 }), teams });
  return {
    ...at,
    watch: (args = "", more = {}) =>
      startCommand(t, ["sync", "watch", ...args.split(" ").filter(Boolean)], { ...env, ...more }),
    tickets: () =>
      saas.requests
        .filter(({ path }) => path === "/ws")
        .map(({ headers }) => /^Bearer (\S+)$/.exec(headers.authorization ?? "")?.[1] ?? ""),
  };
}

function event(text: string, more: object = {}): object {
  return {
    type: "event",
    event_id: "01ARZ3NDEKTSV4RRFFQ69G5FAV",
    event_type: "HistoryAdded",
    aggregate_id: "WP01",
    timestamp: "2026-01-02T03:04:05Z",
    payload: { text },
    ...more,
  };
}

/** Repeats an event on the current connection until the command shows it. */
async function showsEvent({ saas }: Scene, running: RunningCommand, text: string): Promise<void> {
  await saas.until(() => saas.sockets.size > 0);
  saas.pushToSockets(event(text));
  await running.shows(new RegExp(`"text":"${text}"`));
}

/** Other processes with the scene's directory in their environment: the command and its children. */
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
  assert.match(stderr, /error: interrupted( \(SIGINT\))?\nhint: Run the command again\n$/);
  assert.deepEqual(processesOf(at), []);
}

test("FR-016 sync watch gets a ticket for the default team, prints the snapshot and each event on a line, and ends at Ctrl-C", async (t) => {
  const at = await watched(t);
  at.saas.workPackages = [{ id: "WP01" }, { id: "WP02" }];
  const running = at.watch();
  await running.shows(/work packages/);
  await showsEvent(at, running, "one");
  await showsEvent(at, running, "two");
  const line = (text: string): string => `2026-01-02T03:04:05Z  HistoryAdded  WP01  {"text":"${text}"}\n`;
  assert.equal(running.stdout(), line("one") + line("two"));
  // No warning of the runtime about its WebSocket.
  assert.equal(running.stderr(), "Connected.\n2 work packages.\n");
  const asked = at.saas.requests.find(({ path }) => path.startsWith("/api/v1/ws-token"));
  assert.equal(asked?.body, '{"team_id":"tm_acme"}');
  assert.equal(at.saas.issued.get(asked?.headers.authorization?.replace("Bearer ", "") ?? ""), "access_token");
  assert.deepEqual(
    at.tickets().map((ticket) => at.saas.issued.get(ticket)),
    ["ws_token"],
  );
  assert.equal(at.saas.requests.find(({ path }) => path === "/ws")?.query.size, 0);
  await interrupt(at, running);
  await at.saas.until(() => at.saas.sockets.size === 0);
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
  assert.deepEqual(
    lines.map((line) => JSON.parse(line) as unknown),
    [{ type: "snapshot", work_packages: [{ id: "WP01" }] }, hostile, event("last")],
  );
  assert.doesNotMatch(running.stdout(), /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
  await interrupt(at, running);
});

test("S-008 an event takes one line of the terminal, whatever the service sends in it", async (t) => {
  const at = await watched(t);
  const running = at.watch();
  const hostile = "\u001b[2J\nerror: forged\r\u202e";
  await at.saas.until(() => at.saas.sockets.size > 0);
  at.saas.pushToSockets(
    event("", { timestamp: hostile, event_type: hostile, aggregate_id: hostile, payload: { a: hostile } }),
  );
  at.saas.pushToSockets({ type: "event" });
  at.saas.pushToSockets(event("", { event_type: ["HistoryAdded"], aggregate_id: { id: 1 }, timestamp: null }));
  await showsEvent(at, running, "last");
  assert.doesNotMatch(running.stdout(), /^error:|(?!\n)[\p{Cc}\p{Cf}]/mu);
  assert.equal(running.stdout().split("\n").length, 5);
  await interrupt(at, running);
});

test("a service that drops the connection without closing it is connected to again, with a new ticket", async (t) => {
  const at = await watched(t);
  const running = at.watch();
  await showsEvent(at, running, "before");
  at.saas.closeSockets("abrupt");
  await at.saas.until(() => at.tickets().length === 2);
  await running.shows(/Connected\.[^]*Reconnecting …[^]*Connected\./);
  await showsEvent(at, running, "after");
  assert.equal(new Set(at.tickets()).size, 2);
  await interrupt(at, running);
});

test("S-014 a message of the live connection that never ends is not held in memory: exit 1, and a hint to contact the operator", async (t) => {
  const at = await watched(t);
  const running = at.watch();
  await showsEvent(at, running, "before");
  at.saas.pushToSockets(Buffer.from([0x01, 0]));
  at.saas.pushToSockets(Buffer.alloc(1024 * 1024));
  const { code, stderr } = await running.ended;
  assert.equal(code, 1);
  assert.match(
    stderr,
    /^error: "ws:\/\/\S+\/ws" sent a message of more than 16 MiB\nhint: Report this to the operator of the service\n$/m,
  );
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

/** Accepts connections and upgrades, then neither reads nor responds, as a sleeping machine. */
async function sleepingService(t: TestContext): Promise<{ url: string; upgrades(): number }> {
  let upgrades = 0;
  const service = await rawService(t, (socket, request) => {
    const key = /sec-websocket-key: (\S+)/i.exec(request.toString("latin1"))?.[1] ?? "";
    const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    socket.pause();
    upgrades += 1;
  });
  return { url: `${service.replace("http:", "ws:")}/ws`, upgrades: () => upgrades };
}

test("Ctrl-C ends a watch at once even if the service does not respond: about the user, a ticket, an upgrade or a close", async (t) => {
  const at = await watched(t);
  const sleeping = await sleepingService(t);
  const token = at.saas.issue().access_token;
  const scenes: [string, Fault, CommandEnvironment, () => boolean][] = [
    ["/api/v1/me", { hang: true }, { SPEC_KITTY_ACCESS_TOKEN: token }, () => at.saas.count("/api/v1/me") === 1],
    ["/api/v1/ws-token", { hang: true }, {}, () => at.saas.count("/api/v1/ws-token") === 1],
    ["/ws", { hang: true }, {}, () => at.saas.count("/ws") === 1],
    [
      "/api/v1/ws-token",
      { edit: (answer) => ({ ...answer, ws_url: sleeping.url }) },
      {},
      () => at.saas.count("/api/v1/ws-token") === 3,
    ],
  ];
  for (const [path, fault, more, isThere] of scenes) {
    at.saas.faults.next(path, fault);
    const running = at.watch("", more);
    await at.saas.until(isThere);
    if (fault.edit) await running.shows(/Connected/);
    // The program's limits are 10 s and more.
    await until(`a watch ends that waits for ${path}`, interrupt(at, running), 5_000);
  }
  assert.equal(sleeping.upgrades(), 1);
});

test("Ctrl-C ends a watch that waits to connect again, which a Retry-After longer than any timer does not turn into a loop", async (t) => {
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
  assert.match(stdout, /error: interrupted( \(SIGINT\))?\r\nhint: Run the command again\r\n$/);
  assert.equal(stdout.match(/error:/g)?.length, 1);
  assert.deepEqual(processesOf(at), []);
});

test("a watch that is killed leaves no process behind", async (t) => {
  const at = await watched(t);
  const running = at.watch();
  await running.shows(/Connected/);
  running.child.kill("SIGKILL");
  // A process that holds its output would block this.
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
  // With a name and TLS: this machine gets no proxy.
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
      assert.match(
        stderr,
        /^error: the WebSocket of Node\.js v\S+ cannot go through the proxy http:\/\/127\.0\.0\.1:\d+\nhint: .*NO_PROXY\n$/,
      );
      assert.match(stderr, canBeTold ? /export NODE_USE_ENV_PROXY=1/ : /Use Node\.js 24\.14 or later/);
      assert.equal(saas.count("/ws"), before);
    }
  }
  assert.ok(proxy.requests.every(({ method, target }) => method === "CONNECT" && target === "service.test:443"));
});
