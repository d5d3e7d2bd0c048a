import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { inspect } from "node:util";
import {
  createAuth,
  createAuthorizedFetch,
  getTokenManager,
  type Auth,
  type AuthEvents,
  type AuthOptions,
  type AuthEvent,
  type AuthSession,
  type LoginAddress,
} from "../../src/index.ts";
import type { AuthError } from "../../src/index.ts";
import { systemClock, type Clock } from "../../src/platform/clock.ts";
import { MockProvider } from "../conformance/mock-provider.ts";
import type { FakeOptions } from "../fake-saas/options.ts";
import { startFakeSaas, type FakeSaas } from "../fake-saas/server.ts";
import { approve, approveDevice, deny } from "../fake-saas/user.ts";
import { runCommand, scratchFolder, typescript } from "../helpers/command.ts";
import { filesUnder } from "../helpers/scene.ts";
import { scriptedBrowser } from "../helpers/scripted-browser.ts";

/** A machine without any files. */
const machine = (home: string): Record<string, string> => ({
  HOME: home,
  XDG_RUNTIME_DIR: join(home, "run"),
  XDG_CONFIG_HOME: join(home, ".config"),
  XDG_STATE_HOME: join(home, ".state"),
  APPDATA: join(home, ".config"),
  LOCALAPPDATA: join(home, ".state"),
});

/** A service, and a tool on a machine without any files. */
async function stage(
  t: TestContext,
  options: Partial<FakeOptions> = {},
): Promise<{ saas: FakeSaas; home: string; acme: (more?: Partial<AuthOptions>) => Auth }> {
  const saas = await startFakeSaas(options);
  t.after(() => saas.close());
  const home = scratchFolder(t);
  const env = machine(home);
  const acme = (more: Partial<AuthOptions> = {}): Auth =>
    createAuth({
      name: "acme",
      version: "1.2.0",
      issuer: saas.url,
      clientId: "cli_native",
      storage: "file",
      env,
      ...more,
    });
  return { saas, home, acme };
}

/** The machine's clock, set ahead: a browser's visit takes real time. */
function movableClock(): Clock & { pass(ms: number): void } {
  let ahead = 0;
  return {
    ...systemClock,
    now: () => systemClock.now() + ahead,
    monotonic: () => systemClock.monotonic() + ahead,
    pass: (ms) => void (ahead += ms),
  };
}

/** In a browser played by this test. */
const logIn = (auth: Auth, as?: "bob"): ReturnType<Auth["login"]> =>
  auth.login({
    flow: "browser",
    open: false,
    onAddress: ({ url }) => void approve(url, as === undefined ? {} : { as }).catch(() => undefined),
  });

test("FR-021 a program logs its user in through the browser, sends requests and logs out, in its own name", async (t) => {
  const { saas, home, acme } = await stage(t);
  const auth = acme();
  assert.equal(await auth.session(), undefined);
  const events: string[] = [];
  for (const name of ["refreshed", "adopted", "ended", "unsaved"] as const)
    auth.on(name, (event) => events.push(`${name} ${"reason" in event ? event.reason : ""}`));

  const session = await logIn(auth);
  assert.deepEqual(
    [session.profile, session.service, session.issuer, session.user?.email, session.isRefreshable],
    ["default", saas.url, saas.url, "alice@example.com", true],
  );
  assert.deepEqual(await auth.session(), session);
  const { token, tokenType, expiresAt = 0 } = await auth.getToken();
  assert.deepEqual([tokenType, saas.accessTokens.has(token)], ["Bearer", true]);
  assert.ok(Math.abs(expiresAt - Date.now() - 3_600_000) < 60_000);
  assert.equal(((await (await auth.fetch("/api/v1/me")).json()) as { email: string }).email, "alice@example.com");
  assert.deepEqual(readdirSync(join(home, ".config")), ["acme"]);

  assert.deepEqual(await auth.logout(), { service: "ended", error: undefined });
  assert.equal(await auth.session(), undefined);
  await assert.rejects(auth.getToken(), { code: "not_authenticated", hint: "Run: acme auth login" });
  assert.deepEqual(await auth.logout(), { service: "none", error: undefined });
  assert.deepEqual(events, ["ended logout"]);
  const agents = new Set(
    saas.requests.map(({ headers }) => headers["user-agent"]).filter((agent) => agent?.includes("/")),
  );
  assert.ok(agents.has("acme/1.2.0"));
  assert.doesNotMatch(
    JSON.stringify([...agents]) + readFileSync(join(home, ".config", "acme", "keys"), "utf8"),
    /spec.?kitty/i,
  );
});

test("which login is possible is decided by the variables that a program passes, not by those of the process", async (t) => {
  const { home, acme } = await stage(t);
  await assert.rejects(acme({ env: { ...machine(home), CI: "true" } }).login(), {
    code: "usage_invalid",
    message: /^a device login needs an explicit request here: this is a CI job$/,
  });
  assert.equal(
    (await acme({ env: { ...machine(home), BROWSER: scriptedBrowser() } }).login()).user?.email,
    "alice@example.com",
  );
});

test("a device login shows the code through a callback, and cannot do without", async (t) => {
  const { acme } = await stage(t, { deviceIntervalSeconds: 1 });
  await assert.rejects(acme().login({ flow: "device" }), { code: "usage_invalid" });
  let left = 0;
  const { user } = await acme().login({
    flow: "device",
    onCode: ({ userCode, verificationUri, expiresAt }) => {
      assert.ok(expiresAt > Date.now());
      void approveDevice(verificationUri, userCode);
    },
    onWaiting: (leftMs) => (left = leftMs),
  });
  assert.equal(user?.email, "alice@example.com");
  assert.ok(left > 0);
});

test("a login that is denied, or ended by its signal, leaves the one before as it was", async (t) => {
  const { acme } = await stage(t);
  const auth = acme();
  await logIn(auth);
  const before = await auth.getToken();
  await assert.rejects(auth.login({ flow: "browser", open: false, onAddress: ({ url }) => void deny(url) }), {
    code: "access_denied",
  });
  const gone = new AbortController();
  const reason = new Error("the user went away");
  await assert.rejects(
    auth.login({ flow: "browser", open: false, signal: gone.signal, onAddress: () => gone.abort(reason) }),
    reason,
  );
  assert.deepEqual(await auth.getToken(), before);
});

test("the URL of a page that did not load can be handed in", async (t) => {
  const { acme } = await stage(t);
  const session = await acme().login({
    flow: "browser",
    open: false,
    onAddress: ({ url, accept }) => void approve(url, { follow: false }).then(({ callback = "" }) => accept(callback)),
  });
  assert.equal(session.user?.email, "alice@example.com");
});

test("a token in memory ends with a logout, and another user's login takes its place at once", async (t) => {
  const { saas, acme } = await stage(t);
  const auth = acme();
  await logIn(auth);
  const { token } = await auth.getToken();
  await logIn(auth, "bob");
  const next = await auth.getToken();
  assert.notEqual(next.token, token);
  assert.equal((await auth.session())?.user?.email, "bob@example.com");
  assert.equal(
    saas.accessTokens.get(token)?.session.ended !== undefined,
    true,
    "the session that was replaced ended at the service",
  );
});

test("FR-010 several in one process, of one name, refresh once; of another name or profile they have sessions of their own", async (t) => {
  const clock = movableClock();
  const { saas, acme } = await stage(t, { now: () => clock.now() });
  const same = [acme({ clock }), acme({ clock }), acme({ clock })];
  const [first = acme()] = same;
  await logIn(first);
  await Promise.all(same.map((auth) => auth.getToken()));
  clock.pass(3_599_000);
  const tokens = new Set(
    (await Promise.all(same.flatMap((auth) => Array.from({ length: 20 }, () => auth.getToken())))).map(
      ({ token }) => token,
    ),
  );
  assert.deepEqual([tokens.size, saas.counters.refreshes, saas.counters.reuses], [1, 1, 0]);

  const beta = acme({ clock, name: "beta" });
  const work = acme({ clock, profile: "work" });
  await assert.rejects(beta.getToken(), { code: "not_authenticated", hint: "Run: beta auth login" });
  await assert.rejects(work.getToken(), { code: "not_authenticated", hint: /acme auth login --profile work$/ });
  await logIn(beta, "bob");
  await logIn(work, "bob");
  await beta.logout();
  assert.equal((await first.session())?.user?.email, "alice@example.com");
  assert.equal((await work.session())?.user?.email, "bob@example.com");
});

test("the end of a session is an event with its reason, and a listener that throws breaks nothing", async (t) => {
  const clock = movableClock();
  const { saas, acme } = await stage(t, { now: () => clock.now() });
  const auth = acme({ clock, commands: { login: "acme sign-in" } });
  const ended: AuthEvents["ended"][] = [];
  auth.on("ended", (event) => ended.push(event));
  auth.on("refreshed", () => assert.fail("a listener"));
  await logIn(auth);
  clock.pass(3_599_000);
  await auth.getToken();
  const stop = auth.on("ended", () => assert.fail("it was stopped"));
  stop();
  for (const session of saas.sessions.values()) session.ended = "token_revoked";
  clock.pass(3_599_000);
  await assert.rejects(
    auth.getToken(),
    (error: AuthError) => error.code === "session_ended" && error.hint === "Run: acme sign-in",
  );
  assert.deepEqual(ended, [{ profile: "default", reason: "revoked" }]);
});

test("a session that another program ends is one event, when this one notices", async (t) => {
  const clock = movableClock();
  const { acme } = await stage(t, { now: () => clock.now() });
  const [auth, other] = [acme({ clock }), acme({ clock })];
  await logIn(auth);
  await auth.getToken();
  const reasons: string[] = [];
  auth.on("ended", ({ reason }) => reasons.push(reason));
  await other.logout();
  clock.pass(3_599_000);
  await assert.rejects(auth.getToken(), { code: "not_authenticated" });
  await assert.rejects(auth.fetch("/api/v1/me"), { code: "not_authenticated" });
  assert.deepEqual(reasons, ["elsewhere"]);
});

test("without a keychain a login asks for consent to the file, through the callback or not at all", async (t) => {
  const { saas, home, acme } = await stage(t);
  const auth = acme({ storage: undefined, keychain: false });
  await assert.rejects(
    logIn(auth),
    (error: AuthError) =>
      error.code === "consent_required" &&
      /^Pass onConsent .* storage: "file"\. .*(export ACME_STORAGE=file|\$env)/.test(error.hint),
  );
  assert.deepEqual([saas.requests.length, existsSync(join(home, ".config", "acme", "credentials.json"))], [0, false]);
  const asked: unknown[] = [];
  await auth.login({
    flow: "browser",
    open: false,
    onAddress: ({ url }) => void approve(url),
    onConsent: (question) => asked.push(question) > 0,
  });
  assert.deepEqual(asked, [{ about: "file", reason: "this program uses no keychain" }]);
});

test("S-018 a keychain of the program keeps the key; a login that begins again leaves what cannot be opened where it is", async (t) => {
  const { home, acme } = await stage(t);
  const keys = new Map<string, string>();
  const folder = join(home, "elsewhere");
  const keychain = {
    get: (name: string) => keys.get(name),
    set: (name: string, key: string) => void keys.set(name, key),
    delete: (name: string) => void keys.delete(name),
  };
  await logIn(acme({ storage: "keychain", keychain, folder }));
  assert.equal(keys.size, 1);
  assert.equal((await acme({ storage: "keychain", keychain, folder }).session())?.user?.email, "alice@example.com");
  keys.clear();
  await assert.rejects(acme({ keychain, folder }).session(), { code: "keychain_unavailable" });

  // Other accounts may be stored: a login leaves them behind only on request.
  const before = filesUnder(folder);
  await assert.rejects(logIn(acme({ storage: "keychain", keychain, folder })), { code: "keychain_unavailable" });
  assert.deepEqual(filesUnder(folder), before);
  const warnings: string[] = [];
  const onAddress = ({ url }: { url: string }): void => void approve(url);
  await acme({ storage: "keychain", keychain, folder }).login({
    flow: "browser",
    open: false,
    onAddress,
    setAside: true,
    onWarning: (warning) => warnings.push(warning),
  });
  assert.match(
    warnings.join(),
    /^cannot open stored logins \(the key of the session is missing from the keychain .*\): they stay unchanged$/,
  );
  const after = filesUnder(folder);
  for (const [path, content] of before) if (path !== "keys") assert.deepEqual(after.get(path), content, path);
  assert.equal((await acme({ storage: "keychain", keychain, folder }).session())?.user?.email, "alice@example.com");
});

test("a variable of the tool's own name chooses the service and the profile; what the program says of the profile counts more", async (t) => {
  const { saas, home, acme } = await stage(t);
  const env = {
    ...machine(home),
    ACME_SAAS_URL: saas.url,
    ACME_PROFILE: "from-variable",
    SPEC_KITTY_PROFILE: "not-ours",
  };
  const auth = acme({ env, service: "https://api.acme.example" });
  assert.deepEqual([(await logIn(auth)).profile, (await auth.session())?.service], ["from-variable", saas.url]);
  assert.equal((await logIn(acme({ env, profile: "named" }))).profile, "named");
  assert.throws(() => acme({ profile: "no name" }), {
    code: "configuration_invalid",
    message: /^profile is "no name"/,
  });
  assert.throws(() => acme({ env: { ACME_SAAS_URL: "http://elsewhere.example" } }), {
    code: "configuration_invalid",
    message: /^ACME_SAAS_URL is/,
  });
});

test("tokens of a service other than the program's are not given out, whichever user logged in there", async (t) => {
  const { acme } = await stage(t);
  await logIn(acme());
  const other = acme({ service: "https://api.other.example" });
  await assert.rejects(other.getToken(), { code: "not_authenticated" });
  await assert.rejects(other.fetch("/"), { code: "not_authenticated" });
  assert.equal(await other.session(), undefined);
  await assert.rejects(logIn(other), { code: "consent_required" });
});

test("as a credential of the Azure SDK the token comes with its expiry, in time for the SDK's next request", async (t) => {
  const clock = movableClock();
  const { saas, acme } = await stage(t, { now: () => clock.now() });
  const auth = acme({ clock });
  await logIn(auth);
  const credential = auth.credential();
  const first = await credential.getToken("https://api.acme.example/.default");
  assert.equal(first.expiresOnTimestamp, (await auth.getToken()).expiresAt);
  clock.pass(3_600_000 - 125_000);
  assert.notEqual((await credential.getToken([])).token, first.token);
  assert.equal(saas.counters.refreshes, 1);
});

test("S-005 a log receives requests and changes of the session, without a secret, and may throw", async (t) => {
  const clock = movableClock();
  const { saas, acme } = await stage(t, { now: () => clock.now() });
  const events: AuthEvent[] = [];
  const auth = acme({
    clock,
    log(event) {
      events.push(event);
      throw new Error("the log is full");
    },
  });
  await logIn(auth);
  clock.pass(3_599_000);
  const { token } = await auth.getToken();
  await auth.fetch("/api/v1/me?secret=1");
  const requests = events.flatMap((event) =>
    event.event === "request" ? `${event.method} ${event.url.replace(saas.url, "")} ${event.status}` : [],
  );
  assert.deepEqual(requests.slice(-3), ["GET /api/v1/me 200", "POST /oauth/token 200", "GET /api/v1/me 200"]);
  assert.ok(events.some(({ event }) => event === "refreshed"));
  const secrets = [token, ...saas.accessTokens.keys(), ...saas.refreshTokens.keys(), "secret=1"];
  assert.deepEqual(
    secrets.filter((secret) => JSON.stringify(events).includes(secret)),
    [],
  );
});

test("where no browser can be shown and the issuer has no device login, a program shows the URL, and cannot do without", async (t) => {
  const provider = await MockProvider.start({});
  t.after(() => provider.close());
  const { home, acme } = await stage(t);
  const auth = acme({
    issuer: provider.issuer,
    service: provider.resource,
    commands: { login: "acme login" },
    env: { ...machine(home), SSH_CONNECTION: "10.0.0.1 4711 10.0.0.2 22" },
  });
  const onCode = (): void => assert.fail("there is no code");
  await assert.rejects(auth.login({ onCode }), {
    code: "usage_invalid",
    message: /^the login needs onAddress to show its URL, since no browser can be shown here: .* has no device login$/,
  });
  const onAddress = async ({ url, accept }: LoginAddress): Promise<void> =>
    accept((await fetch(url, { redirect: "manual" })).headers.get("location") ?? "");
  assert.equal(
    (await auth.login({ onCode, onAddress: (shown) => void onAddress(shown) })).user?.email,
    "alice@example.com",
  );
  // The tool's own command would fail in the same way.
  await assert.rejects(auth.login({ flow: "device", onCode }), { hint: "Log in through a browser" });
});

test("FR-021 at an issuer with metadata a program requests nothing of the default service: not its client, its scopes or its API", async (t) => {
  const provider = await MockProvider.start({});
  t.after(() => provider.close());
  const { acme } = await stage(t);
  const algorithms = { id_token_signing_alg_values_supported: ["ES256"] };
  const scopes = ["openid", "email", "offline_access", "api.read", "api.write"];
  const asked: unknown[] = [];
  const onAddress = async ({ url, redirectUri }: LoginAddress): Promise<void> => {
    asked.push([new URL(redirectUri).pathname, new URL(url).searchParams.get("scope")]);
    await fetch(url);
  };
  for (const [profile, more, metadata, service] of [
    ["one", {}, algorithms, undefined],
    ["two", {}, { ...algorithms, scopes_supported: scopes }, provider.resource],
    ["three", { scope: "openid projects", redirectPath: "/acme/done" }, {}, undefined],
    ["four", { scope: "projects" }, {}, undefined],
  ] as const) {
    provider.misbehaviour = { metadata: (own) => ({ ...own, ...metadata }) };
    const auth = acme({ issuer: provider.issuer, service, profile, ...more });
    const { user, teams } = await auth.login({
      flow: "browser",
      open: false,
      onAddress: (shown) => void onAddress(shown),
    });
    assert.deepEqual([user?.email, teams], ["alice@example.com", []]);
  }
  assert.deepEqual(
    asked,
    [
      ["/callback", "offline_access openid profile email"],
      ["/callback", "offline_access openid email"],
      ["/acme/done", "openid projects"],
      ["/callback", "projects"],
    ],
    "what the author has registered",
  );
  const others = provider.paths.filter(
    (path) => !["/authorize", "/token", "/jwks", "/userinfo"].includes(path) && !path.startsWith("/.well-known/"),
  );
  assert.deepEqual(others, []);
});

test("FR-021 a program without a client ID registers one at its issuer, and where that has no registration, no page is opened", async (t) => {
  const { acme } = await stage(t);
  const onAddress = async ({ url }: LoginAddress): Promise<void> => void (await fetch(url));
  const login = async (registers: boolean): Promise<MockProvider> => {
    const provider = await MockProvider.start({ registers });
    t.after(() => provider.close());
    const auth = acme({ issuer: provider.issuer, clientId: undefined, profile: String(registers) });
    await auth.login({ flow: "browser", open: false, onAddress: (shown) => void onAddress(shown) }).catch((error) => {
      assert.equal((error as AuthError).code, "configuration_invalid");
    });
    return provider;
  };
  assert.equal((await login(true)).clients.size, 1);
  assert.ok(!(await login(false)).paths.includes("/authorize"));
});

test("FR-021 getTokenManager and createAuthorizedFetch are the same login, and take its options: a profile, a directory, a storage", async (t) => {
  const { home, acme } = await stage(t);
  const folder = join(home, "shared");
  const work = acme({ folder, profile: "work" });
  await logIn(work, "bob");
  const tool = { name: "acme", version: "1.2.0", folder, env: machine(home) };
  const manager = getTokenManager({ ...tool, profile: "work" });
  assert.equal((await manager.session())?.user?.email, "bob@example.com");
  assert.equal(await manager.getAccessToken(), (await work.getToken()).token);
  assert.equal((await createAuthorizedFetch({ ...tool, profile: "work" })("/api/v1/me")).status, 200);
  await assert.rejects(getTokenManager({ ...tool, profile: "nobody" }).getAccessToken(), {
    code: "not_authenticated",
    message: /there is no profile "nobody"/,
  });
  assert.equal(getTokenManager(), getTokenManager());
  assert.equal(createAuthorizedFetch(), getTokenManager().fetch);
});

test("a program lists the accounts of its tool and changes the one in use, for itself and for those that come later", async (t) => {
  const { acme } = await stage(t);
  assert.deepEqual(await acme().accounts(), []);
  await logIn(acme());
  await logIn(acme({ profile: "work" }), "bob");
  const auth = acme();
  const shown = async (): Promise<string[]> =>
    (await auth.accounts()).map(
      ({ profile, isInUse, session }) => `${isInUse ? "* " : ""}${profile} ${session?.user?.email ?? "nobody"}`,
    );
  assert.deepEqual(await shown(), ["* default alice@example.com", "work bob@example.com"]);
  const { token } = await auth.getToken();
  assert.equal((await auth.use("work"))?.user?.email, "bob@example.com");
  assert.deepEqual(await shown(), ["default alice@example.com", "* work bob@example.com"]);
  assert.notEqual((await auth.getToken()).token, token);
  assert.equal(((await (await auth.fetch("/api/v1/me")).json()) as { email: string }).email, "bob@example.com");
  assert.equal((await acme().session())?.profile, "work");
  await assert.rejects(auth.use("wokr"), { code: "not_authenticated", message: /^there is no profile "wokr"/ });
  const named = acme({ profile: "default" });
  await named.use("work");
  assert.equal((await named.getToken()).token, (await auth.getToken()).token);
  await auth.logout();
  assert.deepEqual(await shown(), ["default alice@example.com", "* work nobody"]);
});

test("the session has the claims of the ID token, and the token itself where only a program that reads it sees it", async (t) => {
  const provider = await MockProvider.start({});
  t.after(() => provider.close());
  const { acme } = await stage(t);
  const auth = acme({ issuer: provider.issuer, service: provider.resource, scope: "openid" });
  const { claims, idToken = "" } = await auth.login({
    flow: "browser",
    open: false,
    onAddress: ({ url }) => void fetch(url),
  });
  assert.deepEqual([claims?.["iss"], typeof claims?.["exp"]], [provider.issuer, "number"]);
  const session = await auth.session();
  assert.equal(session?.idToken, idToken);
  assert.deepEqual(JSON.parse(Buffer.from(idToken.split(".")[1] ?? "", "base64url").toString()), claims);
  for (const shown of [inspect(session), JSON.stringify(session)]) assert.ok(!shown.includes(idToken));
});

test("a fake for a test is an object with the functions that it needs", async () => {
  const session: AuthSession = {
    source: "login",
    profile: "default",
    service: "https://api.acme.example",
    issuer: "https://login.acme.example",
    user: { id: "u_1" },
    teams: [],
    scope: "projects",
    expiresAt: undefined,
    isRefreshable: true,
    authenticatedAt: 0,
    claims: undefined,
    idToken: undefined,
  };
  const fake: Auth = {
    login: async () => session,
    logout: async () => ({ service: "ended", error: undefined }),
    getToken: async () => ({ token: "at_1", tokenType: "Bearer", expiresAt: undefined }),
    getAccessToken: async () => "at_1",
    fetch: async () => new Response("[]"),
    session: async () => session,
    accounts: async () => [],
    use: async () => session,
    service: async () => "https://api.acme.example",
    credential: () => ({ getToken: async () => ({ token: "at_1", expiresOnTimestamp: 0 }) }),
    on: () => () => undefined,
    close: async () => undefined,
  };
  assert.equal(await (await fake.fetch("/v1/projects")).text(), "[]");
});

test("a token in the tool's variable is given out as it is, without a login and without a request", async (t) => {
  const { saas, home, acme } = await stage(t);
  const { access_token } = saas.issue({ user: "bob" });
  const auth = acme({ env: { ...machine(home), ACME_ACCESS_TOKEN: access_token } });
  assert.deepEqual(await auth.getToken(), { token: access_token, tokenType: "Bearer", expiresAt: undefined });
  assert.equal(saas.requests.length, 0);
  assert.equal(((await (await auth.fetch("/api/v1/me")).json()) as { email: string }).email, "bob@example.com");
});

test("session() shows tokens from elsewhere, and a login that would not be used is an error", async (t) => {
  const { saas, home, acme } = await stage(t);
  const { access_token } = saas.issue({ user: "bob" });
  const given = acme({ env: { ...machine(home), ACME_ACCESS_TOKEN: access_token } });
  const session = await given.session();
  assert.deepEqual(
    [session?.source, session?.service, session?.user, session?.isRefreshable],
    ["given", saas.url, undefined, false],
  );
  await assert.rejects(given.login(), {
    code: "configuration_invalid",
    message: "ACME_ACCESS_TOKEN provides the tokens, and takes precedence over every login: no login is needed",
    hint: /unset ACME_ACCESS_TOKEN|Env:ACME_ACCESS_TOKEN/,
  });
  assert.equal((await acme({ identity: "gitlab" }).session())?.source, "exchanged");
  await assert.rejects(acme({ identity: "gitlab" }).login(), { hint: "Omit identity" });
  assert.equal(saas.requests.length, 0);
  await logIn(acme());
  assert.equal((await acme().session())?.source, "login");
});

test("an error shows message, code and hint however it is printed: logged, as JSON, or by a program that dies of it", async (t) => {
  const { acme, home, saas } = await stage(t);
  const error = await acme()
    .getToken()
    .then(
      () => assert.fail(),
      (reason: unknown) => reason as AuthError,
    );
  const hint = "Run: acme auth login";
  assert.deepEqual(JSON.parse(JSON.stringify(error)), {
    name: "NotAuthenticatedError",
    code: "not_authenticated",
    message: 'not logged in (profile "default")',
    hint,
  });
  assert.ok(
    inspect(error).startsWith(`NotAuthenticatedError [not_authenticated]: ${error.message}\n  hint: ${hint}\n`),
  );
  const library = JSON.stringify(new URL("../../src/index.ts", import.meta.url).href);
  const options = JSON.stringify({ name: "acme", version: "1.2.0", issuer: saas.url });
  const program = join(home, "dies.mjs");
  writeFileSync(program, `import { createAuth } from ${library};\nawait createAuth(${options}).getToken();\n`);
  const { code, stderr } = await runCommand(t, [], machine(home), { program, nodeArgs: typescript });
  assert.equal(code, 1);
  for (const part of [error.message, "code: 'not_authenticated'", `hint: '${hint}'`])
    assert.ok(stderr.includes(part), stderr);
});

test("an option that is missing or misspelled is refused", () => {
  assert.throws(() => createAuth({ name: "acme", version: "1.0.0" } as AuthOptions), TypeError);
  const misspelled = { name: "acme", version: "1.0.0", issuer: "https://login.example", clientID: "acme-cli" };
  assert.throws(() => createAuth(misspelled), { name: "TypeError", message: '"clientID" is not an option' });
  assert.throws(() => getTokenManager({ storge: "memory" } as object), {
    name: "TypeError",
    message: '"storge" is not an option',
  });
  assert.throws(() => createAuth({ name: "Acme Inc", version: "1.0.0", issuer: "https://login.example" }), TypeError);
  assert.throws(() => createAuth({ name: "acme", version: "1.0.0", issuer: "login.example" }), {
    code: "configuration_invalid",
    message: /^issuer is/,
  });
});

test("S-018 a tool with a login of its own names what helps where a file is damaged: its login that sets aside, or what to move", async (t) => {
  const { home, acme } = await stage(t);
  const own = (commands: AuthOptions["commands"]): Auth => acme({ commands });
  await logIn(acme());
  const folder = join(home, ".config", "acme");
  const [damaged = ""] = [...filesUnder(join(folder, "sessions")).keys()].map((name) => join(folder, "sessions", name));
  writeFileSync(damaged, "damaged");
  const hintOf = async (auth: Auth): Promise<string> =>
    logIn(auth).then(
      () => assert.fail("what is damaged was not noticed"),
      (error: AuthError) => error.hint,
    );
  const setAside = { login: "acme login", setAside: "acme login --anew" };
  assert.equal(await hintOf(own(setAside)), "Log in again: acme login --anew");
  assert.equal(
    await hintOf(own({ login: "acme login" })),
    `Log in again: mv ${damaged} ${damaged}.old, then acme login`,
  );
  renameSync(damaged, `${damaged}.old`);
  assert.equal((await logIn(own({ login: "acme login" }))).user?.email, "alice@example.com", "the hint helps");
  // What others could open stays.
  rmSync(join(home, ".state"), { recursive: true });
  assert.match(
    await hintOf(own({ login: "acme login" })),
    /If it is lost, log in again: set ACME_CONFIG_DIR to another directory, then acme login$/,
  );
});
