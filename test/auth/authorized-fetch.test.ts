import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { test, type TestContext } from "node:test";
import { inspect } from "node:util";
import { createApp } from "../../src/app/create-app.ts";
import { createAuthorizedFetch } from "../../src/auth/authorized-fetch.ts";
import { AuthError, NotAuthenticatedError, ServiceError } from "../../src/base/errors.ts";
import { systemClock } from "../../src/platform/clock.ts";
import type { FakeRequest } from "../fake-saas/http.ts";
import { authorized, type Authorized } from "../helpers/authorized.ts";
import { sessionOf, storeSession } from "../helpers/stored-session.ts";
import { hintOf } from "../helpers/hint.ts";

const path = "/api/v1/echo";

/** A foreign server that records requests. */
async function stranger(
  t: TestContext,
  status = 200,
  body = "{}",
): Promise<{ url: string; authorizations: (string | undefined)[] }> {
  const authorizations: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    authorizations.push(request.headers.authorization);
    response.writeHead(status, { "content-type": "application/json" }).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, authorizations };
}

function requestsTo(world: Authorized, at = path): FakeRequest[] {
  return world.saas.requests.filter((request) => request.path === at);
}

test("FR-017 a request carries the access token, whatever the caller says in its place", async (t) => {
  const world = await authorized(t, { saas: { basePath: "/base" } });
  const said = { Authorization: "Bearer mine", AUTHORIZATION: "Bearer mine too", "X-Team-Slug": "tm_acme" };
  for (const headers of [said, Object.entries(said), new Headers(said)]) {
    const response = await world.fetch(`${path}?a=1`, { headers });
    const shown = (await response.json()) as { query: unknown; headers: Record<string, string> };
    assert.deepEqual(shown.query, [["a", "1"]]);
    assert.equal(shown.headers["x-team-slug"], "tm_acme");
    assert.equal(
      requestsTo(world).at(-1)?.headers.authorization,
      `Bearer ${(await world.stored())?.accessToken.reveal()}`,
    );
  }
});

for (const bytes of [10, 100_000]) {
  test(`FR-011 a 401 whose body breaks off after ${bytes} bytes leads to one refresh and one replay as well`, async (t) => {
    const world = await authorized(t);
    const { tokens, clock } = world;
    let isFirst = true;
    const broken = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (isFirst) controller.enqueue(new Uint8Array(bytes));
        else controller.error(new TypeError("terminated"));
        isFirst = false;
      },
    });
    const answers = [new Response(broken, { status: 401 }), new Response("fine")];
    const fetch = createAuthorizedFetch({
      tokens,
      clock,
      fetch: async () => answers.shift() ?? new Response(null, { status: 500 }),
    });
    assert.equal(await (await fetch(path)).text(), "fine");
    assert.equal(world.saas.counters.refreshes, 1);
  });
}

for (const [name, body] of Object.entries({
  access_token_expired: { error: "access_token_expired" },
  invalid_token: { error: "invalid_token" },
  "an unknown error": { error: "tea_time" },
  "no JSON": "<html>401</html>",
  "no body": "",
})) {
  test(`FR-011 a 401 with ${name} leads to one refresh and one replay`, async (t) => {
    const world = await authorized(t);
    world.saas.faults.next(path, { status: 401, body });
    const response = await world.fetch(path, { method: "POST", body: '{"a":1}' });
    assert.equal(response.status, 200);
    assert.equal(((await response.json()) as { body: string }).body, '{"a":1}');
    assert.equal(world.saas.counters.refreshes, 1);
    assert.equal(requestsTo(world).length, 2);
    assert.notEqual(requestsTo(world)[0]?.headers.authorization, requestsTo(world)[1]?.headers.authorization);
  });
}

test("FR-011 a second 401 is final and comes back whole", async (t) => {
  const world = await authorized(t);
  world.saas.faults.next(path, { status: 401, body: { error: "invalid_token", note: "no" }, times: 5 });
  const response = await world.fetch(path);
  assert.equal(response.status, 401, "the sixth answer would be another");
  assert.deepEqual(await response.json(), { error: "invalid_token", note: "no" });
  assert.equal(world.saas.counters.refreshes, 1);
  assert.equal(requestsTo(world).length, 2);
  assert.ok(await world.stored());
});

test("FR-011 FR-010 a hundred requests refused at once lead to one refresh", async (t) => {
  const world = await authorized(t);
  world.saas.expireAccessTokens();
  const answers = await Promise.all(Array.from({ length: 100 }, () => world.fetch(path)));
  assert.ok(answers.every(({ status }) => status === 200));
  assert.equal(world.saas.counters.refreshes, 1);
});

test("FR-011 a 401 for a token that was replaced meanwhile is replayed without a refresh", async (t) => {
  const world = await authorized(t);
  let open = (): void => undefined;
  const gate = new Promise<void>((resolve) => (open = resolve));
  world.saas.faults.next(path, { status: 401, body: { error: "invalid_token" }, gate });
  const late = world.fetch(path);
  await world.saas.until(() => requestsTo(world).length === 1);
  await world.tokens.refresh();
  open();
  assert.equal((await late).status, 200);
  assert.equal(world.saas.counters.refreshes, 1);
});

for (const error of ["session_invalid", "token_revoked"] as const) {
  test(`a 401 with ${error} ends the session: it is deleted, and nothing is refreshed`, async (t) => {
    const world = await authorized(t);
    const cleared: unknown[] = [];
    world.tokens.events.on("ended", (event) => cleared.push(event));
    for (const session of world.saas.sessions.values()) session.ended = error;
    const refused = Promise.all([1, 2, 3].map(() => assert.rejects(world.fetch(path), isOver)));
    await refused;
    assert.equal(await world.stored(), undefined);
    assert.equal(world.saas.count("/oauth/token"), 0);
    assert.deepEqual(cleared, [{ profile: "default", reason: "revoked" }]);
    await assert.rejects(world.fetch(path), NotAuthenticatedError);
  });
}

function isOver(error: unknown): boolean {
  return (
    error instanceof NotAuthenticatedError &&
    error.code === "session_ended" &&
    error.message.startsWith("Session expired or revoked: ")
  );
}

test("S-002 session_invalid for a replaced session deletes nothing, and the request is replayed with the new one", async (t) => {
  const world = await authorized(t);
  await world.tokens.getAccessToken();
  for (const id of world.saas.sessions.keys()) world.saas.revoke(id);
  const next = sessionOf(world.saas, { now: world.clock.now(), leftMs: 3_600_000 });
  await storeSession(world.saas, {}, next, { sessions: world.store, clock: world.clock });
  assert.equal((await world.fetch(path)).status, 200);
  assert.ok((await world.stored())?.accessToken.equals(next.accessToken));
});

test("S-001 a request that was refused as one user is not replayed as another user that logged in meanwhile", async (t) => {
  for (const error of ["invalid_token", "session_invalid"]) {
    const world = await authorized(t);
    await world.tokens.getAccessToken();
    const bob = sessionOf(world.saas, { user: "bob", now: world.clock.now(), leftMs: 3_600_000 });
    await storeSession(world.saas, {}, bob, { sessions: world.store, clock: world.clock });
    world.saas.faults.next(path, { status: 401, body: { error } });
    const post = (): Promise<Response> => world.fetch(path, { method: "POST", body: "alice's" });
    await assert.rejects(post(), (refused) => {
      assert.ok(refused instanceof NotAuthenticatedError, inspect(refused));
      assert.equal(
        refused.message,
        "the service rejects the access token of alice@example.com, but bob@example.com is logged in now",
      );
      assert.equal(hintOf(refused), "To send it as bob@example.com, send it again");
      return true;
    });
    assert.equal(requestsTo(world).length, 1, error);
    assert.ok((await world.stored())?.accessToken.equals(bob.accessToken));
    assert.equal((await post()).status, 200);
  }
});

test("a session_invalid in response to the replay ends the session too", async (t) => {
  const world = await authorized(t);
  world.saas.faults.next(path, { status: 401, body: { error: "invalid_token" } });
  world.saas.faults.next(path, { status: 401, body: { error: "session_invalid" } });
  await assert.rejects(world.fetch(path), isOver);
  assert.equal(await world.stored(), undefined);
});

test("WWW-Authenticate says that the session was revoked where there is no JSON", async (t) => {
  const world = await authorized(t);
  const headers = { "WWW-Authenticate": 'Basic realm="x", Bearer realm="api, v1", error="token_revoked"' };
  world.saas.faults.next(path, { status: 401, headers });
  await assert.rejects(world.fetch(path), isOver);
});

test("S-004 a refresh that fails after a 401 is the error, and the session stays", async (t) => {
  const world = await authorized(t);
  world.saas.expireAccessTokens();
  world.saas.faults.always("/oauth/token", { status: 503 });
  await assert.rejects(
    world.fetch(path),
    (error) => error instanceof ServiceError && error.code === "service_unavailable",
  );
  assert.ok(await world.stored());
});

test("a token from the environment is sent as is, and its 401 comes back", async (t) => {
  const world = await authorized(t);
  const tokens = createApp({
    env: { SPEC_KITTY_SAAS_URL: world.saas.url, SPEC_KITTY_ACCESS_TOKEN: "at_gone" },
    sessions: world.store,
  }).tokens();
  const fetchWith = createAuthorizedFetch({ tokens, clock: world.clock, fetch });
  assert.equal((await fetchWith(path)).status, 401);
  assert.equal(requestsTo(world).length, 1, "there is no other token to send it with");
  world.saas.faults.next(path, { status: 401, body: { error: "session_invalid" } });
  await assert.rejects(
    fetchWith(path),
    (error) => error instanceof NotAuthenticatedError && /SPEC_KITTY_ACCESS_TOKEN/.test(hintOf(error)),
  );
  assert.ok(await world.stored(), "the stored session was not the one that was refused");
});

test("S-001 an absolute URL elsewhere gets no token, and its response changes no session", async (t) => {
  const world = await authorized(t);
  const { url, authorizations } = await stranger(t, 401, '{"error":"session_invalid"}');
  assert.equal((await world.fetch(`${url}/x`)).status, 401);
  assert.equal((await world.fetch(new Request(`${url}/x`))).status, 401);
  assert.deepEqual(authorizations, [undefined, undefined]);
  assert.ok(await world.stored());
});

test("a request to another URL needs no login", async (t) => {
  const { url } = await stranger(t);
  const nobody = (): Promise<never> => Promise.reject(new NotAuthenticatedError("not logged in"));
  const tokens = { service: async () => "https://service.example", getCredential: nobody, sessionRefused: nobody };
  const fetchWith = createAuthorizedFetch({ tokens, clock: systemClock, fetch });
  assert.equal((await fetchWith(url)).status, 200);
  await assert.rejects(fetchWith("/x"), NotAuthenticatedError);
});

test("S-001 a redirect to another origin loses the token, and the 401 there touches no session", async (t) => {
  const world = await authorized(t);
  const { url, authorizations } = await stranger(t, 401, '{"error":"session_invalid"}');
  for (const status of [301, 302, 303, 307, 308]) {
    world.saas.faults.next(path, { status, headers: { Location: `${url}/x` } });
    assert.equal((await world.fetch(path)).status, 401);
  }
  assert.deepEqual(authorizations, Array(5).fill(undefined));
  assert.equal(world.saas.counters.refreshes, 0);
  assert.ok(await world.stored());
});

test("S-013 a 307 to another origin takes neither the body of a POST nor a header of the request along", async (t) => {
  const world = await authorized(t);
  const { url, authorizations } = await stranger(t, 200, "{}");
  world.saas.faults.next(path, { status: 307, headers: { Location: `${url}/steal` } });
  await assert.rejects(
    world.fetch(path, { method: "POST", body: "artifact" }),
    (error) => error instanceof AuthError && error.code === "service_rejected" && / redirects to /.test(error.message),
  );
  world.saas.faults.next(path, { status: 302, headers: { Location: `${url}/steal` } });
  await assert.rejects(
    world.fetch(path, { redirects: "service" }),
    (error) => error instanceof AuthError && error.code === "service_rejected",
  );
  assert.deepEqual(authorizations, [], "nothing was sent there");
});

test("redirects without an end are an error after twenty, and a caller that follows none gets the first", async (t) => {
  const world = await authorized(t);
  for (let count = 0; count < 30; count += 1)
    world.saas.faults.next("/loop", { status: 302, headers: { Location: "/loop" } });
  await assert.rejects(
    world.fetch("/loop"),
    (error) => error instanceof AuthError && /too many times/.test(error.message),
  );
  assert.equal((await world.fetch("/loop", { redirect: "manual" })).status, 302);
});

test("a redirect within the service keeps the token", async (t) => {
  const world = await authorized(t);
  world.saas.faults.next("/old", { status: 307, headers: { Location: path } });
  const response = await world.fetch("/old");
  assert.deepEqual([response.status, response.redirected], [200, true]);
});

test("S-001 a profile that logs in to another service under a running program is not used by it", async (t) => {
  const world = await authorized(t);
  const other = await authorized(t);
  await world.tokens.getAccessToken();
  const session = sessionOf(other.saas, { now: world.clock.now(), leftMs: 3_600_000 });
  await storeSession(other.saas, {}, session, { sessions: world.store, clock: world.clock });
  world.saas.expireAccessTokens();
  await assert.rejects(
    world.fetch(path),
    (error) => error instanceof NotAuthenticatedError && error.message.includes(other.saas.url),
  );
  assert.ok(world.saas.requests.every(({ headers }) => !headers.authorization?.includes(session.accessToken.reveal())));
});

test("bodies in memory are replayed as they were", async (t) => {
  const form = new FormData();
  form.set("field", "value");
  const bodies: [string, RequestInit["body"], RegExp][] = [
    ["text", "text", /^text$/],
    ["bytes", new TextEncoder().encode("bytes"), /^bytes$/],
    ["parameters", new URLSearchParams({ a: "b" }), /^a=b$/],
    ["a blob", new Blob(["blob"]), /^blob$/],
    ["a form", form, /name="field"\r\n\r\nvalue/],
  ];
  for (const [name, body, expected] of bodies) {
    const world = await authorized(t);
    world.saas.expireAccessTokens();
    await world.fetch(path, { method: "POST", ...(body && { body }) });
    assert.equal(requestsTo(world).length, 2, name);
    for (const request of requestsTo(world)) assert.match(request.body, expected, name);
  }
});

test("a Request is sent, replayed and combined with init as fetch does", async (t) => {
  const world = await authorized(t);
  world.saas.expireAccessTokens();
  const request = new Request(world.saas.url + path, { method: "POST", body: "kept", headers: { "x-kept": "1" } });
  const shown = (await (await world.fetch(request, { method: "PUT" })).json()) as {
    method: string;
    body: string;
    headers: Record<string, string>;
  };
  assert.deepEqual([shown.method, shown.body, shown.headers["x-kept"]], ["PUT", "kept", "1"]);
  assert.equal(requestsTo(world).length, 2);
});

test("a stream that was refused is an error that says so, never an empty body", async (t) => {
  const world = await authorized(t);
  world.saas.expireAccessTokens();
  const send = (): Promise<Response> =>
    world.fetch(path, {
      method: "POST",
      body: Readable.toWeb(Readable.from(["part one"])) as ReadableStream,
      duplex: "half",
    });
  await assert.rejects(
    send(),
    (error) => error instanceof AuthError && error.code === "service_rejected" && /stream/.test(error.message),
  );
  assert.equal(requestsTo(world).length, 1);
  assert.equal(
    ((await (await send()).json()) as { body: string }).body,
    "part one",
    "the refresh was done: the next try goes through",
  );
});

test("what may be repeated is repeated after 429, 5xx and no response, 2 times at most", async (t) => {
  const world = await authorized(t);
  world.saas.faults.next(path, { status: 503 });
  world.saas.faults.next(path, { reset: "before" });
  assert.equal((await world.fetch(path)).status, 200);
  assert.deepEqual(world.clock.sleeps, [1000, 2000]);

  for (const body of ["broken", "still broken", "broken for good"]) world.saas.faults.next(path, { status: 500, body });
  const last = await world.fetch(path, { method: "DELETE" });
  assert.deepEqual([last.status, await last.text()], [500, "broken for good"]);
  assert.equal(requestsTo(world).length, 6);
});

test("Retry-After is kept to, in seconds and as a date, and a very long one is left to the caller", async (t) => {
  const world = await authorized(t);
  world.saas.faults.next(path, { status: 429, headers: { "Retry-After": "7" } });
  world.saas.faults.next(path, {
    status: 503,
    headers: { Date: "Mon, 01 Jan 2024 00:00:00 GMT", "Retry-After": "Mon, 01 Jan 2024 00:00:09 GMT" },
  });
  assert.equal((await world.fetch(path)).status, 200);
  assert.deepEqual(world.clock.sleeps, [7000, 9000]);
  world.saas.faults.next(path, { status: 429, headers: { "Retry-After": "3600" } });
  assert.equal((await world.fetch(path)).status, 429);
  assert.equal(world.clock.sleeps.length, 2);
});

test("a POST is sent once, unless an Idempotency-Key makes it safe to repeat; retries: 0 turns repeating off", async (t) => {
  const world = await authorized(t);
  world.saas.faults.always(path, { status: 503 });
  assert.equal((await world.fetch(path, { method: "POST", body: "a" })).status, 503);
  assert.equal(requestsTo(world).length, 1);
  assert.equal(
    (await world.fetch(path, { method: "POST", body: "a", headers: { "idempotency-key": "k" } })).status,
    503,
  );
  assert.equal(requestsTo(world).length, 4);
  assert.equal((await world.fetch(path, { retries: 0 })).status, 503);
  assert.equal(requestsTo(world).length, 5);
});

test("S-004 no response is a network error that quotes the URL without its query", async (t) => {
  const world = await authorized(t);
  await world.saas.stop();
  await assert.rejects(world.fetch(`${path}?q=1`), (error) => {
    assert.ok(error instanceof ServiceError);
    assert.equal(error.code, "network_unavailable");
    assert.match(error.message, /cannot reach ".*\/echo" \(ECONNREFUSED\)/);
    return true;
  });
  assert.equal(world.clock.sleeps.length, 2);
  assert.ok(await world.stored());
});

test("a service not responding is given up after the time limit of each try", async (t) => {
  const world = await authorized(t);
  world.saas.faults.always(path, { hang: true });
  const answer = assert.rejects(
    world.fetch(path, { timeoutMs: 2000, retries: 1 }),
    (error) => error instanceof ServiceError && /in time/.test(error.message),
  );
  for (const tries of [1, 2]) {
    await world.saas.until(() => requestsTo(world).length === tries);
    world.clock.pass(2000);
  }
  await answer;
});

test("a signal ends the request, the wait before the next, and nothing else", async (t) => {
  const world = await authorized(t);
  const reason = new Error("enough");
  await assert.rejects(world.fetch(path, { signal: AbortSignal.abort(reason) }), reason);
  assert.equal(requestsTo(world).length, 0);

  const during = new AbortController();
  world.saas.faults.next(path, { hang: true });
  const held = assert.rejects(world.fetch(path, { signal: during.signal }), reason);
  await world.saas.until(() => requestsTo(world).length === 1);
  during.abort(reason);
  await held;

  const waiting = new AbortController();
  world.saas.faults.next(path, { status: 503 });
  world.clock.onSleep = () => waiting.abort(reason);
  await assert.rejects(world.fetch(path, { signal: waiting.signal }), reason);
});

test("a mistake of the caller's is thrown as fetch throws it, and not repeated", async (t) => {
  const world = await authorized(t);
  await assert.rejects(world.fetch(path, { method: "GET", body: "x" }), TypeError);
  await assert.rejects(world.fetch(path, { headers: { "bad name": "x" } }), TypeError);
  assert.equal(world.clock.sleeps.length, 0);
});

test("a passed-in fetch that returns no response is an error that says so, at once", async (t) => {
  const { tokens, clock } = await authorized(t);
  let asked = 0;
  const broken = createAuthorizedFetch({
    tokens,
    clock,
    random: () => 0,
    fetch: async () => ((asked += 1), undefined as unknown as Response),
  });
  await assert.rejects(broken(path), { name: "TypeError", message: /returned no response/ });
  assert.equal(asked, 1);
});

test("S-005 no error of a request holds a token", async (t) => {
  const world = await authorized(t);
  const errors: unknown[] = [];
  world.saas.faults.next(path, { reset: "before", times: 3 });
  await world.fetch(path).catch((error: unknown) => errors.push(error));
  for (const id of world.saas.sessions.keys()) world.saas.revoke(id);
  await world.fetch(path).catch((error: unknown) => errors.push(error));
  assert.equal(errors.length, 2);
  const said = inspect(errors, { depth: 20, showHidden: true });
  for (const secret of world.saas.issued.keys()) assert.ok(!said.includes(secret));
});
