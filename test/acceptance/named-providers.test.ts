// Providers that need more than their URL: the real command against a server that responds as each documents, at its
// own URLs. Quotations are from the pages in src/auth/oauth/named-providers.ts.
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import type { Session } from "../../src/auth/sessions/session.ts";
import type { Fetch } from "../../src/base/runtime-types.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { firstSigningKey, signJwt } from "../conformance/signing-key.ts";
import { runCommand, startCommand, type CommandEnvironment, type CommandResult } from "../helpers/command.ts";
import { logInHere, runHere } from "../helpers/command-here.ts";
import { internet, type InternetRequest } from "../helpers/internet.ts";
import { accelerated, scene } from "../helpers/scene.ts";
import { storedProfile, storedSession } from "../helpers/stored-session.ts";

/** Skips the provider's page, and sends its redirect. */
async function approving(address: string): Promise<void> {
  const asked = new URL(address).searchParams;
  await (
    await fetch(
      `${asked.get("redirect_uri")}?${new URLSearchParams({ code: "code-1", state: asked.get("state") ?? "" })}`,
    )
  ).text();
}

/** With a browser that approves. */
function browserLogin(
  args: readonly string[],
  env: CommandEnvironment,
  fetch: Fetch,
  asked: (address: URL) => void = () => undefined,
): Promise<CommandResult> {
  return logInHere(
    ["auth", "login", ...args],
    env,
    { fetch },
    (address) => (asked(new URL(address)), approving(address)),
  );
}

/** Waits take no time: a device login polls every five seconds. */
const hasty = { ...systemClock, sleep: () => turn() };

const paths = (requests: readonly InternetRequest[]): string[] => requests.map(({ to }) => to);
const key = firstSigningKey("RS256");
const now = (): number => Math.floor(Date.now() / 1000);

const github = (request: InternetRequest): Response => {
  // "By default, the response takes the following form: access_token=…&scope=repo%2Cgist&token_type=bearer"
  const answer = (members: Record<string, string>): Response =>
    request.headers.accept === "application/json"
      ? Response.json(members)
      : new Response(new URLSearchParams(members).toString());
  switch (request.to) {
    case "POST github.com/login/device/code":
      return answer({
        device_code: "3584d83530557fdd1f46af8289938c8ef79f9dc5",
        user_code: "WDJB-MJHT",
        verification_uri: "https://github.com/login/device",
        expires_in: 900,
        interval: 5,
      } as never);
    case "POST github.com/login/oauth/access_token":
      // "client_secret: Required. The client secret you received from GitHub", in the web application flow alone.
      if (request.form["code"] !== undefined && request.form["client_secret"] !== "shared-secret")
        return answer({ error: "incorrect_client_credentials" });
      // "authorization_pending: This error occurs when the authorization request is pending": as every error here, with a status of 200.
      if (request.form["device_code"] !== undefined && ++polls === 1) return answer({ error: "authorization_pending" });
      return answer({
        access_token: "gho_16C7e42F292c6912E7710c838347Ae178B4a",
        scope: "read:user,user:email",
        token_type: "bearer",
      });
    case "GET api.github.com/user":
      assert.equal(request.headers.authorization, "Bearer gho_16C7e42F292c6912E7710c838347Ae178B4a");
      return Response.json({ login: "octocat", id: 583231, name: "The Octocat", email: null });
  }
  return new Response("Not Found", { status: 404 });
};
let polls = 0;

test("--provider github: with a code and without a secret, form-encoded unless asked, without metadata or expiry", async (t) => {
  const { env, requests, fetch } = await internet(t, ["github.com", "api.github.com"], github);
  const { code, stdout, stderr } = await runCommand(
    t,
    ["auth", "login", "--provider", "github", "--client-id", "Iv1.8a61f9b3a7aba766"],
    env,
    { nodeArgs: accelerated(20) },
  );
  assert.equal(code, 0, stderr);
  assert.match(
    stderr,
    /^Logging in with a code, because github requires a client secret for a login in the browser\.$/m,
  );
  assert.equal(
    stdout,
    "✓ Logged in as octocat. There is no refresh token: log in again when the service rejects the access token.\n",
  );
  const exchange = "POST github.com/login/oauth/access_token";
  assert.deepEqual(paths(requests), [
    "POST github.com/login/device/code",
    exchange,
    exchange,
    "GET api.github.com/user",
  ]);
  assert.deepEqual(requests[0]?.form, { client_id: "Iv1.8a61f9b3a7aba766", scope: "read:user user:email" });
  const session = await storedSession(env);
  assert.deepEqual(
    [session?.user.id, session?.missingScope, session?.accessTokenExpiresAt],
    ["583231", undefined, undefined],
  );

  // "GET https://api.github.com/user": the tokens are for its API.
  assert.match((await runHere(["auth", "status", "--check"], env, { fetch })).stdout, /octocat/);
  const api = paths(requests).filter((to) => to === "GET api.github.com/user").length;
  assert.equal((await runHere(["api", "GET", "/user"], env, { fetch })).code, 0);
  assert.equal(paths(requests).filter((to) => to === "GET api.github.com/user").length, api + 1);
  const logout = await runHere(["auth", "logout"], env, { fetch });
  assert.match(logout.stderr, /^warning: .*"https:\/\/github\.com\/login\/oauth" cannot end a session/m);
});

test("--provider github: in the browser with a secret, and the profile remembers all of it", async (t) => {
  const { env, requests, fetch } = await internet(t, ["github.com", "api.github.com"], github);
  let asked: URL | undefined;
  const args = ["--provider", "github", "--client-id", "Iv1.8a61f9b3a7aba766"];
  const { code, stderr } = await browserLogin(
    args,
    { ...env, SPEC_KITTY_CLIENT_SECRET: "shared-secret" },
    fetch,
    (address) => (asked = address),
  );
  assert.equal(code, 0, stderr);
  assert.equal(asked && asked.origin + asked.pathname, "https://github.com/login/oauth/authorize");
  assert.match(asked?.searchParams.get("redirect_uri") ?? "", /^http:\/\/127\.0\.0\.1:\d+\/callback\/github$/);
  assert.equal(asked?.searchParams.get("prompt"), null);
  assert.deepEqual(paths(requests), ["POST github.com/login/oauth/access_token", "GET api.github.com/user"]);
  await runHere(["auth", "logout"], env, { fetch });
  const again = await browserLogin(["--force"], env, fetch);
  assert.equal(again.code, 0, again.stderr);
});

test("--provider github: without a client of the user's own no request is sent, and the hint names its documentation", async (t) => {
  const { run, saas } = await scene(t);
  const { code, stderr } = await run("auth login --provider github");
  assert.equal(code, 2);
  assert.match(
    stderr,
    /^error: github requires a client ID of your own\nhint: Register a client \(https:\/\/docs\.github\.com\S+, then run: /m,
  );
  assert.equal(saas.requests.length, 0);
});

const google = (request: InternetRequest): Response => {
  const nonce = authorized.get("nonce") ?? undefined;
  const tokens = {
    access_token: "1/fFAGRNJru1FTz70BzhT3Zg",
    expires_in: 3920,
    token_type: "Bearer",
    scope: "https://www.googleapis.com/auth/userinfo.email https://www.googleapis.com/auth/userinfo.profile openid",
    refresh_token: "1//xEoDL4iW3cxlI7yDbSRFYNG01kVKM2C-259HOF2aQbI",
    id_token: signJwt(key, {
      iss: "https://accounts.google.com",
      azp: "1234.apps.googleusercontent.com",
      aud: "1234.apps.googleusercontent.com",
      sub: "110169484474386276334",
      nonce,
      iat: now(),
      exp: now() + 3600,
      email: "alice@gmail.com",
    }),
  };
  switch (request.to) {
    case "GET accounts.google.com/.well-known/openid-configuration":
      return Response.json({
        issuer: "https://accounts.google.com",
        authorization_endpoint: "https://accounts.google.com/o/oauth2/v2/auth",
        device_authorization_endpoint: "https://oauth2.googleapis.com/device/code",
        token_endpoint: "https://oauth2.googleapis.com/token",
        userinfo_endpoint: "https://openidconnect.googleapis.com/v1/userinfo",
        revocation_endpoint: "https://oauth2.googleapis.com/revoke",
        jwks_uri: "https://www.googleapis.com/oauth2/v3/certs",
        scopes_supported: ["openid", "email", "profile"],
        token_endpoint_auth_methods_supported: ["client_secret_post", "client_secret_basic"],
        id_token_signing_alg_values_supported: ["RS256"],
      });
    case "POST oauth2.googleapis.com/device/code":
      // It calls the page's URL otherwise, and the page is elsewhere.
      return Response.json({
        device_code: "4/4-GMMhmHCXhWEzkobqIHGG_EnNYYsAkukHspeYUk9E8",
        user_code: "GQVQ-JKEC",
        verification_url: "https://www.google.com/device",
        expires_in: 1800,
        interval: 5,
      });
    case "POST oauth2.googleapis.com/token":
      // "Your app needs an OAuth 2.0 client ID and client secret to make requests to Google's sign-in endpoints."
      if (
        request.headers.authorization !==
        `Basic ${Buffer.from("1234.apps.googleusercontent.com:GOCSPX-shared").toString("base64")}`
      )
        return Response.json({ error: "invalid_client" }, { status: 401 });
      // A status of its own, "Precondition Required".
      if (request.form["device_code"] !== undefined && ++polls === 1)
        return Response.json({ error: "authorization_pending" }, { status: 428 });
      return Response.json(tokens);
    case "GET www.googleapis.com/oauth2/v3/certs":
      return Response.json({ keys: [key.publicJwk] });
    case "GET openidconnect.googleapis.com/v1/userinfo":
      return Response.json({ sub: "110169484474386276334", email: "alice@gmail.com" });
    case "POST oauth2.googleapis.com/revoke":
      return Response.json({});
  }
  return new Response("Not Found", { status: 404 });
};
let authorized = new URLSearchParams();
const googleHosts = [
  "accounts.google.com",
  "oauth2.googleapis.com",
  "openidconnect.googleapis.com",
  "www.googleapis.com",
] as const;

test("--provider google: the secret of a client that cannot keep one, access_type instead of offline_access, a device endpoint elsewhere", async (t) => {
  polls = 0;
  const { env, requests, fetch } = await internet(t, googleHosts, google);
  // "it is assumed that the apps cannot keep secrets"
  const none = await runCommand(
    t,
    ["auth", "login", "--provider", "google", "--client-id", "1234.apps.googleusercontent.com"],
    env,
  );
  assert.equal(none.code, 2);
  assert.match(
    none.stderr,
    /^error: google requires the client secret\nhint: Set SPEC_KITTY_CLIENT_SECRET, or run: .*--provider google --client-secret-file FILE --client-id 1234\S+$/m,
  );
  assert.deepEqual(requests, []);

  const secret = { ...env, SPEC_KITTY_CLIENT_SECRET: "GOCSPX-shared" };
  const args = ["auth", "login", "--provider", "google", "--client-id", "1234.apps.googleusercontent.com"];
  const device = await runHere([...args, "--headless"], secret, { fetch, clock: hasty });
  assert.equal(device.code, 0, device.stderr);
  assert.match(device.stderr, /https:\/\/www\.google\.com\/device/);
  assert.match(device.stdout, /^✓ Logged in as alice@gmail\.com\./);
  assert.doesNotMatch(device.stderr, /did not grant/);
  const first = (await storedSession(env)) as Session;

  const { code, stderr } = await browserLogin(
    ["--force"],
    env,
    fetch,
    ({ searchParams }) => (authorized = searchParams),
  );
  assert.equal(code, 0, stderr);
  assert.deepEqual(
    [authorized.get("access_type"), authorized.get("prompt"), authorized.get("scope")],
    ["offline", "consent", "openid email profile"],
  );
  assert.ok(
    !(await storedSession(env))?.accessToken.equals(first.accessToken) ||
      !paths(requests).includes("POST oauth2.googleapis.com/revoke"),
  );
  // Revoking the first would end the second too.
  assert.ok(!paths(requests).includes("POST oauth2.googleapis.com/revoke"));
  assert.equal((await runHere(["auth", "refresh"], env, { fetch })).code, 0);
  assert.equal((await runHere(["auth", "logout"], env, { fetch })).code, 0);
  assert.ok(paths(requests).includes("POST oauth2.googleapis.com/revoke"));
});

const tenantId = "8eaef023-2b34-4da1-9baa-8bc8c9d6a490";
const microsoft =
  (tenant: string, issuer: string, told: { iss: string; tid: string }, asked: () => URLSearchParams) =>
  (request: InternetRequest): Response => {
    const base = `https://login.microsoftonline.com/${tenant}`;
    switch (request.to) {
      // "Well-known configuration document path" after the "Authority URL: https://login.microsoftonline.com/{tenant}/v2.0"
      case `GET login.microsoftonline.com/${tenant}/v2.0/.well-known/openid-configuration`:
        return Response.json({
          issuer,
          authorization_endpoint: `${base}/oauth2/v2.0/authorize`,
          token_endpoint: `${base}/oauth2/v2.0/token`,
          device_authorization_endpoint: `${base}/oauth2/v2.0/devicecode`,
          jwks_uri: `${base}/discovery/v2.0/keys`,
          userinfo_endpoint: "https://graph.microsoft.com/oidc/userinfo",
          scopes_supported: ["openid", "profile", "email", "offline_access"],
          token_endpoint_auth_methods_supported: ["client_secret_post", "private_key_jwt", "client_secret_basic"],
          id_token_signing_alg_values_supported: ["RS256"],
        });
      case `POST login.microsoftonline.com/${tenant}/oauth2/v2.0/token`: {
        const claims = {
          ...told,
          aud: "535fb089-9ff3-47b6-9bfb-4f1264799865",
          sub: "AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ",
          nonce: asked().get("nonce"),
          iat: now(),
          exp: now() + 3600,
          email: "alice@contoso.com",
        };
        return Response.json({
          token_type: "Bearer",
          scope: "https://graph.microsoft.com/User.Read",
          expires_in: 3599,
          access_token: "eyJ0eXAi",
          refresh_token: "AwABAAAA",
          id_token: signJwt(key, claims),
        });
      }
      case `GET login.microsoftonline.com/${tenant}/discovery/v2.0/keys`:
        return Response.json({ keys: [key.publicJwk] });
      case "GET graph.microsoft.com/oidc/userinfo":
        return Response.json({ sub: "AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ", email: "alice@contoso.com" });
    }
    return new Response("Not Found", { status: 404 });
  };

interface MicrosoftLogin {
  asked: URLSearchParams;
  result: CommandResult;
  env: CommandEnvironment;
  fetch: Fetch;
}

async function microsoftLogin(
  t: TestContext,
  tenant: string,
  issuer: string,
  told: { iss: string; tid: string },
  isReal = false,
): Promise<MicrosoftLogin> {
  let asked = new URLSearchParams();
  const { env, fetch } = await internet(
    t,
    ["login.microsoftonline.com", "graph.microsoft.com"],
    microsoft(tenant, issuer, told, () => asked),
  );
  const args = [
    "--provider",
    "microsoft",
    "--client-id",
    "535fb089-9ff3-47b6-9bfb-4f1264799865",
    ...(tenant === "common" ? [] : ["--tenant", tenant]),
  ];
  if (!isReal)
    return {
      result: await browserLogin(args, env, fetch, ({ searchParams }) => (asked = searchParams)),
      asked,
      env,
      fetch,
    };
  const running = startCommand(t, ["auth", "login", ...args, "--no-browser"], env);
  const [, address = ""] = await running.shows(/\n {2}(https:\/\/\S+)\n/);
  asked = new URL(address).searchParams;
  await approving(address);
  return { result: await running.ended, asked, env, fetch };
}

const at = (id: string): string => `https://login.microsoftonline.com/${id}/v2.0`;
for (const [tenant, issuer, isReal] of [
  [tenantId, at(tenantId), true],
  ["contoso.onmicrosoft.com", at(tenantId)],
  ["common", at("{tenantid}")],
  ["organizations", at("{tenantid}")],
] as const) {
  test(`--provider microsoft --tenant ${tenant}: the tenant's issuer is the one of the ID token, the scopes are of one resource`, async (t) => {
    const { asked, result, env, fetch } = await microsoftLogin(
      t,
      tenant,
      issuer,
      { iss: at(tenantId), tid: tenantId },
      isReal,
    );
    assert.equal(result.code, 0, result.stderr);
    assert.match(result.stdout, /^✓ Logged in as alice@contoso\.com\./);
    assert.deepEqual(
      [asked.get("scope"), asked.get("prompt")],
      ["openid profile email offline_access User.Read", "select_account"],
    );
    // "It must exactly match one of the redirect URIs you registered in the portal", of which a port on localhost is no part.
    assert.match(asked.get("redirect_uri") ?? "", /^http:\/\/localhost:\d+\/callback\/microsoft$/);
    assert.doesNotMatch(result.stderr, /did not grant/);
    assert.equal((await runHere(["auth", "refresh"], env, { fetch })).code, 0);
    assert.equal((await storedProfile(env))?.service, "https://graph.microsoft.com");
  });
}

const other = "11111111-2222-3333-4444-555555555555";
for (const [title, tenant, issuer, told] of [
  ["metadata of another tenant than the one that was named", tenantId, at(other), { iss: at(other), tid: other }],
  ["metadata for all tenants where one was named", tenantId, at("{tenantid}"), { iss: at(tenantId), tid: tenantId }],
  ["metadata of one tenant where all were meant", "common", at(other), { iss: at(other), tid: other }],
  ["an ID token whose tenant is not that of its issuer", "common", at("{tenantid}"), { iss: at(tenantId), tid: other }],
  ["an ID token that has the placeholder", "common", at("{tenantid}"), { iss: at("{tenantid}"), tid: "{tenantid}x" }],
  [
    "an ID token of a server elsewhere",
    "common",
    at("{tenantid}"),
    { iss: `https://evil.example/${tenantId}/v2.0`, tid: tenantId },
  ],
] as const) {
  test(`S-001 --provider microsoft refuses ${title}`, async (t) => {
    const { result, env } = await microsoftLogin(t, tenant, issuer, told);
    assert.equal(result.code, 1);
    assert.equal(await storedSession(env), undefined);
  });
}
