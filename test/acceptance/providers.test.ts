// Logins at other servers than the default service, through the real command. test/app/login has the decisions,
// test/peers other vendors' servers.
import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { runCommand, startCommand, withoutWaits } from "../helpers/command.ts";
import { loginAt, me, provided } from "../helpers/provided.ts";
import { filesUnder } from "../helpers/scene.ts";

test("S-001 with --issuer, the issuer's endpoints and the service's API each get only the tokens that are meant for them", async (t) => {
  const { provider, service, requests, run, session, env } = await provided(
    t,
    { dpop: "plain" },
    { "/api/v1/me": me, "/api/v1/things": {} },
  );
  const login = await run(loginAt(provider));
  assert.equal(
    login.stdout,
    "✓ Logged in as alice@acme.example (Acme Corp). Access token valid for 1 hour.\n",
    login.stderr,
  );
  const first = await session();
  assert.ok(first?.refreshToken);
  assert.equal((await run("auth refresh")).code, 0);
  assert.equal((await run("api GET /api/v1/things")).code, 0);

  // Another service in the environment gets no token, and chooses no issuer.
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
  // The service has seen access tokens, with a proof, and no refresh token.
  assert.deepEqual(
    requests.map(({ path }) => path),
    ["/api/v1/me", "/api/v1/things"],
  );
  assert.deepEqual(
    requests.map(({ headers }) => headers.authorization),
    accessTokens.map((token) => `DPoP ${token}`),
  );
  assert.ok(
    requests.every(
      ({ headers, body }) =>
        headers["dpop"] !== undefined &&
        refreshTokens.every((token) => !(JSON.stringify(headers) + body).includes(token)),
    ),
  );
  // The issuer has seen refresh tokens, at its token and revocation endpoints; access tokens only at the latter.
  const seen = (tokens: readonly string[]): string[] =>
    provider.requests
      .filter(({ form, headers }) => tokens.some((token) => JSON.stringify([form, headers]).includes(token)))
      .map(({ path }) => path);
  assert.deepEqual(seen(refreshTokens), ["/token", "/revoke"]);
  assert.deepEqual(seen(accessTokens), ["/revoke"]);
  // Sealed: no token or key in a file.
  const secrets = [...refreshTokens, ...accessTokens, JSON.parse(first.dpopKey?.reveal() ?? "{}").d as string];
  for (const [path, content] of filesUnder(env["HOME"] ?? ""))
    for (const secret of secrets) assert.ok(!content.includes(secret), path);
});

test("--prompt, --login-hint, --audience and --resource go along, and the standard's own parameters cannot be replaced", async (t) => {
  const { provider, env, here } = await provided(t, {}, { "/api/v1/me": me });
  const args = [
    ...loginAt(provider).split(" "),
    "--no-browser",
    "--prompt",
    "select_account",
    "--login-hint",
    "alice@example.com",
    "--audience",
    "acme",
    "--resource",
    "https://api.example/v1",
  ];
  const running = startCommand(t, args, env);
  const [address] = await running.shows(/http:\S+\/authorize\S*/);
  const { searchParams } = new URL(address);
  for (const [name, value] of [
    ["prompt", "select_account"],
    ["login_hint", "alice@example.com"],
    ["audience", "acme"],
    ["resource", "https://api.example/v1"],
  ] as const) {
    assert.deepEqual(searchParams.getAll(name), [value]);
  }
  await (await fetch(address)).text();
  assert.equal((await running.ended).code, 0);
  assert.equal(provider.requests.find(({ path }) => path === "/token")?.form["resource"], "https://api.example/v1");
  await here("auth refresh");
  assert.equal(provider.requests.findLast(({ path }) => path === "/token")?.form["resource"], "https://api.example/v1");
});

test("a provider that responds consent_required has denied the login: exit code 5", async (t) => {
  const { provider, run, session } = await provided(t);
  provider.misbehaviour = {
    redirect: (parameters) => (parameters.delete("code"), parameters.set("error", "consent_required")),
  };
  const { code, stderr } = await run(`${loginAt(provider)} --prompt none`);
  assert.equal(code, 5);
  assert.match(stderr, /^error: the login was denied \(consent_required\)$/m);
  assert.equal(await session(), undefined);
});

test("a client secret from a file is presented by this login and by the next command, which finds it with the profile", async (t) => {
  const secret = "not really: secret & shared+";
  const { provider, run, env } = await provided(t, {
    client: { secret, method: "client_secret_basic" },
    par: "required",
    dpop: "nonces",
  });
  const file = join(env["HOME"] ?? "", "client-secret");
  writeFileSync(file, `${secret}\n`);
  assert.equal((await run(`${loginAt(provider)} --client-secret-file ${file}`)).code, 0);
  rmSync(file);
  assert.equal((await run("auth login --force")).code, 0);
  for (const [path, content] of filesUnder(env["HOME"] ?? "")) assert.ok(!content.includes(secret), path);
});

test("invalid_scope says which scopes were sent and which the provider lists, and the hint repeats the URL", async (t) => {
  const { provider, env, session } = await provided(t);
  provider.misbehaviour = {
    metadata: (metadata) => ({ ...metadata, scopes_supported: ["openid", "projects"] }),
    redirect: (parameters) => (parameters.delete("code"), parameters.set("error", "invalid_scope")),
  };
  const { code, stderr } = await runCommand(
    t,
    ["auth", "login", provider.issuer, "--client-id", "cli_native", "--scope", "openid project"],
    env,
  );
  assert.equal(code, 1);
  assert.match(
    stderr,
    new RegExp(
      `^error: .*invalid_scope.*: the login requested "openid project", and the issuer lists "openid", "projects"\nhint: Name the scopes you need: spec-kitty auth login ${provider.issuer} --scope openid --client-id cli_native$`,
      "m",
    ),
  );
  assert.equal(await session(), undefined);
});

test("a login that is granted less than it asked for says so, and so does auth status", async (t) => {
  const { provider, env, here } = await provided(t, {}, { "/api/v1/me": me });
  provider.misbehaviour = { tokens: (answer) => ({ ...answer, scope: "https://api.example/projects.read" }) };
  const { stderr, code } = await runCommand(
    t,
    [
      "auth",
      "login",
      provider.issuer,
      "--client-id",
      "cli_native",
      "--scope",
      "openid offline_access projects.read projects.write",
    ],
    env,
  );
  assert.equal(code, 0);
  assert.match(stderr, /^warning: the issuer did not grant these scopes: projects\.write$/m);
  assert.match(
    (await here("auth status")).stdout,
    /Scope +https:\/\/api\.example\/projects\.read; the issuer did not grant: projects\.write$/m,
  );
  const status = JSON.parse((await here("auth status --json")).stdout) as Record<string, unknown>;
  assert.deepEqual([status["scope"], status["missingScope"]], ["https://api.example/projects.read", "projects.write"]);
});

test("logout says which tokens were revoked, and warns of the one that was not", async (t) => {
  const { provider, run, here, session } = await provided(t);
  await here(loginAt(provider));
  provider.misbehaviour = {
    revoke: ({ token_type_hint: hint }) =>
      hint === "access_token" ? Response.json({ error: "unsupported_token_type" }, { status: 400 }) : undefined,
  };
  const half = await run("auth logout");
  assert.equal(half.stdout, '✓ Logged out (profile "default"). Revoked: refresh token.\n');
  assert.match(
    half.stderr,
    /^warning: the issuer did not confirm the revocation of the access token \(.*unsupported_token_type.*\): it may remain valid until it expires$/m,
  );
  assert.equal(await session(), undefined);
});

test("an ID token of another user's in a refresh ends the session, and the command says why", async (t) => {
  const { provider, run, here } = await provided(t);
  await here(`${loginAt(provider)} --profile work`);
  provider.misbehaviour = { refreshedIdToken: (claims) => ({ ...claims, sub: "u_mallory" }) };
  const { code, stderr } = await run("auth refresh --profile work");
  assert.equal(code, 4);
  assert.match(
    withoutWaits(stderr),
    /^error: the response to the refresh does not continue the session: the ID token of "\S+" names a different user than the login\nhint: Run: spec-kitty auth login --profile work\n$/,
  );
  assert.equal((await here("auth token --profile work")).code, 4);
});
