import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { connect } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { browserLogin } from "../../../src/auth/flows/browser-login.ts";
import { defaultAuthorizationServer } from "../../../src/auth/oauth/authorization-server.ts";
import { AuthError } from "../../../src/base/errors.ts";
import { ownIdentity } from "../../../src/base/identity.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { startFakeSaas } from "../../fake-saas/server.ts";
import { until } from "../../helpers/until.ts";
import { approve, type Visit } from "../../fake-saas/user.ts";
import { logInHere, runHere } from "../../helpers/command-here.ts";
import { filesUnder, freePort, scene } from "../../helpers/scene.ts";

const success = "✓ Logged in as alice@example.com (Acme Corp). Access token valid for 1 hour.\n";

test("FR-004 the verifier has 43 characters, is new each time, and only its SHA-256 passes through the browser", async (t) => {
  const { saas, here } = await scene(t);
  await here("auth login");
  await here("auth login --force");
  const verifiers = [...saas.issued].filter(([, kind]) => kind === "code_verifier").map(([value]) => value);
  assert.equal(verifiers.length, 2);
  const challenges = saas.requests
    .filter(({ method, path }) => method === "GET" && path === "/oauth/authorize")
    .map(({ query }) => query.get("code_challenge"));
  for (const [index, verifier] of verifiers.entries()) {
    assert.match(verifier, /^[\w-]{43}$/);
    assert.equal(challenges[index], createHash("sha256").update(verifier).digest("base64url"));
  }
});

test("--redirect-host localhost sends the browser to that name, and listens only on loopback", async (t) => {
  const { env } = await scene(t);
  let link = "";
  let visit: Promise<Visit> | undefined;
  const login = await logInHere(
    ["auth", "login", "--redirect-host", "localhost", "--port", String(await freePort())],
    env,
    {},
    (address) => ((link = address), (visit = approve(address))),
  );
  const redirect = new URL(new URL(link).searchParams.get("redirect_uri") ?? "");
  assert.equal(redirect.hostname, "localhost");
  assert.match((await visit)?.page ?? "", /You are logged in/);
  assert.equal(login.stdout, success);
  await assert.rejects(once(connect(Number(redirect.port), "127.0.0.1"), "connect"), { code: "ECONNREFUSED" });
});

test("C-005 --scope requests what it says, and always offline_access too", async (t) => {
  const { saas, here, env } = await scene(t);
  const asked = (): (string | null)[] =>
    saas.requests
      .filter(({ method, path }) => method === "GET" && path === "/oauth/authorize")
      .map(({ query }) => query.get("scope"));
  await here("auth login --scope api.read");
  assert.deepEqual(asked(), ["offline_access api.read"]);
  assert.equal((await runHere(["auth", "login", "--force", "--scope", " api.read  offline_access "], env)).code, 0);
  assert.equal(asked()[1], "api.read offline_access");
});

test("--profile keeps accounts side by side, and the first one stays the active one", async (t) => {
  const { here } = await scene(t);
  await here("auth login");
  const second = await here("auth login --profile work", { FAKE_SAAS_USER: "bob" });
  assert.ok(
    second.stderr.endsWith(
      '\n"default" stays the active profile.\nhint: To use "work", run spec-kitty auth switch work, or pass --profile work\n',
    ),
    second.stderr,
  );
  assert.equal((await here("auth whoami")).stdout, "alice@example.com\n");
  assert.equal((await here("auth whoami --profile work")).stdout, "bob@example.com\n");
  assert.equal((await here("auth whoami", { SPEC_KITTY_PROFILE: "work" })).stdout, "bob@example.com\n");
});

test("the service may live under a path, and the profile remembers it", async (t) => {
  const { saas, here } = await scene(t, { basePath: "/tenants/acme" });
  assert.equal((await here("auth login", { SPEC_KITTY_SAAS_URL: `${saas.url}/` })).stdout, success);
  assert.ok(saas.requests.every(({ path }) => !path.startsWith("outside:/oauth") && !path.startsWith("outside:/api")));
  assert.match(
    (await here("auth status", { SPEC_KITTY_SAAS_URL: undefined })).stdout,
    new RegExp(`Service +${saas.url} `),
  );
  assert.equal((await here("auth logout", { SPEC_KITTY_SAAS_URL: undefined })).code, 0);
  assert.equal((await here("auth login", { SPEC_KITTY_SAAS_URL: undefined })).stdout, success);
});

test("--storage memory stores nothing anywhere, and says so", async (t) => {
  const { here, folder } = await scene(t, {}, { SPEC_KITTY_STORAGE: undefined });
  const { code, stdout } = await here("auth login --storage memory");
  assert.deepEqual(
    [code, stdout],
    [0, `${success.trimEnd()} Nothing is stored: the session ends with this command.\n`],
  );
  assert.equal(filesUnder(join(folder, "config")).size, 0);
});

test("S-015 the browser shows success only once the session is stored, and why it could not be", async (t) => {
  const saas = await startFakeSaas();
  t.after(() => saas.close());
  let visit: Promise<Visit> | undefined;
  const refusal = new AuthError("storage_unwritable", "the disk is full", { hint: "Try again" });
  const login = browserLogin({
    request: {
      service: saas.url,
      server: defaultAuthorizationServer(saas.url),
      isDiscovered: false,
      clientId: "cli_native",
      clientSecret: undefined,
      hasOwnApi: true,
      isOpenId: false,
      scope: "offline_access",
      dpopKey: undefined,
      resource: undefined,
      trustedHosts: [],
      redirectPath: "/callback",
      extra: {},
    },
    fetch,
    clock: systemClock,
    identity: ownIdentity,
    timeoutMs: 20_000,
    announce: (address) => (visit = approve(address)),
    openFailed: () => undefined,
    store: () => Promise.reject(refusal),
  });
  await assert.rejects(login, refusal);
  const { page } = await until("the browser has its last page", visit ?? assert.fail());
  assert.doesNotMatch(page, /You are logged in/);
  assert.match(page, /the disk is full/);
});
