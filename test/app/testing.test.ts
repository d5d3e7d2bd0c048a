import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { createCommand } from "../../src/cli/main.ts";
import { createAuth, type AuthError } from "../../src/index.ts";
import { fakeAuth, fakeService, fakeStreams, startFakeService, type FakeService } from "../../src/app/testing.ts";

const acme = { name: "acme", version: "1.2.0", clientId: "acme-cli", scope: "openid offline_access projects" };

/** The service's requests, a line each. */
const asked = ({ requests }: FakeService): string[] =>
  requests.map(({ method, path, status }) => `${method} ${path} ${status}`);

/** With the fake service. */
async function run(
  service: FakeService,
  line: string,
  streams: Parameters<typeof fakeStreams>[0] = {},
): Promise<{ code: number; stdout: string; stderr: string }> {
  const { stdout, stderr, stdin } = fakeStreams(streams);
  const code = await createCommand({ ...acme, ...service.options }).run(line.split(" "), { stdout, stderr, stdin });
  return { code, stdout: stdout.text, stderr: stderr.text };
}

test("FR-026 a program's login goes through its browser at a fake service, in every way that a program can log in", async () => {
  const service = fakeService({ user: { email: "bob@example.com", name: "Bob" } });
  const auth = createAuth({ ...acme, ...service.options });
  assert.equal(await auth.session(), undefined);
  assert.equal((await auth.login()).user?.email, "bob@example.com");
  assert.equal((await auth.session())?.scope, acme.scope);
  service.approveAs("carol@example.com");
  await auth.login({ open: false, onAddress: ({ url }) => void service.visit(url) });
  assert.equal((await auth.session())?.user?.email, "carol@example.com");
  const codes: string[] = [];
  await auth.login({ flow: "device", onCode: ({ userCode }) => codes.push(userCode) });
  assert.equal(codes.length, 1);
  service.approveAs(null);
  await assert.rejects(auth.login(), { code: "access_denied" });
  await assert.rejects(auth.login({ flow: "device", onCode: () => undefined }), { code: "access_denied" });
  assert.equal((await auth.logout()).service, "ended");
});

test("FR-021 the owner of a variable's token is requested from the tool's own issuer", async () => {
  const service = fakeService();
  const auth = createAuth({ ...acme, ...service.options });
  await auth.login();
  const { token } = await auth.getToken();
  const before = service.requests.length;
  const streams = fakeStreams();
  const command = createCommand({ ...acme, ...service.options });
  assert.equal(await command.run(["auth", "whoami"], { ...streams, env: { ACME_ACCESS_TOKEN: token } }), 0);
  assert.equal(streams.stdout.text, "alice@example.com\n");
  assert.deepEqual(asked(service).slice(before), [
    "GET /.well-known/oauth-authorization-server 200",
    "GET /userinfo 200",
  ]);
});

test("FR-026 a login without a response times out at once: waiting takes none of the machine's time", async () => {
  const service = fakeService();
  const start = service.clock.now();
  const auth = createAuth({ ...acme, ...service.options });
  await assert.rejects(auth.login({ open: false, onAddress: () => undefined }), { code: "timed_out" });
  assert.ok(service.clock.now() - start >= 300_000);
});

test("FR-026 the tool's own API is called with a valid token only, and says who called", async () => {
  const { auth, service } = fakeAuth({
    user: "bob@example.com",
    scope: "projects",
    api: async (request, { email, scope }) => Response.json({ path: new URL(request.url).pathname, email, scope }),
  });
  assert.deepEqual(await (await auth.fetch("/v1/projects")).json(), {
    path: "/v1/projects",
    email: "bob@example.com",
    scope: "projects",
  });
  assert.equal((await service.fetch(`${service.url}/v1/projects`)).status, 401);
  assert.deepEqual(asked(service), ["GET /v1/projects 200", "GET /v1/projects 401"]);
  assert.match(service.requests[0]?.headers["authorization"] ?? "", /^Bearer at_/);
  assert.ok(service.secrets.includes((await auth.getToken()).token));
  await assert.rejects(service.fetch("https://elsewhere.example/"), TypeError);
});

test("FR-026 a token expires when the test lets time pass, and any number of callers refresh it once", async () => {
  const { auth, service } = fakeAuth({ api: () => Response.json({}), expiresIn: 600 });
  const other = createAuth({ ...acme, ...service.options });
  const { token } = await auth.getToken();
  service.clock.pass(599_000);
  const tokens = await Promise.all(
    Array.from({ length: 32 }, (_, index) => (index % 2 === 0 ? auth : other).getToken()),
  );
  assert.equal(new Set(tokens.map((one) => one.token)).size, 1);
  assert.notEqual(tokens[0]?.token, token);
  assert.deepEqual(asked(service), ["POST /oauth/token 200"]);
});

test("FR-026 a fake login can be expired, revoked, absent, or without a connection", async () => {
  const expired = fakeAuth({ expiresIn: 0 });
  await expired.auth.getToken();
  assert.deepEqual(asked(expired.service), ["POST /oauth/token 200"]);
  const revoked = fakeAuth({ revoked: true, tool: { commands: { login: "acme login" } } });
  await assert.rejects(
    revoked.auth.fetch("/v1/projects"),
    (error: AuthError) => error.code === "session_ended" && error.hint === "Run: acme login",
  );
  const out = fakeAuth({ user: null });
  await assert.rejects(out.auth.getToken(), { code: "not_authenticated" });
  await assert.rejects(out.auth.login(), { code: "access_denied" });
  const cut = fakeAuth({ expiresIn: 0 });
  cut.service.isReachable = false;
  await assert.rejects(cut.auth.getToken(), { code: "network_unavailable" });
});

test("FR-026 the commands of a tool run at a fake service: what they print, their exit codes, and nothing on this machine", async () => {
  const service = fakeService({ api: () => Response.json(["kitchen"]) });
  assert.equal((await run(service, "auth status")).code, 4);
  const login = await run(service, "auth login");
  assert.deepEqual([login.code, login.stdout.split(".")[0]], [0, "✓ Logged in as alice@example"], login.stderr);
  assert.equal((await run(service, "auth whoami")).stdout, "alice@example.com\n");
  assert.equal((await run(service, "api /v1/rooms")).stdout, '["kitchen"]');
  const { token } = await createAuth({ ...acme, ...service.options }).getToken();
  assert.equal((await run(service, "auth token --rejected", { input: token })).code, 0);
  service.logIn({ user: "bob@example.com", profile: "work" });
  assert.match((await run(service, "auth list")).stdout, /alice@example\.com[^]*bob@example\.com/);
  assert.match((await run(service, "auth login --headless --force")).stderr, /[A-Z]{4}-[A-Z]{4}/);
  assert.equal((await run(service, "auth logout")).code, 0);
  assert.equal((await run(service, "auth token")).code, 4);
  assert.equal(existsSync(service.options.folder ?? assert.fail()), false);
});

test("FR-026 on a terminal a prompt gets what the test has typed", async () => {
  const service = fakeService();
  for (const profile of ["default", "home", "work"]) service.logIn({ profile, user: `${profile}@example.com` });
  const { code, stdout, stderr } = await run(service, "auth switch", { input: ["2"], isTTY: true });
  assert.deepEqual([code, stderr.includes("home")], [0, true], stdout + stderr);
  assert.equal((await run(service, "auth whoami")).stdout, "home@example.com\n");
});

test("FR-026 a fake service on a port serves programs in other processes", async (t) => {
  const service = await startFakeService({ api: (request) => request.text().then((body) => new Response(body)) });
  t.after(() => service.close());
  service.logIn();
  const auth = createAuth({ ...acme, ...service.options, fetch: globalThis.fetch });
  const response = await auth.fetch("/v1/echo", { method: "POST", body: "hello" });
  assert.deepEqual([response.status, await response.text()], [200, "hello"]);
  assert.deepEqual(asked(service), ["POST /v1/echo 200"]);
});
