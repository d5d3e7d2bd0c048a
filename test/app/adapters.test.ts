import assert from "node:assert/strict";
import { test } from "node:test";
import { mcpFetch } from "../../src/app/adapters.ts";
import { fakeAuth, type FakeApi, type FakeService } from "../../src/app/testing.ts";

// Together with the MCP SDK itself: test/peers/mcp.test.ts.

/** Takes any token for reading, and wants a scope of its own for writing. */
const api: FakeApi = ({ url }, { scope }) =>
  url.endsWith("/write") && !scope.split(" ").includes("tools:write")
    ? new Response(null, {
        status: 403,
        headers: { "www-authenticate": 'Bearer error="insufficient_scope", scope="tools:write"' },
      })
    : Response.json({ scope });

const asked = ({ requests }: FakeService, path: string): string[] =>
  requests.filter((request) => request.path === path).map(({ method, status }) => `${method} ${status}`);

test("FR-021 an MCP server gets no token while nobody is logged in; its refusal is a login, and the request is sent again", async () => {
  const { auth, service } = fakeAuth({ user: null, api });
  service.approveAs("bob@example.com");
  const fetch = mcpFetch(auth, {});
  const responses = await Promise.all(["/a", "/b", "/c"].map((path) => fetch(path, { method: "POST", body: "{}" })));
  assert.deepEqual(
    responses.map(({ status }) => status),
    [200, 200, 200],
  );
  assert.equal((await auth.session())?.user?.email, "bob@example.com");
  assert.deepEqual(asked(service, "/oauth/token"), ["POST 200"]);
  assert.deepEqual(asked(service, "/b"), ["POST 401", "POST 200"]);
  await auth.logout();
  await assert.rejects(mcpFetch(auth)("/a"), { code: "not_authenticated" });
});

test("FR-021 a session that was revoked is another login for an MCP server, unless nobody is to be asked", async () => {
  const { auth, service } = fakeAuth({ revoked: true, api });
  assert.equal((await mcpFetch(auth, {})("/a")).status, 200);
  service.revoke();
  await assert.rejects(mcpFetch(auth)("/a"), { code: "session_ended" });
});

test("FR-021 a login that is denied denies all requests that wait for it, and is not asked for again by them", async () => {
  const { auth, service } = fakeAuth({ user: null, api });
  const fetch = mcpFetch(auth, {});
  const results = await Promise.allSettled([fetch("/a"), fetch("/b")]);
  assert.deepEqual(
    results.map((result) => result.status === "rejected" && (result.reason as { code: string }).code),
    ["access_denied", "access_denied"],
  );
  assert.deepEqual(asked(service, "/oauth/authorize"), ["GET 302"]);
});

test("FR-021 a scope that an MCP server misses is requested with those of the login; what it misses then is passed on", async () => {
  const { auth, service } = fakeAuth({ scope: "offline_access projects", api });
  const fetch = mcpFetch(auth, {});
  const response = await fetch("/write", { method: "POST", body: "{}" });
  assert.deepEqual(await response.json(), { scope: "offline_access projects tools:write" });

  await auth.login({ scope: "offline_access" });
  // The user has granted it before, and the issuer says so; the server is not content.
  assert.equal((await fetch("/write")).status, 403);
  assert.equal((await fetch("/write")).status, 403);
  assert.equal((await mcpFetch(auth)("/write")).status, 403, "nobody is to be asked");
  assert.deepEqual(asked(service, "/oauth/token"), ["POST 200", "POST 200"]);
});

test("S-001 an MCP server's challenge counts only where its tokens go: another address is passed through, without a login", async () => {
  const { auth, service } = fakeAuth({ user: null });
  await assert.rejects(mcpFetch(auth, {})("https://elsewhere.example/"), TypeError);
  assert.deepEqual(service.requests, []);
});
