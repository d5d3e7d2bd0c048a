// Logging in to servers other than the service of the defaults, through the real command. That they are served as other
// people's servers want it is tested against one of those, in test/peers.
import assert from "node:assert/strict";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import type { Session } from "../../src/auth/session.ts";
import { MockProvider, type MockProviderOptions } from "../conformance/mock-provider.ts";
import type { Fault } from "../fake-saas/faults.ts";
import { commandEnvironment, runCommand, scratchFolder, startCommand, type CommandEnvironment, type CommandResult } from "../helpers/command.ts";
import { filesUnder, hurried, later, scene } from "../helpers/scene.ts";
import { storedSession } from "../helpers/stored-session.ts";

interface ApiRequest {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

interface Provided {
  provider: MockProvider;
  /** The service that the provider issues tokens for. */
  service: string;
  /** Everything that the service was asked. */
  requests: ApiRequest[];
  env: CommandEnvironment;
  credentials: string;
  run(args: string, more?: CommandEnvironment): Promise<CommandResult>;
  session(): Promise<Session | undefined>;
}

/** A provider and, somewhere else, a service with the API that `answers` has, by path. */
async function provided(
  t: TestContext,
  options: MockProviderOptions = {},
  answers: Record<string, object> = {},
  refusals: Record<string, { status: number; headers?: Record<string, string> }> = {},
): Promise<Provided> {
  const provider = await MockProvider.start(options);
  t.after(() => provider.close());
  const requests: ApiRequest[] = [];
  const api = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += String(chunk);
    const path = request.url ?? "";
    requests.push({ path, headers: request.headers, body });
    const answer = answers[path];
    const refusal = refusals[path];
    if (refusal) return void response.writeHead(refusal.status, refusal.headers).end();
    response.writeHead(answer === undefined ? 404 : 200, { "content-type": "application/json" }).end(JSON.stringify(answer ?? { error: "not_found" }));
  });
  await new Promise<void>((listening) => api.listen(0, "127.0.0.1", listening));
  t.after(() => void api.close());
  const service = `http://127.0.0.1:${(api.address() as AddressInfo).port}`;
  const folder = scratchFolder(t);
  const env = commandEnvironment(folder, service);
  return {
    provider,
    service,
    requests,
    env,
    credentials: join(folder, "config", "credentials.json"),
    run: (args, more = {}) => runCommand(t, args.split(" "), { ...env, ...more }),
    session: () => storedSession(env),
  };
}

const me = { user_id: "u_42", email: "alice@acme.example", teams: [{ id: "tm_acme", name: "Acme Corp" }] };
const loginAt = (provider: MockProvider): string => `auth login --issuer ${provider.issuer} --scope openid`;

test("S-001 with --issuer, the issuer's endpoints and the service's API each get only the tokens that are meant for them", async (t) => {
  const { provider, service, requests, run, session, env } = await provided(t, { dpop: "plain" }, { "/api/v1/me": me, "/api/v1/things": {} });
  const login = await run(loginAt(provider));
  assert.equal(login.stdout, "✓ Logged in as alice@acme.example (Acme Corp). Access token valid for 1 hour.\n", login.stderr);
  const first = await session();
  assert.ok(first?.refreshToken);
  assert.equal((await run("auth refresh")).code, 0);
  assert.equal((await run("api GET /api/v1/things")).code, 0);

  // Another service in the environment changes nothing: it gets no token, and neither does it choose another issuer.
  const stranger = await provided(t, {}, { "/api/v1/me": me });
  const elsewhere = await run("api GET /api/v1/things", { SPEC_KITTY_SAAS_URL: stranger.service });
  assert.equal(elsewhere.code, 4);
  assert.match(elsewhere.stderr, new RegExp(`is logged in to ${service}, not to ${stranger.service}`));
  assert.deepEqual(stranger.requests, []);

  const last = await session();
  assert.ok(last?.refreshToken);
  assert.equal((await run("auth logout")).code, 0);
  const refreshTokens = [first.refreshToken.reveal(), last.refreshToken.reveal()];
  const accessTokens = [first.accessToken.reveal(), last.accessToken.reveal()];
  // The service has seen access tokens, on its API and with a proof, and no refresh token.
  assert.deepEqual(requests.map(({ path }) => path), ["/api/v1/me", "/api/v1/things"]);
  assert.deepEqual(requests.map(({ headers }) => headers.authorization), accessTokens.map((token) => `DPoP ${token}`));
  assert.ok(requests.every(({ headers, body }) => headers["dpop"] !== undefined && refreshTokens.every((token) => !(JSON.stringify(headers) + body).includes(token))));
  // The issuer has seen refresh tokens, at its token and revocation endpoints; access tokens at the latter alone.
  const seen = (tokens: readonly string[]): string[] => provider.requests.filter(({ form, headers }) => tokens.some((token) => JSON.stringify([form, headers]).includes(token))).map(({ path }) => path);
  assert.deepEqual(seen(refreshTokens), ["/token", "/revoke"]);
  assert.deepEqual(seen(accessTokens), ["/revoke"]);
  // Sealed: neither token nor key lies in a file.
  const secrets = [...refreshTokens, ...accessTokens, JSON.parse(first.dpopKey?.reveal() ?? "{}").d as string];
  for (const [path, content] of filesUnder(env["HOME"] ?? "")) for (const secret of secrets) assert.ok(!content.includes(secret), path);
});

test("--issuer and --client-id are remembered by the profile, for its service alone, and status shows the issuer", async (t) => {
  const { provider, service, run, env } = await provided(t, {}, { "/api/v1/me": me });
  assert.equal((await run(`${loginAt(provider)} --client-id cli_native`)).code, 0);
  assert.match((await run("auth status")).stdout, new RegExp(`Issuer +${provider.issuer}`));
  provider.requests.length = 0;
  const again = await runCommand(t, ["auth", "login", "--force", "--scope", "openid"], { ...env, SPEC_KITTY_SAAS_URL: undefined });
  assert.equal(again.code, 0, again.stderr);
  assert.ok(provider.paths.includes("/authorize"));
  const status = JSON.parse((await run("auth status --json")).stdout) as Record<string, unknown>;
  assert.deepEqual([status["service"], status["issuer"], status["tokenType"]], [service, provider.issuer, "Bearer"]);

  const other = await scene(t);
  provider.requests.length = 0;
  assert.equal((await runCommand(t, ["auth", "login", "--yes"], { ...env, SPEC_KITTY_SAAS_URL: other.saas.url })).code, 0);
  assert.deepEqual(provider.paths.filter((path) => path !== "/revoke"), []);
  assert.equal((JSON.parse((await run("auth status --json", { SPEC_KITTY_SAAS_URL: undefined })).stdout) as Record<string, unknown>)["issuer"], undefined);
});

test("--scope is remembered by the profile, for its issuer alone, until another is given", async (t) => {
  const { provider, run } = await provided(t, {}, { "/api/v1/me": me });
  const elsewhere = await MockProvider.start();
  t.after(() => elsewhere.close());
  const asked = async (args: string): Promise<string | null> => {
    const { code, stderr } = await run(`auth login --force${args}`);
    assert.equal(code, 0, stderr);
    return new URL(/http:\S+\/authorize\S*/.exec(stderr)?.[0] ?? "").searchParams.get("scope");
  };
  assert.equal(await asked(` --issuer ${provider.issuer} --scope openid`), "openid");
  assert.equal(await asked(""), "openid");
  await run("auth logout");
  assert.equal(await asked(""), "openid");
  assert.equal(await asked(` --issuer ${elsewhere.issuer}`), "offline_access api.read api.write");
  assert.equal(await asked(` --issuer ${provider.issuer} --scope api.read`), "api.read");
  assert.equal(await asked(""), "api.read");
});

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

test("where the service has no API the user is the provider's, and there are no teams", async (t) => {
  const { provider, run } = await provided(t);
  assert.match((await run(loginAt(provider))).stdout, /Logged in as alice@example\.com\./);
  assert.match((await run("auth status --check")).stdout, /Teams +none/);
  assert.equal((await run("auth whoami")).stdout, "alice@example.com\n");
  assert.match((await run("auth team")).stdout + (await run("auth team")).stderr, /not in a team/i);
});

test("where nobody but the ID token says who it is, it is believed, and --check refreshes", async (t) => {
  const { provider, run } = await provided(t);
  provider.misbehaviour = { metadata: ({ userinfo_endpoint: _, ...metadata }) => metadata };
  assert.match((await run(loginAt(provider))).stdout, /Logged in as alice@example\.com\./);
  provider.requests.length = 0;
  assert.equal((await run("auth status --check")).code, 0);
  assert.deepEqual(provider.paths, ["/token"]);
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

test("--prompt, --login-hint, --audience and --resource go along, and the standard's own parameters cannot be replaced", async (t) => {
  const { provider, env } = await provided(t, {}, { "/api/v1/me": me });
  const args = [...loginAt(provider).split(" "), "--no-browser", "--prompt", "select_account", "--login-hint", "alice@example.com", "--audience", "acme", "--resource", "https://api.example/v1"];
  const running = startCommand(t, args, env);
  const [address] = await running.shows(/http:\S+\/authorize\S*/);
  const { searchParams } = new URL(address);
  for (const [name, value] of [["prompt", "select_account"], ["login_hint", "alice@example.com"], ["audience", "acme"], ["resource", "https://api.example/v1"]] as const) {
    assert.deepEqual(searchParams.getAll(name), [value]);
  }
  await (await fetch(address)).text();
  assert.equal((await running.ended).code, 0);
  assert.equal(provider.requests.find(({ path }) => path === "/token")?.form["resource"], "https://api.example/v1");
  await runCommand(t, ["auth", "refresh"], env);
  assert.equal(provider.requests.findLast(({ path }) => path === "/token")?.form["resource"], "https://api.example/v1");
});

test("a callback from another issuer is not believed, and nothing is stored", async (t) => {
  const { provider, run, session } = await provided(t);
  provider.misbehaviour = { redirect: (parameters) => parameters.set("iss", "https://evil.example") };
  const { code, stderr } = await run(loginAt(provider));
  assert.equal(code, 1);
  assert.match(stderr, /^error: the answer came from "https:\/\/evil\.example", and "http:\S+" was asked$/m);
  assert.equal(await session(), undefined);
  assert.ok(!provider.paths.includes("/token"));
});

for (const error of ["consent_required", "interaction_required", "login_required", "account_selection_required"]) {
  test(`a provider that answers ${error} has denied the login: exit code 5`, async (t) => {
    const { provider, run, session } = await provided(t);
    provider.misbehaviour = { redirect: (parameters) => (parameters.delete("code"), parameters.set("error", error)) };
    const { code, stderr } = await run(`${loginAt(provider)} --prompt none`);
    assert.equal(code, 5);
    assert.match(stderr, new RegExp(`^error: the login was denied \\(${error}\\)$`, "m"));
    assert.equal(await session(), undefined);
  });
}

test("an access token that ended with its refresh token has ended: no warning", async (t) => {
  const { provider, run } = await provided(t);
  await run(loginAt(provider));
  provider.misbehaviour = { revoke: ({ token_type_hint: hint }) => (hint === "access_token" ? Response.json({ error: "invalid_token" }, { status: 400 }) : undefined) };
  const { stdout, stderr } = await run("auth logout");
  assert.deepEqual([stdout, stderr], ['✓ Logged out (profile "default"). Revoked: refresh token, access token.\n', ""]);
  // Of a refresh token it is not known what it means.
  await run(loginAt(provider));
  provider.misbehaviour = { revoke: () => Response.json({ error: "invalid_token" }, { status: 400 }) };
  assert.match((await run("auth logout")).stderr, /^warning: the refresh token could not be revoked .*\nwarning: the access token could not be revoked/m);
});

for (const method of ["client_secret_basic", "client_secret_post", "unlisted"] as const) {
  test(`a client secret is presented as the metadata says (${method}), at every endpoint, and kept sealed with the profile`, async (t) => {
    const secret = "not really: secret & shared+";
    const { provider, run, env } = await provided(t, { client: { secret, method }, par: "required", dpop: "nonces" });
    const refused = await run(loginAt(provider));
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /^hint: .*check SPEC_KITTY_CLIENT_ID and, if the issuer gave one, SPEC_KITTY_CLIENT_SECRET$/m);

    const file = join(env["HOME"] ?? "", "client-secret");
    writeFileSync(file, `${secret}\n`);
    assert.equal((await run(`${loginAt(provider)} --client-secret-file ${file}`)).code, 0);
    rmSync(file);
    for (const args of ["auth refresh", "auth login --force", "auth refresh", "auth logout", "auth login", "auth logout"]) assert.equal((await run(args)).code, 0, args);
    // The request without the secret was refused; after that each has it, and UserInfo has never seen it.
    assert.equal(provider.requests.filter(({ path, status }) => status === 401 && path !== "/userinfo").length, 1);
    assert.ok(provider.requests.every(({ path, headers }) => path !== "/userinfo" || headers.authorization?.startsWith("DPoP ")));
    for (const [path, content] of filesUnder(env["HOME"] ?? "")) assert.ok(!content.includes(secret), path);

    const other = await MockProvider.start();
    t.after(() => other.close());
    assert.equal((await run(`${loginAt(other)} --force`)).code, 0);
    assert.ok(other.requests.every(({ form, headers }) => form["client_secret"] === undefined && headers.authorization === undefined || headers.authorization?.startsWith("Bearer ")));
    assert.equal((await run(`${loginAt(provider)} --force --profile variable`, { SPEC_KITTY_CLIENT_SECRET: secret })).code, 0);
  });
}

for (const error of ["use_dpop_nonce", "invalid_dpop_proof"]) {
  test(`a pushed request is sent without a proof where that is refused with ${error}, and the code is bound to the key all the same`, async (t) => {
    const { provider, run, session } = await provided(t, { par: "required", dpop: "nonces" });
    provider.misbehaviour = { provenPush: () => Response.json({ error }, { status: 400, headers: { "dpop-nonce": "of-another-endpoint" } }) };
    assert.equal((await run(loginAt(provider))).code, 0);
    const pushes = provider.requests.filter(({ path }) => path === "/par");
    assert.deepEqual(pushes.map(({ headers }) => headers["dpop"] !== undefined).slice(-2), [true, false]);
    assert.ok(pushes.every(({ form }) => typeof form["dpop_jkt"] === "string"));
    assert.equal((await session())?.tokenType, "DPoP");
  });
}

test("a client secret is read from a file and never from the command line", async (t) => {
  const { run, env } = await provided(t);
  const file = join(env["HOME"] ?? "", "client-secret");
  writeFileSync(file, "two\nlines\n");
  for (const [args, message] of [
    ["--client-secret hunter2hunter2", /^error: "--client-secret" is not an option/m],
    [`--client-secret-file ${file}`, /^error: --client-secret-file: "\S+" does not hold one line of ASCII/m],
    ["--client-secret-file nowhere", /^error: --client-secret-file: cannot read "nowhere" \(ENOENT\)$/m],
  ] as const) {
    const { code, stderr } = await run(`auth login ${args}`);
    assert.equal(code, 2);
    assert.match(stderr, message);
  }
});

test("logout reports the outcome for each token", async (t) => {
  const { provider, run, session } = await provided(t);
  await run(loginAt(provider));
  provider.misbehaviour = { revoke: ({ token_type_hint: hint }) => (hint === "access_token" ? Response.json({ error: "unsupported_token_type" }, { status: 400 }) : undefined) };
  const half = await run("auth logout");
  assert.equal(half.stdout, '✓ Logged out (profile "default"). Revoked: refresh token.\n');
  assert.match(half.stderr, /^warning: the access token could not be revoked \(.*unsupported_token_type.*\): it may remain valid until it expires$/m);
  assert.equal(await session(), undefined);

  await run(loginAt(provider));
  provider.misbehaviour = { revoke: () => new Response("", { status: 503 }) };
  const none = await run("auth logout --json");
  assert.equal(none.code, 0);
  const error = { code: "service_unavailable", message: `"${provider.issuer}/revoke" answered 503` };
  assert.deepEqual(JSON.parse(none.stdout), {
    loggedOut: [{ profile: "default", server: "unconfirmed", error, tokens: [{ token: "refresh_token", revoked: false }, { token: "access_token", revoked: false }] }],
  });
  assert.equal(await session(), undefined);
});

test("a login that takes the place of another revokes it after the new one is stored, and a failure there is a warning", async (t) => {
  const { provider, run, credentials, session } = await provided(t);
  await run(loginAt(provider));
  const before = readFileSync(credentials);
  const old = await session();
  const revoked: unknown[] = [];
  let wasStored = true;
  provider.misbehaviour = {
    revoke: ({ token }) => {
      revoked.push(token);
      wasStored &&= !readFileSync(credentials).equals(before);
      return new Response("", { status: 503 });
    },
  };
  const { code, stderr } = await run(`${loginAt(provider)} --force`);
  assert.equal(code, 0);
  assert.deepEqual(revoked, [old?.refreshToken?.reveal(), old?.accessToken.reveal()]);
  assert.ok(wasStored);
  assert.match(stderr, /^warning: the refresh token of the previous login could not be revoked \(.*503\): it may remain valid until it expires$/m);
});

test("an ID token of somebody else's in a refresh ends the session, and the command says why", async (t) => {
  const { provider, run } = await provided(t);
  await run(`${loginAt(provider)} --profile work`);
  provider.misbehaviour = { refreshedIdToken: (claims) => ({ ...claims, sub: "u_mallory" }) };
  const { code, stderr } = await run("auth refresh --profile work");
  assert.equal(code, 4);
  assert.match(stderr, /^error: the session was not continued: the ID token of "\S+" names a user other than that of the login\nhint: Run: spec-kitty auth login --profile work\n$/);
  assert.equal((await run("auth token --profile work")).code, 4);
});

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
  assert.deepEqual(requests.map(({ path }) => path), [...wellKnown, "/api/v1/me", ...wellKnown]);
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
  assert.match(slash.stderr, new RegExp(`^hint: Name it as it names itself: spec-kitty auth login --issuer ${provider.issuer}/$`, "m"));
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
