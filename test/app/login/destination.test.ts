import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "../../../src/platform/clock.ts";
import { MockProvider } from "../../conformance/mock-provider.ts";
import type { Fault } from "../../fake-saas/faults.ts";
import { logInHere } from "../../helpers/command-here.ts";
import { loginAt, me, provided } from "../../helpers/provided.ts";
import { scene } from "../../helpers/scene.ts";
import { storedProfile } from "../../helpers/stored-session.ts";

const nowhere = { SPEC_KITTY_SAAS_URL: undefined };
const wellKnown = ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"];
const aDayLater = { clock: { ...systemClock, now: () => systemClock.now() + 86_400_001 } };

test("FR-022 one URL is enough: the issuer is the service, as URL or with --issuer, with or without its last slash", async (t) => {
  const { provider, here, env, session } = await provided(t);
  const { stdout, stderr } = await here(loginAt(provider), nowhere);
  assert.match(stdout, /^✓ Logged in as alice@example\.com\./, stderr);
  assert.equal((await storedProfile(env))?.service, provider.issuer);
  const status = JSON.parse((await here("auth status --json", nowhere)).stdout) as Record<string, unknown>;
  assert.deepEqual([status["service"], status["issuer"]], [provider.issuer, undefined]);
  assert.match((await here(`auth login ${provider.issuer}`, nowhere)).stdout, /^✓ Already logged in/);

  const issuer = `${provider.issuer}/`;
  provider.misbehaviour = {
    metadata: (metadata) => ({ ...metadata, issuer }),
    redirect: (parameters) => parameters.set("iss", issuer),
    idToken: (claims) => ({ ...claims, iss: issuer }),
  };
  const slash = await here(
    `auth login ${provider.issuer} --scope openid --profile slash --client-id cli_native`,
    nowhere,
  );
  assert.equal(slash.code, 0, slash.stderr);
  assert.equal((await storedProfile(env, "slash"))?.session?.server.issuer, issuer);
  assert.equal((await session())?.server.issuer, provider.issuer);
});

test("FR-022 URL is the issuer of the service that the variable or --service names, and a service where it has no metadata", async (t) => {
  const { provider, service, here } = await provided(t, {}, { "/api/v1/me": me });
  const place = async (more = {}): Promise<unknown[]> => {
    const { service: at, issuer } = JSON.parse((await here("auth status --json", more)).stdout) as Record<
      string,
      unknown
    >;
    return [at, issuer];
  };
  assert.match(
    (await here(`auth login ${provider.issuer} --client-id cli_native --scope openid`)).stdout,
    /alice@acme\.example \(Acme Corp\)/,
  );
  assert.deepEqual(await place(), [service, provider.issuer]);
  assert.match(
    (
      await here(
        `auth login ${provider.issuer} --service ${service} --client-id cli_native --scope openid --profile second`,
        nowhere,
      )
    ).stdout,
    /alice@acme\.example/,
  );
  assert.deepEqual(await place({ ...nowhere, SPEC_KITTY_PROFILE: "second" }), [service, provider.issuer]);

  const { saas } = await scene(t);
  assert.match(
    (await here(`auth login ${saas.url}/ --profile third`)).stdout,
    /Logged in as alice@example\.com \(Acme Corp\)/,
  );
  assert.deepEqual(await place({ ...nowhere, SPEC_KITTY_PROFILE: "third" }), [saas.url, undefined]);
  const both = await here(`auth login ${saas.url} --service ${service} --profile fourth`);
  assert.deepEqual(
    [both.code, both.stderr.split("\n")[0]],
    [2, `error: "${saas.url}" is not an issuer, and --service names another service`],
  );
});

test("a profile's first login requests metadata twice, before the browser is opened; nothing else does for a day", async (t) => {
  const { saas, here } = await scene(t);
  await here("auth login");
  assert.deepEqual(
    saas.requests.slice(0, 2).map(({ path, status }) => `${path} ${status}`),
    wellKnown.map((path) => `${path} 404`),
  );
  saas.requests.length = 0;
  const asked = (): unknown[] => saas.requests.filter(({ path }) => path.includes(".well-known"));
  for (const args of [
    "auth login",
    "auth refresh",
    "auth token",
    "auth status --check",
    "api GET /api/v1/me",
    "auth login --force",
    "auth logout",
    "auth login",
  ]) {
    assert.equal((await here(args)).code, 0, args);
  }
  assert.deepEqual(asked(), []);
  assert.equal((await here("auth login --force", {}, aDayLater)).code, 0);
  assert.equal(asked().length, 2);
});

test("metadata that was read is used again, a day later where the issuer is in trouble then, and never for another issuer", async (t) => {
  const { provider, here } = await provided(t, {}, { "/api/v1/me": me });
  const other = await MockProvider.start();
  t.after(() => other.close());
  const asked = ({ paths }: MockProvider): number => paths.filter((path) => path.includes(".well-known")).length;
  assert.equal((await here(loginAt(provider))).code, 0);
  assert.equal(asked(provider), 2);
  for (const args of ["auth login --force", `${loginAt(provider)} --force`, `auth login ${provider.issuer} --force`])
    assert.equal((await here(args)).code, 0, args);
  assert.equal(asked(provider), 2);
  assert.equal((await here(`${loginAt(other)} --force`)).code, 0);
  assert.equal(asked(other), 2);
  assert.equal((await here(`${loginAt(provider)} --force`)).code, 0);
  assert.equal(asked(provider), 4);
  provider.misbehaviour = { discovery: () => new Response("", { status: 503 }) };
  assert.equal((await here("auth login --force", {}, aDayLater)).code, 0);
  assert.equal(asked(provider), 6);
});

test("metadata that a service in trouble did not send are requested again at the next login", async (t) => {
  const { saas, here } = await scene(t);
  saas.faults.next(wellKnown[0] ?? "", { status: 503 });
  for (const args of ["auth login", "auth login --force"]) assert.equal((await here(args)).code, 0);
  assert.equal(saas.requests.filter(({ path }) => path.includes(".well-known")).length, 4);
});

const pages: [string, Fault][] = [
  [
    "the page of its application",
    { body: "<!doctype html><div id=app></div>", headers: { "content-type": "text/html" } },
  ],
  ["a redirection to its login page", { status: 302, headers: { location: "/login" } }],
  ["a refusal", { status: 403, body: { message: "Missing Authentication Token" } }],
  ["503", { status: 503 }],
  ["429", { status: 429 }],
];
for (const [title, fault] of pages) {
  test(`a service that returns ${title} where metadata would be is the service of the defaults`, async (t) => {
    const { saas, here } = await scene(t);
    for (const path of wellKnown) saas.faults.next(path, fault);
    const { code, stdout } = await here("auth login");
    assert.equal(code, 0);
    assert.equal(stdout, "✓ Logged in as alice@example.com (Acme Corp). Access token valid for 1 hour.\n");
    assert.equal((await here("auth logout --json")).stdout.includes('"ended"'), true);
    assert.equal(saas.counters.logouts, 1);
  });
}

/** Requested by a login. */
const scopeIn = (stderr: string): string | null =>
  new URL(/http:\S+\/authorize\S*/.exec(stderr)?.[0] ?? "").searchParams.get("scope");

test("FR-022 at an issuer that the user names, nothing of the default service is requested", async (t) => {
  const { provider, here } = await provided(t);
  const scopes_supported = ["openid", "email", "offline_access", "api.read"];
  provider.misbehaviour = { metadata: (own) => ({ ...own, scopes_supported }) };
  for (const [profile, named] of [
    ["one", `--issuer ${provider.issuer}`],
    ["two", provider.issuer],
  ]) {
    const login = await here(`auth login ${named} --client-id cli_native --profile ${profile}`, nowhere);
    assert.match(login.stdout, /^✓ Logged in as alice@example\.com\. /, login.stderr);
    assert.equal(scopeIn(login.stderr), "offline_access openid email");
    const status = await here(`auth status --check --profile ${profile}`, nowhere);
    assert.match(status.stdout, /\n {2}Service +\S+ \(checked just now\)/);
  }
  // What a URL is, it is asked without a token, and may have the API.
  const withToken = provider.requests.filter(({ headers }) => headers.authorization !== undefined);
  assert.deepEqual([...new Set(withToken.map(({ path }) => path))], ["/userinfo"]);
});

test("--issuer and --client-id are saved by the profile, for its service alone, and status shows the issuer", async (t) => {
  const { provider, service, here } = await provided(t, {}, { "/api/v1/me": me });
  assert.equal((await here(`${loginAt(provider)} --client-id cli_native`)).code, 0);
  assert.match((await here("auth status")).stdout, new RegExp(`Issuer +${provider.issuer}`));
  provider.requests.length = 0;
  const again = await here("auth login --force --scope openid", nowhere);
  assert.equal(again.code, 0, again.stderr);
  assert.ok(provider.paths.includes("/authorize"));
  const status = JSON.parse((await here("auth status --json")).stdout) as Record<string, unknown>;
  assert.deepEqual([status["service"], status["issuer"], status["tokenType"]], [service, provider.issuer, "Bearer"]);

  const other = await scene(t);
  provider.requests.length = 0;
  assert.equal((await here("auth login --yes", { SPEC_KITTY_SAAS_URL: other.saas.url })).code, 0);
  assert.deepEqual(
    provider.paths.filter((path) => path !== "/revoke"),
    [],
  );
  assert.equal(
    (JSON.parse((await here("auth status --json", nowhere)).stdout) as Record<string, unknown>)["issuer"],
    undefined,
  );
});

test("--scope is saved by the profile, for its issuer alone, until another is given", async (t) => {
  const { provider, here } = await provided(t, {}, { "/api/v1/me": me });
  const elsewhere = await MockProvider.start();
  t.after(() => elsewhere.close());
  const asked = async (args: string): Promise<string | null> => {
    const { code, stderr } = await here(`auth login --force${args}`);
    assert.equal(code, 0, stderr);
    return scopeIn(stderr);
  };
  assert.equal(await asked(` --issuer ${provider.issuer} --client-id cli_native --scope openid`), "openid");
  assert.equal(await asked(""), "openid");
  await here("auth logout");
  assert.equal(await asked(""), "openid");
  assert.equal(await asked(` --issuer ${elsewhere.issuer} --client-id cli_native`), "offline_access");
  assert.equal(await asked(` --issuer ${provider.issuer} --client-id cli_native --scope api.read`), "api.read");
  assert.equal(await asked(""), "api.read");
});

test("--scope on a session that has it already changes nothing, and one that it lacks is requested along with those before", async (t) => {
  const { provider, env } = await provided(t, {}, { "/api/v1/me": me });
  const login = (...args: string[]): ReturnType<typeof logInHere> => logInHere(["auth", "login", ...args], env);
  await login(provider.issuer, "--client-id", "cli_native", "--scope", "openid projects");
  assert.match((await login("--scope", "projects")).stdout, /^✓ Already logged in/);
  const more = await login("--scope", "projects builds");
  assert.equal(scopeIn(more.stderr), "openid projects builds");
  assert.match(more.stdout, /^✓ Logged in as/);
  assert.match((await login("--scope", "builds openid")).stdout, /^✓ Already logged in/);
});
