// Logging in to servers other than the service of the defaults, through the real command. That they are served as other
// people's servers want it is tested against one of those, in test/peers.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { MockProvider } from "../conformance/mock-provider.ts";
import { runCommand, startCommand } from "../helpers/command.ts";
import { loginAt, me, provided } from "../helpers/provided.ts";
import { filesUnder, scene } from "../helpers/scene.ts";

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
