import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { webSocketTicket, type WebSocketTicket } from "../../../src/auth/websocket/ticket.ts";
import type { Credential } from "../../../src/auth/sessions/session.ts";
import { AuthError, NotAuthenticatedError, type AuthErrorCode } from "../../../src/base/errors.ts";
import { Secret } from "../../../src/base/secret.ts";
import { authorized, type Authorized } from "../../helpers/authorized.ts";
import { hintOf } from "../../helpers/hint.ts";

const path = "/api/v1/ws-token";

function ticket(world: Authorized, team = "tm_acme"): Promise<WebSocketTicket> {
  return webSocketTicket(team, world);
}

function fails(code: AuthErrorCode, message: RegExp, hint: RegExp = /./): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof AuthError, inspect(error));
    assert.equal(error.code, code);
    assert.match(error.message, message);
    assert.match(hintOf(error), hint);
    return true;
  };
}

test("FR-016 a ticket is requested with the access token, for one team", async (t) => {
  const world = await authorized(t);
  const { url, ticket: secret } = await ticket(world);
  assert.equal(url.href, `${world.saas.url.replace("http", "ws")}/ws`);
  assert.equal(world.saas.issued.get(secret.reveal()), "ws_token");
  assert.equal(world.saas.requests.at(-1)?.body, '{"team_id":"tm_acme"}');
  assert.equal(world.saas.counters.refreshes, 0);
});

test("FR-009 an access token with less than 300 seconds left is refreshed first", async (t) => {
  const world = await authorized(t, { session: { leftMs: 299_000 } });
  await ticket(world);
  assert.deepEqual(
    world.saas.requests.map((request) => request.path),
    ["/oauth/token", path],
  );
  const other = await authorized(t, { session: { leftMs: 310_000 } });
  await ticket(other);
  assert.equal(other.saas.counters.refreshes, 0);
});

test("FR-011 a 401 leads to one refresh and one replay; a second 401 says to log in", async (t) => {
  const world = await authorized(t);
  world.saas.expireAccessTokens();
  await ticket(world);
  assert.equal(world.saas.counters.refreshes, 1);
  world.saas.faults.always(path, { status: 401, body: { error: "invalid_token" } });
  await assert.rejects(ticket(world), NotAuthenticatedError);
  assert.equal(world.saas.counters.refreshes, 2);
});

test("every refusal is an error with a code and a next step", async (t) => {
  const world = await authorized(t);
  await assert.rejects(ticket(world, "tm_bolt"), fails("access_denied", /not a member of team "tm_bolt"/, /auth team/));
  await assert.rejects(
    ticket(world, "tm_none"),
    fails("service_rejected", /does not know the team "tm_none"/, /auth team/),
  );
  world.saas.faults.next(path, { status: 403, body: { error: "forbidden" } });
  await assert.rejects(ticket(world), fails("access_denied", /not a member/));
  world.saas.faults.next(path, { status: 503 });
  await assert.rejects(ticket(world), fails("service_unavailable", /503/));
  world.saas.faults.next(path, { reset: "before" });
  await assert.rejects(ticket(world), fails("network_unavailable", /cannot reach/));
  world.saas.faults.next(path, { status: 302, headers: { Location: "http://127.0.0.1:1/" } });
  await assert.rejects(ticket(world), fails("service_answer_invalid", /302/));
});

test("a service not responding within 10 seconds is unreachable", async (t) => {
  const world = await authorized(t);
  world.saas.faults.next(path, { hang: true });
  const late = assert.rejects(ticket(world), fails("network_unavailable", /in time/));
  await world.saas.until(() => world.saas.count(path) === 1);
  world.clock.pass(10_000);
  await late;
});

test("all four members of the response are required", async (t) => {
  const world = await authorized(t);
  const wrong: Record<string, unknown>[] = [
    { ws_token: undefined },
    { ws_token: "a b" },
    { ws_token: "a\r\nX: y" },
    { ws_url: undefined },
    { ws_url: 7 },
    { expires_in: undefined },
    { expires_in: 0 },
    { expires_in: "60" },
    { session_id: undefined },
  ];
  for (const change of wrong) {
    world.saas.faults.next(path, { edit: (answer) => ({ ...answer, ...change }) });
    await assert.rejects(ticket(world), fails("service_answer_invalid", /responded without/), inspect(change));
  }
  world.saas.faults.next(path, { body: "<html>" });
  await assert.rejects(ticket(world), fails("service_answer_invalid", /ws_token/));
});

test("S-005 a ticket does not print itself, and no error quotes it", async (t) => {
  const world = await authorized(t);
  const got = await ticket(world);
  assert.ok(!inspect(got, { depth: 9, showHidden: true }).includes(got.ticket.reveal()));
  world.saas.faults.next(path, {
    edit: (answer) => ({ ...answer, ws_url: `ws://evil.example/ws?token=${String(answer["ws_token"])}` }),
  });
  const error = await ticket(world).catch((caught: unknown) => caught);
  for (const secret of world.saas.issued.keys()) assert.ok(!inspect(error, { depth: 9 }).includes(secret));
});

/** From a `ws_url`. */
async function socketAddress(ws_url: string, service = "http://127.0.0.1:1"): Promise<URL> {
  const credential: Credential = { accessToken: new Secret("at"), tokenType: "Bearer", clockOffsetMs: 0 };
  const fetch = async (): Promise<Response> =>
    Response.json({ ws_token: "wt", ws_url, expires_in: 60, session_id: "s" });
  return (
    await webSocketTicket("tm_acme", {
      tokens: { getCredential: async () => credential, service: async () => service },
      fetch,
    })
  ).url;
}

test("http becomes ws and https becomes wss, with path and query kept", async () => {
  assert.equal((await socketAddress("https://live.example:8443/ws?team=a")).href, "wss://live.example:8443/ws?team=a");
  assert.equal((await socketAddress("http://localhost:1/ws")).href, "ws://localhost:1/ws");
  assert.equal((await socketAddress("wss://live.example/ws")).href, "wss://live.example/ws");
  assert.equal((await socketAddress("ws://127.9.9.9/ws")).href, "ws://127.9.9.9/ws");
  assert.equal((await socketAddress("WS://[::1]:5/ws")).href, "ws://[::1]:5/ws");
});

test("S-007 a URL that would send the ticket in the clear, expose it in a log, or use another protocol is refused", async () => {
  const refused = [
    "ws://live.example/ws",
    "http://localhost.evil.example/ws",
    "ws://127.0.0.1.evil.example/",
    "wss://live.example/ws?token=x",
    "wss://live.example/ws?a=b&Access_TOKEN=x",
    "wss://live.example/ws?%74oken",
    "wss://user:pw@live.example/ws",
    "wss://live.example/ws#x",
    "ftp://localhost/",
    "javascript:alert(1)",
    "/ws",
    "",
  ];
  for (const address of refused)
    await assert.rejects(socketAddress(address), fails("service_answer_invalid", /live updates/), address);
});

test("S-013 a service elsewhere does not lead the ticket to this machine, however the machine is written", async () => {
  const hosts = [
    "127.0.0.1:1",
    "localhost",
    "localhost.:8443",
    "live.localhost",
    "localhost.localdomain",
    "ip6-localhost",
    "0.0.0.0",
    "2130706433",
    "0x7f.1",
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:0.0.0.0]",
  ];
  for (const host of hosts)
    for (const scheme of ["wss", "ws"])
      await assert.rejects(
        socketAddress(`${scheme}://${host}/ws`, "https://service.example"),
        fails("service_answer_invalid", /leads to this machine/),
        host,
      );
  assert.equal(
    (await socketAddress("wss://localhost.example/ws", "https://service.example")).host,
    "localhost.example",
  );
});
