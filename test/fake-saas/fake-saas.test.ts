import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { approvingBrowser, denyingBrowser } from "./browser.ts";
import type { FakeOptions } from "./options.ts";
import { startFakeSaas } from "./server.ts";
import type { FakeSaas } from "./server.ts";
import { approve, approveDevice, deny, denyDevice, tamper } from "./user.ts";

type Json = Record<string, unknown>;

async function fake(t: TestContext, options: Partial<FakeOptions> = {}): Promise<FakeSaas> {
  const saas = await startFakeSaas(options);
  t.after(() => saas.close());
  return saas;
}

async function post(url: string, form: Record<string, string>): Promise<{ status: number; json: Json }> {
  const answer = await fetch(url, { method: "POST", body: new URLSearchParams({ client_id: "cli_native", ...form }) });
  return { status: answer.status, json: (await answer.json()) as Json };
}

async function me(saas: FakeSaas, token: unknown): Promise<{ status: number; json: Json; headers: Headers }> {
  const answer = await fetch(`${saas.url}/api/v1/me`, { headers: { Authorization: `Bearer ${token}` } });
  return { status: answer.status, json: (await answer.json()) as Json, headers: answer.headers };
}

const REDIRECT = "http://127.0.0.1:28888/callback";
const verifier = randomBytes(32).toString("base64url");

function authorizeUrl(saas: FakeSaas, change: Record<string, string> = {}): string {
  const query = new URLSearchParams({
    client_id: "cli_native",
    redirect_uri: REDIRECT,
    response_type: "code",
    scope: "offline_access api.read",
    state: randomBytes(16).toString("base64url"),
    code_challenge: createHash("sha256").update(verifier).digest("base64url"),
    code_challenge_method: "S256",
    ...change,
  });
  return `${saas.url}/oauth/authorize?${query}`;
}

async function code(saas: FakeSaas): Promise<string> {
  const { callback } = await approve(authorizeUrl(saas), { follow: false });
  return new URL(callback ?? "").searchParams.get("code") ?? "";
}

const exchange = (saas: FakeSaas, value: string, change: Record<string, string> = {}): ReturnType<typeof post> =>
  post(`${saas.url}/oauth/token`, {
    grant_type: "authorization_code",
    code: value,
    code_verifier: verifier,
    redirect_uri: REDIRECT,
    ...change,
  });

const refresh = (saas: FakeSaas, token: unknown): ReturnType<typeof post> =>
  post(`${saas.url}/oauth/token`, { grant_type: "refresh_token", refresh_token: String(token) });

test("an approved code is exchanged for tokens that name the user", async (t) => {
  const saas = await fake(t);
  const { status, json } = await exchange(saas, await code(saas));
  assert.equal(status, 200);
  const who = await me(saas, json["access_token"]);
  assert.equal(who.json["email"], "alice@example.com");
  assert.equal(who.json["session_id"], json["session_id"]);
  assert.equal(saas.counters.logins, 1);
});

test("a denial, or the choice of another account, has its effect", async (t) => {
  const saas = await fake(t);
  const denied = new URL((await deny(authorizeUrl(saas), { follow: false })).callback ?? "");
  assert.equal(denied.searchParams.get("error"), "access_denied");
  assert.ok(denied.searchParams.has("state"));
  const { callback } = await approve(authorizeUrl(saas), { as: "bob", follow: false });
  const { json } = await exchange(saas, new URL(callback ?? "").searchParams.get("code") ?? "");
  assert.equal((await me(saas, json["access_token"])).json["user_id"], "u_bob");
});

test("a wrong verifier, another redirect URL and an expired code are refused", async (t) => {
  const saas = await fake(t);
  const other = randomBytes(32).toString("base64url");
  for (const change of [
    { code_verifier: other },
    { code_verifier: "short" },
    { redirect_uri: "http://127.0.0.1:1/callback" },
  ]) {
    const { status, json } = await exchange(saas, await code(saas), change);
    assert.deepEqual([status, json["error"]], [400, "invalid_grant"]);
  }
  const late = await code(saas);
  saas.clockOffsetMs += 61_000;
  assert.equal((await exchange(saas, late)).json["error"], "invalid_grant");
});

test("a code is good once; its second use ends the session of the first", async (t) => {
  const saas = await fake(t);
  const value = await code(saas);
  const { json } = await exchange(saas, value);
  assert.equal((await exchange(saas, value)).status, 400);
  const who = await me(saas, json["access_token"]);
  assert.deepEqual([who.status, who.json["error"]], [401, "session_invalid"]);
});

test("a client or redirect URL that is not registered gets a page, other mistakes a redirect", async (t) => {
  const saas = await fake(t);
  for (const redirect_uri of [
    "https://127.0.0.1/callback",
    "http://127.0.0.1:1/other",
    "http://evil.example/callback",
    "http://127.0.0.1:1/callback?x",
  ]) {
    const answer = await fetch(authorizeUrl(saas, { redirect_uri }), { redirect: "manual" });
    assert.equal(answer.status, 400, redirect_uri);
  }
  for (const change of [
    { state: "short" },
    { code_challenge_method: "plain" },
    { scope: "api.read" },
    { response_type: "token" },
  ]) {
    const answer = await fetch(authorizeUrl(saas, change), { redirect: "manual" });
    assert.match(answer.headers.get("location") ?? "", /callback\?error=/, JSON.stringify(change));
  }
  for (const host of ["localhost", "[::1]"]) {
    assert.equal((await fetch(authorizeUrl(saas, { redirect_uri: `http://${host}:5/callback` }))).status, 200);
  }
});

test("refresh tokens rotate, and presenting a consumed one revokes the whole session", async (t) => {
  const saas = await fake(t);
  const first = saas.issue();
  const second = await refresh(saas, first.refresh_token);
  assert.equal(second.status, 200);
  assert.notEqual(second.json["refresh_token"], first.refresh_token);
  const reused = await refresh(saas, first.refresh_token);
  assert.deepEqual([reused.status, reused.json["error"]], [400, "invalid_grant"]);
  assert.equal((await refresh(saas, second.json["refresh_token"])).status, 400);
  assert.equal((await me(saas, second.json["access_token"])).json["error"], "session_invalid");
  const { refreshes, reuses, revocations } = saas.counters;
  assert.deepEqual({ refreshes, reuses, revocations }, { refreshes: 1, reuses: 1, revocations: 1 });
});

test("a lenient service returns 409 to reuse, and one that does not rotate sends no new refresh token", async (t) => {
  const saas = await fake(t, { reuse: "benign" });
  const { refresh_token } = saas.issue();
  const second = await refresh(saas, refresh_token);
  const replay = await refresh(saas, refresh_token);
  assert.deepEqual([replay.status, replay.json["error"]], [409, "refresh_replay_benign_retry"]);
  assert.equal((await refresh(saas, second.json["refresh_token"])).status, 200);
  saas.options.rotate = false;
  const kept = saas.issue().refresh_token;
  for (const round of [1, 2]) {
    const answer = await refresh(saas, kept);
    assert.deepEqual([answer.status, "refresh_token" in answer.json], [200, false], `round ${round}`);
  }
});

test("a 401 names its reason in the body and in WWW-Authenticate", async (t) => {
  const saas = await fake(t);
  const { access_token, session_id } = saas.issue();
  saas.expireAccessTokens();
  const expired = await me(saas, access_token);
  assert.deepEqual([expired.status, expired.json["error"]], [401, "access_token_expired"]);
  assert.match(expired.headers.get("www-authenticate") ?? "", /^Bearer .*error="access_token_expired"/);
  const session = saas.sessions.get(session_id);
  assert.ok(session);
  session.ended = "token_revoked";
  assert.equal((await me(saas, access_token)).json["error"], "token_revoked");
  assert.equal((await me(saas, "made-up")).json["error"], "invalid_token");
});

test("logout ends the session on the server", async (t) => {
  const saas = await fake(t);
  const { access_token, refresh_token } = saas.issue({ user: "bob" });
  const answer = await fetch(`${saas.url}/api/v1/logout`, {
    method: "POST",
    headers: { Authorization: `Bearer ${access_token}` },
  });
  assert.equal(((await answer.json()) as Json)["status"], "logged_out");
  assert.equal((await me(saas, access_token)).status, 401);
  assert.equal((await refresh(saas, refresh_token)).status, 400);
});

test("device polls are pending, slowed down when early, then answered once", async (t) => {
  let now = 1_000_000;
  const saas = await fake(t, { now: () => now });
  const { json } = await post(`${saas.url}/oauth/device`, { scope: "offline_access" });
  assert.match(String(json["user_code"]), /^[A-Z]{4}-[A-Z]{4}$/);
  const poll = async (): Promise<unknown> => {
    const grant_type = "urn:ietf:params:oauth:grant-type:device_code";
    const answer = await post(`${saas.url}/oauth/token`, { grant_type, device_code: String(json["device_code"]) });
    return answer.json["error"] ?? "tokens";
  };
  assert.equal(await poll(), "authorization_pending");
  now += 4_000;
  assert.equal(await poll(), "slow_down");
  now += 6_000;
  assert.equal(await poll(), "slow_down", "the interval grew by five seconds");
  const page = await approveDevice(String(json["verification_uri"]), String(json["user_code"]).toLowerCase());
  assert.match(page.page, /Connected/);
  now += 15_000;
  assert.equal(await poll(), "tokens");
  assert.equal(await poll(), "invalid_grant");
});

test("a denied device code and one that ran out say so", async (t) => {
  const saas = await fake(t, { deviceIntervalSeconds: null });
  const { json } = await post(`${saas.url}/oauth/device`, { scope: "offline_access" });
  assert.ok(!("interval" in json));
  const poll = (): ReturnType<typeof post> =>
    post(`${saas.url}/oauth/token`, {
      grant_type: "urn:ietf:params:oauth:grant-type:device_code",
      device_code: String(json["device_code"]),
    });
  await denyDevice(String(json["verification_uri_complete"]), String(json["user_code"]));
  assert.equal((await poll()).json["error"], "access_denied");
  saas.clockOffsetMs += 901_000;
  assert.equal((await poll()).json["error"], "expired_token");
});

test("faults respond, hold, cut and change, each as often as asked", async (t) => {
  const saas = await fake(t);
  const { access_token } = saas.issue();
  const get = (): Promise<Response> =>
    fetch(`${saas.url}/api/v1/me`, { headers: { Authorization: `Bearer ${access_token}` } });
  saas.faults.next("/api/v1/me", { status: 429, headers: { "Retry-After": "3" }, body: "slow", times: 2 });
  for (const round of [1, 2]) assert.equal((await get()).headers.get("retry-after"), "3", `round ${round}`);
  saas.faults.next("/api/v1/me", { malformed: true });
  await assert.rejects(async () => (await get()).json(), SyntaxError);
  saas.faults.next("/api/v1/me", { edit: (answer) => ({ ...answer, teams: "none" }) });
  assert.equal(((await (await get()).json()) as Json)["teams"], "none");
  saas.faults.next("/api/v1/me", { reset: "before" });
  await assert.rejects(get);
  saas.faults.next("/api/v1/me", { bytes: 1_000_000 });
  assert.equal((await (await get()).text()).length, 1_000_000);
  saas.faults.next("/api/v1/me", { hang: true });
  await assert.rejects(fetch(`${saas.url}/api/v1/me`, { signal: AbortSignal.timeout(50) }));
  saas.faults.always("/api/v1/me", { status: 500, when: ({ method }) => method === "POST" });
  assert.equal((await get()).status, 200);
});

test("a reset after the work leaves the refresh token consumed, and a gate holds the response of work already done", async (t) => {
  const saas = await fake(t);
  const { refresh_token } = saas.issue();
  saas.faults.next("/oauth/token", { reset: "after" });
  await assert.rejects(refresh(saas, refresh_token));
  assert.equal(saas.counters.refreshes, 1);
  let open = (): void => undefined;
  saas.faults.next("/oauth/token", { gateAnswer: new Promise<void>((resolve) => (open = resolve)) });
  const pending = refresh(saas, saas.issue().refresh_token);
  await saas.until(() => saas.counters.refreshes === 2);
  open();
  assert.equal((await pending).status, 200);
});

test("a restart keeps the URL, the sessions and the count", async (t) => {
  const saas = await fake(t, { basePath: "/base" });
  const { access_token } = saas.issue();
  const { url } = saas;
  await saas.stop();
  await assert.rejects(me(saas, access_token));
  await saas.start();
  assert.equal(saas.url, url);
  assert.equal((await me(saas, access_token)).status, 200);
  assert.equal(saas.count("/api/v1/me"), 1);
});

test("the service's clock shows in Date", async (t) => {
  const saas = await fake(t, { now: () => Date.UTC(2020, 0, 1), clockOffsetMs: 3_600_000 });
  assert.equal((await fetch(saas.url)).headers.get("date"), "Wed, 01 Jan 2020 01:00:00 GMT");
});

test("the scripted user follows, tampers with and reports the redirect to the client", async (t) => {
  const saas = await fake(t);
  const { redirect, seen } = await client(t);
  const visit = await approve(authorizeUrl(saas, { redirect_uri: redirect }));
  assert.deepEqual([visit.status, visit.page, visit.chain.length], [200, "done", 4]);
  await tamper(authorizeUrl(saas, { redirect_uri: redirect }), (callback) =>
    callback.searchParams.set("state", "forged"),
  );
  assert.equal(seen.at(-2)?.searchParams.get("state"), "forged");
});

test("the browser programs approve and deny without a word", async (t) => {
  const saas = await fake(t);
  const { redirect, seen } = await client(t);
  for (const [program, expected] of [
    [approvingBrowser, "code"],
    [denyingBrowser, "error"],
  ] as const) {
    const output = await new Promise<string>((resolve, reject) => {
      execFile(program, [authorizeUrl(saas, { redirect_uri: redirect })], (error, stdout, stderr) =>
        error === null ? resolve(stdout + stderr) : reject(error),
      );
    });
    assert.equal(output, "");
    assert.ok(seen.at(-2)?.searchParams.has(expected), expected);
  }
});

/** A loopback listener that redirects the browser to a clean page. */
async function client(t: TestContext): Promise<{ redirect: string; seen: URL[] }> {
  const seen: URL[] = [];
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "", "http://client");
    seen.push(url);
    if (url.pathname === "/callback") response.writeHead(302, { Location: "/done" }).end();
    else response.end("done");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return { redirect: `http://127.0.0.1:${(server.address() as AddressInfo).port}/callback`, seen };
}
