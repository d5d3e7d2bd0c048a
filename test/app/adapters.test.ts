import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";
import { mcpFetch } from "../../src/app/adapters.ts";
import { createAuth } from "../../src/app/create-auth.ts";
import type { ConsentQuestion } from "../../src/app/login/options.ts";
import { fakeAuth, type FakeAuthOptions, type FakeService } from "../../src/app/testing.ts";
import { scratchFolder } from "../helpers/command.ts";

// Together with the MCP SDK itself: test/peers/mcp.peer.ts.

/** Takes any token for reading, and wants a scope of its own for writing. */
const api: FakeAuthOptions["api"] = ({ url }, { scope }) =>
  url.endsWith("/write") && !scope.split(" ").includes("tools:write")
    ? new Response(null, {
        status: 403,
        headers: { "www-authenticate": 'Bearer error="insufficient_scope", scope="tools:write"' },
      })
    : Response.json({ scope });

const asked = ({ requests }: FakeService, path: string): string[] =>
  requests.filter((request) => request.path === path).map(({ method, status }) => `${method} ${status}`);

test("FR-021 an MCP server gets no token while not logged in; its refusal is a login, and the request is sent again", async () => {
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

test("FR-021 a session that was revoked leads to another login for an MCP server, unless no user can be asked", async () => {
  const { auth, service } = fakeAuth({ revoked: true, api });
  assert.equal((await mcpFetch(auth, {})("/a")).status, 200);
  service.revoke();
  await assert.rejects(mcpFetch(auth)("/a"), { code: "session_ended" });
});

test("FR-021 a login that is denied denies all requests that wait for it, and none of them starts another", async () => {
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
  // Granted before, as the issuer says, but the server still refuses.
  assert.equal((await fetch("/write")).status, 403);
  assert.equal((await fetch("/write")).status, 403);
  assert.equal((await mcpFetch(auth)("/write")).status, 403, "nobody is to be asked");
  assert.deepEqual(asked(service, "/oauth/token"), ["POST 200", "POST 200"]);
});

test("S-001 an MCP server's challenge counts only where its tokens go: another URL is passed through, without a login", async () => {
  const { auth, service } = fakeAuth({ user: null });
  await assert.rejects(mcpFetch(auth, {})("https://elsewhere.example/"), TypeError);
  assert.deepEqual(service.requests, []);
});

/** On its own port, with received requests. */
async function serve(
  t: TestContext,
  answer: (path: string, origin: string) => { status?: number; headers?: Record<string, string>; body?: object },
): Promise<{ origin: string; got: string[] }> {
  const got: string[] = [];
  const server = createServer(async (request, response) => {
    got.push(`${request.method} ${request.url} ${JSON.stringify(request.headers)}`);
    for await (const piece of request) got.push(String(piece));
    const { status = 200, headers, body } = answer(request.url ?? "", origin);
    response.writeHead(status, headers).end(body && JSON.stringify(body));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => void server.close());
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { origin, got };
}

function nobody(t: TestContext, service: string, issuer = service): ReturnType<typeof createAuth> {
  return createAuth({
    name: "acme",
    version: "1.0.0",
    issuer,
    service,
    folder: scratchFolder(t),
    storage: "memory",
    env: {},
  });
}

test("S-013 what is sent to an MCP server stays within its URL, also before a login", async (t) => {
  const thief = await serve(t, () => ({}));
  for (const status of [301, 302, 307, 308]) {
    const server = await serve(t, () => ({ status, headers: { location: thief.origin } }));
    const init = { method: "POST", body: "private", headers: { "x-key": "private" } };
    await assert.rejects(mcpFetch(nobody(t, server.origin))("/a", { ...init, method: "PUT" }), {
      code: "service_rejected",
    });
    await mcpFetch(nobody(t, server.origin))("/a", init).catch((error: { code?: unknown }) =>
      assert.equal(error.code, "service_rejected"),
    );
  }
  assert.ok(!thief.got.join().includes("private"), thief.got.join());
});

test("S-011 an MCP server that is a part of a host gets no token for all of it, unless the user agrees", async (t) => {
  const issuer = await serve(t, () => ({ status: 404 }));
  const host = await serve(t, (path, origin) => {
    if (path === "/.well-known/oauth-protected-resource")
      return { body: { resource: origin, authorization_servers: [issuer.origin] } };
    if (path === "/tenant/metadata") return { body: { resource: origin, authorization_servers: [issuer.origin] } };
    return { status: 401, headers: { "www-authenticate": `Bearer resource_metadata="${origin}/tenant/metadata"` } };
  });
  const service = `${host.origin}/tenant`;
  await assert.rejects(mcpFetch(nobody(t, service, issuer.origin), {})("/mcp"), { code: "consent_required" });
  const asked: ConsentQuestion[] = [];
  const onConsent = (question: ConsentQuestion): boolean => (asked.push(question), false);
  await assert.rejects(mcpFetch(nobody(t, service, issuer.origin), { onConsent })("/mcp"), {
    code: "consent_required",
  });
  assert.deepEqual(asked, [{ about: "resource", address: service, resource: host.origin }]);
  assert.deepEqual(issuer.got, [], "nobody was sent anywhere");
  // The program has named the whole host.
  const whole = mcpFetch(nobody(t, host.origin, issuer.origin), {})("/tenant/mcp");
  await assert.rejects(whole, { code: "service_answer_invalid" });
  assert.notDeepEqual(issuer.got, []);
});
