import assert from "node:assert/strict";
import { basename } from "node:path";
import { test, type TestContext } from "node:test";
import { createApp } from "../../src/app/create-app.ts";
import { createAuth } from "../../src/app/create-auth.ts";
import type { JsonOutput } from "../../src/cli/json-output.ts";
import { localTime } from "../../src/base/duration.ts";
import { logInHere, withInput } from "../helpers/command-here.ts";
import { approve } from "../fake-saas/user.ts";
import { scene, type Scene } from "../helpers/scene.ts";
import { sessionOf, signIn, storedProfile, storeSession } from "../helpers/stored-session.ts";

/** With an expired access token, so that each command refreshes. */
async function staleLogin(t: TestContext): Promise<Scene> {
  const at = await scene(t);
  await storeSession(at.saas, at.env, sessionOf(at.saas));
  return at;
}

function revokeAll({ saas }: Scene): void {
  for (const id of saas.sessions.keys()) saas.revoke(id);
}

test("FR-025 a revocation that a command notices is recorded once, and every command says whose login it was, when and why", async (t) => {
  const at = await staleLogin(t);
  assert.equal((await at.here("auth refresh")).code, 0);
  const { issuedAt: refreshedAt = 0 } = (await storedProfile(at.env))?.session ?? {};
  at.saas.expireAccessTokens();
  revokeAll(at);
  const first = await at.here("api /api/v1/me");
  const { ended } = (await storedProfile(at.env)) ?? {};
  assert.ok(ended);
  assert.deepEqual(
    [ended.user.email, ended.reason, ended.by, ended.issuedAt, ended.refreshedBy],
    ["alice@example.com", "revoked", "api", refreshedAt, "auth refresh"],
  );
  const why = `the issuer ended the session of alice@example.com (noticed by "api" on ${localTime(ended.endedAt)})`;
  assert.equal(first.stderr, `error: Session expired or revoked: ${why}\nhint: Run: spec-kitty auth login\n`);

  const error = `error: not logged in (profile "default"): ${why}`;
  for (const command of [
    "auth token",
    "auth whoami",
    "auth refresh",
    "auth team",
    "auth agent",
    "api /",
    "sync watch",
  ]) {
    // Node 20 has a WebSocket only behind a flag.
    const { code, stderr } = await (command === "sync watch" ? at.run : at.here)(command);
    assert.deepEqual([code, stderr], [4, `${error}\nhint: Run: spec-kitty auth login\n`], command);
  }
  const kubectl = await at.here("auth exec-credential");
  assert.deepEqual([kubectl.code, kubectl.stderr.split("\n")[0]], [4, error]);
  const asked = `protocol=http\nhost=${new URL(at.saas.url).host}\n\n`;
  const git = await withInput(asked, () => at.here("auth git-credential get"));
  assert.deepEqual([git.stdout, git.stderr], ["quit=1\n", `${error}. Run: spec-kitty auth login\n`]);

  const status = await at.here("auth status");
  assert.equal(status.code, 4);
  const rows = status.stdout.split("\n").map((row) => row.trim().replace(/ {2,}/, ": "));
  assert.deepEqual(rows.slice(0, 3), [
    'Not logged in (profile "default").',
    "User: alice@example.com, alice",
    `Ended: ${why}`,
  ]);
  assert.ok(rows.includes(`Refreshed: on ${localTime(refreshedAt)} by "auth refresh"`), status.stdout);
  assert.match((await at.here("auth list")).stdout, /alice@example\.com .* revoked, \d{4}-\d\d-\d\d at \d\d:\d\d$/m);
  assert.ok((await at.here("auth doctor")).stdout.includes(why));

  const json = async <T>(line: string): Promise<T> => JSON.parse((await at.here(line)).stdout) as T;
  const told = (await json<JsonOutput["auth status"]>("auth status --json")).ended;
  assert.deepEqual(
    [told?.user.email, told?.reason, told?.by, told?.endedAt],
    ["alice@example.com", "revoked", "api", new Date(ended.endedAt).toISOString()],
  );
  assert.deepEqual((await json<JsonOutput["auth list"]>("auth list --json")).profiles[0]?.ended, told);
  const session = (await json<JsonOutput["auth doctor"]>("auth doctor --json")).findings.find(
    ({ number }) => number === "D301",
  );
  assert.ok(session?.sentence.endsWith(why), session?.sentence);
  assert.deepEqual((await storedProfile(at.env))?.ended, ended, "nothing has recorded it again");
  for (const secret of at.saas.issued.keys()) assert.ok(!JSON.stringify([ended, told]).includes(secret));
});

test("FR-025 of several processes that notice a revocation at once, one records it, and all say the same", async (t) => {
  const at = await staleLogin(t);
  revokeAll(at);
  const results = await Promise.all(["auth token", "auth refresh", "api /api/v1/me"].map((line) => at.run(line)));
  const { ended } = (await storedProfile(at.env)) ?? {};
  assert.ok(ended?.by);
  for (const { code, stderr } of results) {
    assert.equal(code, 4, stderr);
    assert.ok(stderr.includes(`(noticed by "${ended.by}" on ${localTime(ended.endedAt)})\n`), stderr);
  }
  const { stdout } = await at.here("auth status");
  assert.match(stdout, /^ {2}Reason +".*\/oauth\/token" returned 40\d "invalid_grant"/m);
});

test("FR-025 a login past its announced expiry counts as ended only after a request; until then the clock here may be wrong", async (t) => {
  const at = await scene(t);
  const expiredAt = Date.now() - 86_400_000;
  const session = { ...sessionOf(at.saas), refreshTokenExpiresAt: new Date(expiredAt).toISOString() };
  await storeSession(at.saas, at.env, session);
  revokeAll(at);
  const why = `the session of alice@example.com expired on ${localTime(expiredAt)}`;
  const estimate = `warning: by this machine's clock, the session expired on ${localTime(expiredAt)}`;
  const status = await at.here("auth status");
  assert.equal(status.code, 0);
  assert.ok(
    status.stderr.startsWith(`${estimate}; to ask the service: spec-kitty auth status --check\n`),
    status.stderr,
  );
  const { authenticated, expired } = JSON.parse(
    (await at.here("auth status --json")).stdout,
  ) as JsonOutput["auth status"];
  assert.deepEqual([authenticated, expired], [true, true]);
  const whoami = await at.here("auth whoami");
  assert.deepEqual([whoami.code, whoami.stdout, whoami.stderr], [0, "alice@example.com\n", `${estimate}\n`]);
  assert.match((await at.here("auth list")).stdout, / expired, \d{4}-\d\d-\d\d at .*, by this machine's clock/);
  assert.equal((await at.here("auth token")).stderr.split("\n")[0], `error: Session expired or revoked: ${why}`);
  assert.equal((await at.here("auth token")).stderr.split("\n")[0], `error: not logged in (profile "default"): ${why}`);
  const after = await at.here("auth status");
  assert.equal(after.code, 4);
  assert.ok(after.stdout.includes(`  Ended      ${why}\n`), after.stdout);
});

test("a clock that is corrected makes no login look absent: each command names its user, and the token is good", async (t) => {
  const at = await scene(t);
  // 40 days ahead of the service at the login, and right since.
  const session = { ...sessionOf(at.saas, { leftMs: 3_600_000 }), clockOffsetMs: 40 * 86_400_000 };
  await storeSession(at.saas, at.env, session);
  for (const line of ["auth whoami", "auth status", "auth list"]) {
    const { code, stdout } = await at.here(line);
    assert.equal(code, 0, line);
    assert.match(stdout, /alice@example\.com/, line);
  }
  const auth = createAuth({ name: "spec-kitty", version: "1.0.0", issuer: at.saas.url, env: at.env });
  assert.equal((await auth.session())?.user?.email, "alice@example.com");
  assert.equal((await at.here("auth token")).code, 0);
});

test("FR-025 after a logout and after another login, status says what became of the login before", async (t) => {
  const at = await scene(t);
  await signIn(at.saas, at.env);
  assert.equal((await at.here("auth login --force", { FAKE_SAAS_USER: "bob" })).code, 0);
  assert.match(
    (await at.here("auth status")).stdout,
    /^ {2}Before +another login replaced that of alice@example\.com on /m,
  );
  assert.equal((await at.here("auth logout")).code, 0);
  const status = await at.here("auth status --json");
  const { ended } = JSON.parse(status.stdout) as JsonOutput["auth status"];
  assert.deepEqual([ended?.user.email, ended?.reason, ended?.by], ["bob@example.com", "logout", "auth logout"]);
});

test("FR-025 a login after one that expired before any command noticed is for its user, and status says that it expired", async (t) => {
  const at = await scene(t);
  const expiredAt = Date.now() - 86_400_000;
  const session = { ...sessionOf(at.saas), refreshTokenExpiresAt: new Date(expiredAt).toISOString() };
  await storeSession(at.saas, at.env, session);
  let hinted: string | null = null;
  const login = await logInHere(["auth", "login"], at.env, {}, (address) => {
    hinted = new URL(address).searchParams.get("login_hint");
    return approve(address);
  });
  assert.equal(login.code, 0);
  assert.equal(hinted, "alice@example.com");
  const before = `the session of alice@example.com expired on ${localTime(expiredAt)}`;
  assert.match((await at.here("auth status")).stdout, new RegExp(`^  Before +${before}$`, "m"));
});

test("FR-025 a program that embeds the login is named by its file", async (t) => {
  const at = await staleLogin(t);
  const tokens = createApp({ env: at.env }).tokens();
  await tokens.getAccessToken();
  assert.equal((await storedProfile(at.env))?.session?.refreshedBy, basename(process.argv[1] ?? ""));
});

test("a login after one that has ended by itself names its user to the service; after a logout, or to choose an account, none", async (t) => {
  const at = await staleLogin(t);
  const hints: (string | null)[] = [];
  const login = (...more: string[]): ReturnType<typeof logInHere> =>
    logInHere(["auth", "login", ...more], at.env, {}, (address) => {
      hints.push(new URL(address).searchParams.get("login_hint"));
      return approve(address);
    });
  revokeAll(at);
  assert.equal((await at.here("auth token")).code, 4);
  assert.equal((await login("--prompt", "select_account")).code, 0);
  revokeAll(at);
  assert.equal((await at.here("auth status --check")).code, 4);
  assert.equal((await login()).code, 0);
  assert.equal((await at.here("auth logout")).code, 0);
  assert.equal((await login()).code, 0);
  assert.deepEqual(hints, [null, "alice@example.com", null]);
});
