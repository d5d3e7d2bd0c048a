// Where a login goes, and how that is found out.
import assert from "node:assert/strict";
import { test } from "node:test";
import { MockProvider } from "../conformance/mock-provider.ts";
import type { Fault } from "../fake-saas/faults.ts";
import { runCommand, startCommand } from "../helpers/command.ts";
import { loginAt, me, provided } from "../helpers/provided.ts";
import { hurried, later, scene } from "../helpers/scene.ts";

test("FR-022 one address is enough: the issuer is the service, as ADDRESS or with --issuer, with or without its last slash", async (t) => {
  for (const named of ["", "--issuer "]) {
    const { provider, run } = await provided(t);
    const nowhere = { SPEC_KITTY_SAAS_URL: undefined };
    const { stdout, stderr } = await run(`auth login ${named}${provider.issuer} --scope openid`, nowhere);
    assert.match(stdout, /^✓ Logged in as alice@example\.com\./, stderr);
    const status = JSON.parse((await run("auth status --json", nowhere)).stdout) as Record<string, unknown>;
    assert.deepEqual([status["service"], status["issuer"]], [provider.issuer, undefined]);
    assert.equal((await run(`auth login ${provider.issuer}`, nowhere)).stdout.startsWith("✓ Already logged in"), true);
  }
  const { provider, run, session } = await provided(t);
  provider.misbehaviour = {
    metadata: (metadata) => ({ ...metadata, issuer: `${provider.issuer}/` }),
    redirect: (parameters) => parameters.set("iss", `${provider.issuer}/`),
    idToken: (claims) => ({ ...claims, iss: `${provider.issuer}/` }),
  };
  const { code, stderr } = await run(`auth login ${provider.issuer} --scope openid`, { SPEC_KITTY_SAAS_URL: undefined });
  assert.equal(code, 0, stderr);
  assert.equal((await session())?.server.issuer, `${provider.issuer}/`);
});

test("FR-022 ADDRESS is the issuer of the service that the variable or --service names, and a service where it has no metadata", async (t) => {
  const { provider, service, run } = await provided(t, {}, { "/api/v1/me": me });
  const place = async (more = {}): Promise<unknown[]> => {
    const { service: at, issuer } = JSON.parse((await run("auth status --json", more)).stdout) as Record<string, unknown>;
    return [at, issuer];
  };
  assert.match((await run(`auth login ${provider.issuer} --scope openid`)).stdout, /alice@acme\.example \(Acme Corp\)/);
  assert.deepEqual(await place(), [service, provider.issuer]);
  const away = { SPEC_KITTY_SAAS_URL: undefined };
  assert.match((await run(`auth login ${provider.issuer} --service ${service} --scope openid --profile second`, away)).stdout, /alice@acme\.example/);
  assert.deepEqual(await place({ ...away, SPEC_KITTY_PROFILE: "second" }), [service, provider.issuer]);

  const { saas } = await scene(t);
  assert.match((await run(`auth login ${saas.url}/ --profile third`)).stdout, /Logged in as alice@example\.com \(Acme Corp\)/);
  assert.deepEqual(await place({ ...away, SPEC_KITTY_PROFILE: "third" }), [saas.url, undefined]);
});

test("an address that is neither an issuer nor a service ends the login at once, and nobody is sent anywhere", async (t) => {
  const { service, requests, run } = await provided(t);
  for (const args of [`auth login ${service}`, `auth login --issuer ${service}`]) {
    const { code, stderr } = await run(args, { SPEC_KITTY_SAAS_URL: undefined });
    assert.equal(code, 1);
    assert.match(stderr, /^error: "\S+" does not publish the metadata of an authorization server: "\S+\/oauth-authorization-server" answered 404, "\S+" answered 404$/m);
    assert.match(stderr, /^hint: Check the address of the issuer$/m);
  }
  assert.deepEqual(requests.map(({ path }) => path), ["/", ...wellKnown, "/.well-known/oauth-protected-resource", "/api/v1/me", ...wellKnown]);
});

test("ADDRESS is one address, of the kind that an option takes, and not two things at once", async (t) => {
  const { run } = await scene(t);
  for (const [args, message] of [
    ["login.example", /^error: ADDRESS is "login\.example", which is not an address.*\nhint: Give an address: spec-kitty auth login https:\/\/login\.example$/m],
    ["https://a.example --issuer https://b.example", /^error: ADDRESS and --issuer both name the issuer$/m],
    ["https://a.example https://b.example", /^error: unexpected argument "https:\/\/b\.example"$/m],
    ["--service b.example", /^error: --service is "b\.example", which is not an address/m],
  ] as const) {
    const { code, stderr } = await run(`auth login ${args}`);
    assert.equal(code, 2);
    assert.match(stderr, message);
  }
});

const wellKnown = ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"];

test("a profile's first login asks twice what the server is, before the browser is opened; nothing else does for a day", async (t) => {
  const { saas, run, env } = await scene(t);
  await run("auth login");
  assert.deepEqual(saas.requests.slice(0, 2).map(({ path, status }) => `${path} ${status}`), wellKnown.map((path) => `${path} 404`));
  saas.requests.length = 0;
  const asked = (): unknown[] => saas.requests.filter(({ path }) => path.includes(".well-known"));
  for (const args of ["auth login", "auth refresh", "auth token", "auth status --check", "api GET /api/v1/me", "auth login --force", "auth logout", "auth login"]) {
    assert.equal((await run(args)).code, 0, args);
  }
  assert.deepEqual(asked(), []);
  assert.equal((await runCommand(t, ["auth", "login", "--force"], env, { nodeArgs: later(86_400_001) })).code, 0);
  assert.equal(asked().length, 2);
});

test("metadata that was read is used again, a day later where the issuer is in trouble then, and never for another issuer", async (t) => {
  const { provider, env, run } = await provided(t, {}, { "/api/v1/me": me });
  const other = await MockProvider.start();
  t.after(() => other.close());
  const asked = ({ paths }: MockProvider): number => paths.filter((path) => path.includes(".well-known")).length;
  assert.equal((await run(loginAt(provider))).code, 0);
  assert.equal(asked(provider), 2);
  for (const args of ["auth login --force", `${loginAt(provider)} --force`, `auth login ${provider.issuer} --force`]) assert.equal((await run(args)).code, 0, args);
  assert.equal(asked(provider), 2);
  assert.equal((await run(`${loginAt(other)} --force`)).code, 0);
  assert.equal(asked(other), 2);
  assert.equal((await run(`${loginAt(provider)} --force`)).code, 0);
  assert.equal(asked(provider), 4);
  provider.misbehaviour = { discovery: () => new Response("", { status: 503 }) };
  assert.equal((await runCommand(t, ["auth", "login", "--force"], env, { nodeArgs: later(86_400_001) })).code, 0);
  assert.equal(asked(provider), 6);
});

test("a service that was in trouble when it was asked what it is, is asked again at the next login", async (t) => {
  const { saas, run } = await scene(t);
  saas.faults.next(wellKnown[0] ?? "", { status: 503 });
  for (const args of ["auth login", "auth login --force"]) assert.equal((await run(args)).code, 0);
  assert.equal(saas.requests.filter(({ path }) => path.includes(".well-known")).length, 4);
});

const pages: [string, Fault][] = [
  ["the page of its application", { body: "<!doctype html><div id=app></div>", headers: { "content-type": "text/html" } }],
  ["a redirection to its login page", { status: 302, headers: { location: "/login" } }],
  ["a refusal", { status: 403, body: { message: "Missing Authentication Token" } }],
];
for (const [title, fault] of pages) {
  test(`a service that answers ${title} where metadata would be is the service of the defaults`, async (t) => {
    const { saas, run } = await scene(t);
    for (const path of wellKnown) saas.faults.next(path, fault);
    const { code, stdout } = await run("auth login");
    assert.equal(code, 0);
    assert.equal(stdout, "✓ Logged in as alice@example.com (Acme Corp). Access token valid for 1 hour.\n");
    assert.equal((await run("auth logout --json")).stdout.includes('"ended"'), true);
    assert.equal(saas.counters.logouts, 1);
  });
}

for (const fault of [{ status: 503 }, { status: 429 }] satisfies Fault[]) {
  test(`a service that answers ${fault.status} when it is asked what it is does not keep anybody from logging in`, async (t) => {
    const { saas, run } = await scene(t);
    for (const path of wellKnown) saas.faults.next(path, fault);
    assert.equal((await run("auth login")).stdout, "✓ Logged in as alice@example.com (Acme Corp). Access token valid for 1 hour.\n");
  });
}

const troubles: [string, Fault, RegExp][] = [
  ["does not answer", { hang: true }, /^error: "\S+\/\.well-known\/oauth-authorization-server" did not answer in time$/m],
  ["hangs up", { reset: "before" }, /^error: cannot reach "\S+\/\.well-known\/oauth-authorization-server"/m],
];
for (const [title, fault, message] of troubles) {
  test(`a service that ${title} when it is asked what it is ends the login with exit code 3, before anybody is sent anywhere`, async (t) => {
    const { saas, env } = await scene(t);
    saas.faults.next(wellKnown[0] ?? "", fault);
    const running = startCommand(t, ["auth", "login"], env, { nodeArgs: fault.hang ? hurried(10_000, 2_000) : [] });
    const { code, stderr } = await running.ended;
    assert.equal(code, 3, stderr);
    assert.match(stderr, message);
    assert.match(stderr, /^hint: /m);
    assert.equal(saas.requests.length, 1);
  });
}

test("metadata that names another issuer ends the login, with the name to use where a / is all that is wrong", async (t) => {
  const { provider, run } = await provided(t);
  provider.misbehaviour = { metadata: (metadata) => ({ ...metadata, issuer: `${provider.issuer}/` }) };
  const slash = await run(loginAt(provider));
  assert.equal(slash.code, 1);
  assert.match(slash.stderr, new RegExp(`^hint: Name it as it names itself: spec-kitty auth login --issuer ${provider.issuer}/ --scope openid$`, "m"));
  assert.ok(!provider.paths.includes("/authorize"));
});

test("--issuer and --resource take addresses only, and plain http for this machine only", async (t) => {
  const { run } = await scene(t);
  for (const [args, message] of [
    ["--issuer login.example", /^error: --issuer is "login\.example", which is not an address/m],
    ["--issuer http://login.example", /^error: --issuer is "http:\/\/login\.example": plain http is for this machine only/m],
    ["--resource api", /^error: --resource is "api", not an address/m],
    ["--resource https://api.example/#x", /^error: --resource is .*fragment/m],
  ] as const) {
    const { code, stderr } = await run(`auth login ${args}`);
    assert.equal(code, 2);
    assert.match(stderr, message);
    assert.match(stderr, /^hint: .*--(issuer|resource) https:/m);
  }
});
