import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { runHere } from "../../helpers/command-here.ts";
import { loginAt, me, provided } from "../../helpers/provided.ts";
import { loginFile } from "../../helpers/stored-session.ts";

for (const error of ["interaction_required", "login_required", "account_selection_required"]) {
  test(`a provider that returns ${error} has denied the login: exit code 5`, async (t) => {
    const { provider, here, session } = await provided(t);
    provider.misbehaviour = { redirect: (parameters) => (parameters.delete("code"), parameters.set("error", error)) };
    const { code, stderr } = await here(`${loginAt(provider)} --prompt none`);
    assert.equal(code, 5);
    assert.match(stderr, new RegExp(`^error: the login was denied \\(${error}\\)$`, "m"));
    assert.equal(await session(), undefined);
  });
}

for (const error of ["use_dpop_nonce", "invalid_dpop_proof"]) {
  test(`a pushed request is sent without a proof where that is refused with ${error}, and the code is bound to the key all the same`, async (t) => {
    const { provider, here, session } = await provided(t, { par: "required", dpop: "nonces" });
    provider.misbehaviour = {
      provenPush: () => Response.json({ error }, { status: 400, headers: { "dpop-nonce": "of-another-endpoint" } }),
    };
    assert.equal((await here(loginAt(provider))).code, 0);
    const pushes = provider.requests.filter(({ path }) => path === "/par");
    assert.deepEqual(pushes.map(({ headers }) => headers["dpop"] !== undefined).slice(-2), [true, false]);
    assert.ok(pushes.every(({ form }) => typeof form["dpop_jkt"] === "string"));
    assert.equal((await session())?.tokenType, "DPoP");
  });
}

test("invalid_scope says with a code too which scopes were sent and which the provider lists", async (t) => {
  const { provider, env, session } = await provided(t);
  provider.misbehaviour = {
    metadata: (metadata) => ({
      ...metadata,
      scopes_supported: ["openid", "projects"],
      device_authorization_endpoint: `${provider.issuer}/device`,
    }),
    device: () => Response.json({ error: "invalid_scope" }, { status: 400 }),
  };
  const { code, stderr } = await runHere(
    ["auth", "login", provider.issuer, "--client-id", "cli_native", "--scope", "openid project", "--headless"],
    env,
  );
  assert.equal(code, 1);
  assert.match(
    stderr,
    /^error: .*invalid_scope.*: the login requested "openid project", and the issuer lists "openid", "projects"\nhint: Name the scopes you need: spec-kitty auth login .*--scope openid --client-id cli_native$/m,
  );
  assert.equal(await session(), undefined);
});

test("a session without a refresh token is shown as one, with the time when it ends", async (t) => {
  const { provider, here } = await provided(t, {}, { "/api/v1/me": me });
  provider.misbehaviour = { tokens: ({ refresh_token: _, ...answer }) => answer };
  const { stdout } = await here(loginAt(provider));
  assert.match(
    stdout,
    /Access token valid for 1 hour\. There is no refresh token: log in again at (\d{4}-\d\d-\d\d )?\d\d:\d\d\.\n$/,
  );
  const status = await here("auth status");
  assert.match(status.stdout, /Refresh token +none: log in again at (\d{4}-\d\d-\d\d )?\d\d:\d\d$/m);
  assert.equal(
    (JSON.parse((await here("auth status --json")).stdout) as Record<string, unknown>)["hasRefreshToken"],
    false,
  );

  provider.misbehaviour = { tokens: ({ refresh_token: _, expires_in: __, ...answer }) => answer };
  assert.match(
    (await here(`${loginAt(provider)} --force`)).stdout,
    /There is no refresh token: log in again when the service rejects the access token\.\n$/,
  );
});

test("at a server of OAuth 2.0 alone the account is called by its issuer and scope, and whoami says so", async (t) => {
  const { provider, here, session } = await provided(t);
  provider.misbehaviour = { metadata: ({ userinfo_endpoint: _, jwks_uri: __, ...metadata }) => metadata };
  const name = `${provider.issuer} (api.read)`;
  assert.equal(
    (await here(`auth login ${provider.issuer} --client-id cli_native --scope api.read`)).stdout,
    `✓ Logged in as ${name}. Access token valid for 1 hour.\n`,
  );
  const whoami = await here("auth whoami");
  assert.deepEqual([whoami.code, whoami.stdout], [0, `${name}\n`]);
  assert.match(whoami.stderr, /^The issuer does not name its users/);
  const first = await session();
  assert.equal((await here("auth status --check")).code, 0);
  assert.equal((await here("auth refresh")).code, 0);
  assert.equal((await session())?.user.id, first?.user.id);
  // It may be another user.
  assert.equal((await here("auth login --force")).code, 0);
  assert.notEqual((await session())?.user.id, first?.user.id);

  provider.misbehaviour.tokens = ({ refresh_token: _, ...answer }) => answer;
  await here("auth login --force");
  const status = await here("auth status --check");
  assert.equal(status.code, 0);
  assert.match(
    status.stderr,
    /^warning: the issuer does not name its users and gave no refresh token, so this command cannot check the session$/m,
  );
  assert.doesNotMatch(status.stdout, /checked just now/);
});

test("where the service has no API the user is the provider's, and there are no teams", async (t) => {
  const { provider, here } = await provided(t);
  assert.match((await here(loginAt(provider))).stdout, /Logged in as alice@example\.com\./);
  assert.doesNotMatch((await here("auth status --check")).stdout, /team/i);
  assert.equal((await here("auth whoami")).stdout, "alice@example.com\n");
  const team = await here("auth team");
  assert.match(team.stdout + team.stderr, /not a member of any team/);
});

test("where only the ID token names the user, it is believed, and --check refreshes", async (t) => {
  const { provider, here } = await provided(t);
  provider.misbehaviour = { metadata: ({ userinfo_endpoint: _, ...metadata }) => metadata };
  assert.match((await here(loginAt(provider))).stdout, /Logged in as alice@example\.com\./);
  provider.requests.length = 0;
  assert.equal((await here("auth status --check")).code, 0);
  assert.deepEqual(provider.paths, ["/token"]);
});

for (const status of [401, 403]) {
  test(`a service that returns ${status} at /api/v1/me without asking for a token has no such endpoint, where another source names the user`, async (t) => {
    const { provider, here, service } = await provided(t, {}, {}, { "/api/v1/me": { status } });
    assert.match((await here(loginAt(provider))).stdout, /Logged in as alice@example\.com\./);
    provider.misbehaviour = { metadata: ({ userinfo_endpoint: _, ...metadata }) => metadata };
    assert.match((await here(`${loginAt(provider)} --profile second`)).stdout, /Logged in as alice@example\.com\./);
    const nobody = await here(
      `auth login --issuer ${provider.issuer} --client-id cli_native --scope api.read --profile third`,
    );
    assert.equal(nobody.code, 1);
    assert.match(
      nobody.stderr,
      new RegExp(
        `^error: the service does not name the user of this login: "${service}/api/v1/me" returned ${status}`,
        "m",
      ),
    );
  });

  test(`a service that returns ${status} at /api/v1/me and asks for a token refuses this one, and the login fails`, async (t) => {
    const { provider, here } = await provided(
      t,
      {},
      {},
      { "/api/v1/me": { status, headers: { "www-authenticate": 'Bearer realm="api"' } } },
    );
    const { code, stderr } = await here(loginAt(provider));
    assert.equal(code, 1);
    assert.match(stderr, /the service does not name the user/);
    assert.deepEqual(provider.paths.slice(-2), ["/revoke", "/revoke"]);
  });
}

test("a token without openid is not refused because UserInfo refuses it", async (t) => {
  const { provider, here, service } = await provided(
    t,
    {},
    {},
    { "/who": { status: 403, headers: { "www-authenticate": 'Bearer error="insufficient_scope"' } } },
  );
  provider.misbehaviour = { metadata: (metadata) => ({ ...metadata, userinfo_endpoint: `${service}/who` }) };
  assert.equal(
    (await here(`auth login ${provider.issuer} --client-id cli_native --scope api.read`)).stdout,
    `✓ Logged in as ${provider.issuer} (api.read). Access token valid for 1 hour.\n`,
  );
});

test("a callback from another issuer is not believed, and nothing is stored", async (t) => {
  const { provider, here, session } = await provided(t);
  provider.misbehaviour = { redirect: (parameters) => parameters.set("iss", "https://evil.example") };
  const { code, stderr } = await here(loginAt(provider));
  assert.equal(code, 1);
  assert.match(
    stderr,
    /^error: the response came from "https:\/\/evil\.example", and the request went to "http:\S+"$/m,
  );
  assert.equal(await session(), undefined);
  assert.ok(!provider.paths.includes("/token"));
});

test("a login that takes the place of another revokes it after the new one is stored, and a failure there is a warning", async (t) => {
  const { provider, here, env, session } = await provided(t);
  await here(loginAt(provider));
  const before = await loginFile(env);
  const old = await session();
  const revoked: unknown[] = [];
  let wasStored = true;
  provider.misbehaviour = {
    revoke: ({ token }) => {
      revoked.push(token);
      wasStored &&= !existsSync(before ?? "");
      return new Response("", { status: 503 });
    },
  };
  const { code, stderr } = await here(`${loginAt(provider)} --force`);
  assert.equal(code, 0);
  assert.deepEqual(revoked, [old?.refreshToken?.reveal(), old?.accessToken.reveal()]);
  assert.ok(wasStored);
  assert.match(
    stderr,
    /^warning: the issuer did not confirm the revocation of the previous refresh token \(.*503\): it may remain valid until it expires$/m,
  );
});
