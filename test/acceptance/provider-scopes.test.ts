// What a login at a provider asks for, what it is granted, and who the user is then.
import assert from "node:assert/strict";
import { test } from "node:test";
import { runCommand, type CommandResult } from "../helpers/command.ts";
import { loginAt, me, provided } from "../helpers/provided.ts";

const lists: [listed: string[] | undefined, asked: string | undefined, sent: string | null][] = [
  [undefined, undefined, "offline_access api.read api.write"],
  [undefined, "openid", "openid"],
  [["openid", "email", "offline_access"], undefined, "offline_access openid email"],
  [["openid", "email", "offline_access"], "openid", "offline_access openid"],
  [["openid", "email", "offline_access"], "openid offline_access", "openid offline_access"],
  [["openid", "email"], undefined, "openid email"],
  [["openid", "email"], "projects", "projects"],
  [["openid", "email"], "offline_access openid", "offline_access openid"],
  [["mcp:tools"], undefined, null],
];
for (const [listed, asked, sent] of lists) {
  test(`a server that lists ${listed?.join(" ") ?? "no scopes"} is asked for ${sent ?? "none"} with ${asked ? `--scope "${asked}"` : "no --scope"}`, async (t) => {
    const { provider, env } = await provided(t, {}, { "/api/v1/me": me });
    provider.misbehaviour = { metadata: (metadata) => ({ ...metadata, scopes_supported: listed }) };
    const { stderr, code } = await runCommand(t, ["auth", "login", provider.issuer, ...(asked ? ["--scope", asked] : [])], env);
    assert.equal(code, 0, stderr);
    assert.equal(new URL(/http:\S+\/authorize\S*/.exec(stderr)?.[0] ?? "").searchParams.get("scope"), sent);
  });
}

test("invalid_scope says which scopes were sent and which the provider lists, in the browser and with a code", async (t) => {
  const { provider, env, session } = await provided(t);
  provider.misbehaviour = {
    metadata: (metadata) => ({ ...metadata, scopes_supported: ["openid", "projects"], device_authorization_endpoint: `${provider.issuer}/device` }),
    redirect: (parameters) => (parameters.delete("code"), parameters.set("error", "invalid_scope")),
    device: () => Response.json({ error: "invalid_scope" }, { status: 400 }),
  };
  for (const flow of [[], ["--headless"]]) {
    const { code, stderr } = await runCommand(t, ["auth", "login", provider.issuer, "--scope", "openid project", ...flow], env);
    assert.equal(code, 1);
    assert.match(stderr, /^error: .*invalid_scope.*: "openid project" was sent, and the issuer lists "openid", "projects"\nhint: Name those that you need: spec-kitty auth login \S+ --scope openid$/m);
    assert.ok(stderr.includes(`login ${provider.issuer} `), "the address is repeated");
  }
  assert.equal(await session(), undefined);
});

test("a login that is granted less than it asked for says so, and so does auth status", async (t) => {
  const { provider, env, run } = await provided(t, {}, { "/api/v1/me": me });
  provider.misbehaviour = { tokens: (answer) => ({ ...answer, scope: "https://api.example/projects.read" }) };
  const { stderr, code } = await runCommand(t, ["auth", "login", provider.issuer, "--scope", "openid offline_access projects.read projects.write"], env);
  assert.equal(code, 0);
  assert.match(stderr, /^warning: less was granted than was asked for: not projects\.write$/m);
  assert.match((await run("auth status")).stdout, /Scope +https:\/\/api\.example\/projects\.read; not granted: projects\.write$/m);
  const status = JSON.parse((await run("auth status --json")).stdout) as Record<string, unknown>;
  assert.deepEqual([status["scope"], status["missingScope"]], ["https://api.example/projects.read", "projects.write"]);
});

test("a session without a refresh token is shown as one, with the time when it ends", async (t) => {
  const { provider, run } = await provided(t, {}, { "/api/v1/me": me });
  provider.misbehaviour = { tokens: ({ refresh_token: _, ...answer }) => answer };
  const { stdout } = await run(loginAt(provider));
  assert.match(stdout, /Access token valid for 1 hour\. There is no refresh token: log in again at (\d{4}-\d\d-\d\d )?\d\d:\d\d\.\n$/);
  const status = await run("auth status");
  assert.match(status.stdout, /Refresh token +none: log in again at (\d{4}-\d\d-\d\d )?\d\d:\d\d$/m);
  assert.equal((JSON.parse((await run("auth status --json")).stdout) as Record<string, unknown>)["hasRefreshToken"], false);

  provider.misbehaviour = { tokens: ({ refresh_token: _, expires_in: __, ...answer }) => answer };
  assert.match((await run(`${loginAt(provider)} --force`)).stdout, /There is no refresh token: log in again when the service refuses the access token\.\n$/);
});

test("--scope on a session that has it already changes nothing, and one that it lacks is requested along with those before", async (t) => {
  const { provider, env } = await provided(t, {}, { "/api/v1/me": me });
  const login = (...args: string[]): Promise<CommandResult> => runCommand(t, ["auth", "login", ...args], env);
  await login(provider.issuer, "--scope", "openid projects");
  assert.match((await login("--scope", "projects")).stdout, /^✓ Already logged in/);
  const more = await login("--scope", "projects builds");
  assert.equal(new URL(/http:\S+\/authorize\S*/.exec(more.stderr)?.[0] ?? "").searchParams.get("scope"), "openid projects builds");
  assert.match(more.stdout, /^✓ Logged in as/);
  assert.match((await login("--scope", "builds openid")).stdout, /^✓ Already logged in/);
});

test("at a server of OAuth 2.0 alone the account is called by its issuer and scope, and whoami says so", async (t) => {
  const { provider, run, session } = await provided(t);
  provider.misbehaviour = { metadata: ({ userinfo_endpoint: _, jwks_uri: __, ...metadata }) => metadata };
  const name = `${provider.issuer} (api.read)`;
  assert.equal((await run(`auth login ${provider.issuer} --scope api.read`)).stdout, `✓ Logged in as ${name}. Access token valid for 1 hour.\n`);
  const whoami = await run("auth whoami");
  assert.deepEqual([whoami.code, whoami.stdout], [0, `${name}\n`]);
  assert.match(whoami.stderr, /^The issuer does not say who its users are/);
  const first = await session();
  assert.equal((await run("auth status --check")).code, 0);
  assert.equal((await run("auth refresh")).code, 0);
  assert.equal((await session())?.user.id, first?.user.id);
  // Nobody knows whether that is the same user.
  assert.equal((await run("auth login --force")).code, 0);
  assert.notEqual((await session())?.user.id, first?.user.id);

  provider.misbehaviour.tokens = ({ refresh_token: _, ...answer }) => answer;
  await run("auth login --force");
  const status = await run("auth status --check");
  assert.equal(status.code, 0);
  assert.match(status.stderr, /^warning: the issuer names nobody and gave no refresh token, so there is nothing to ask it$/m);
  assert.doesNotMatch(status.stdout, /asked just now/);
});

for (const status of [401, 403]) {
  test(`a service that answers ${status} at /api/v1/me without asking for a token has no such endpoint, where another source names the user`, async (t) => {
    const { provider, run, service } = await provided(t, {}, {}, { "/api/v1/me": { status } });
    assert.match((await run(loginAt(provider))).stdout, /Logged in as alice@example\.com\./);
    provider.misbehaviour = { metadata: ({ userinfo_endpoint: _, ...metadata }) => metadata };
    assert.match((await run(`${loginAt(provider)} --profile second`)).stdout, /Logged in as alice@example\.com\./);
    const nobody = await run(`auth login --issuer ${provider.issuer} --scope api.read --profile third`);
    assert.equal(nobody.code, 1);
    assert.match(nobody.stderr, new RegExp(`^error: the login was granted, but the service did not say who you are: "${service}/api/v1/me" answered ${status}`, "m"));
  });

  test(`a service that answers ${status} at /api/v1/me and asks for a token refuses this one, and the login fails`, async (t) => {
    const { provider, run } = await provided(t, {}, {}, { "/api/v1/me": { status, headers: { "www-authenticate": 'Bearer realm="api"' } } });
    const { code, stderr } = await run(loginAt(provider));
    assert.equal(code, 1);
    assert.match(stderr, /the service did not say who you are/);
    assert.deepEqual(provider.paths.slice(-2), ["/revoke", "/revoke"]);
  });
}

test("a token without openid is not refused because UserInfo refuses it", async (t) => {
  const { provider, run, service } = await provided(t, {}, {}, { "/who": { status: 403, headers: { "www-authenticate": 'Bearer error="insufficient_scope"' } } });
  provider.misbehaviour = { metadata: (metadata) => ({ ...metadata, userinfo_endpoint: `${service}/who` }) };
  assert.equal((await run(`auth login ${provider.issuer} --scope api.read`)).stdout, `✓ Logged in as ${provider.issuer} (api.read). Access token valid for 1 hour.\n`);
});
