import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "../../../../src/platform/clock.ts";
import { scene, type Scene } from "../../../helpers/scene.ts";
import { signIn } from "../../../helpers/stored-session.ts";

async function loggedIn(t: Parameters<typeof scene>[0], options: Parameters<typeof scene>[1] = {}): Promise<Scene> {
  const found = await scene(t, options);
  await signIn(found.saas, found.env);
  return found;
}

test("with --check what the service says about the user and the teams is shown and stored", async (t) => {
  const { saas, here } = await loggedIn(t);
  saas.users.alice.email = "alice@new.example";
  saas.users.alice.teams = [{ id: "tm_new", name: "New Ltd" }];
  assert.match((await here("auth status --check")).stdout, /^✓ Logged in as alice@new\.example \(New Ltd\)$/m);
  const later = await here("auth status");
  assert.match(later.stdout, /^ {2}Default team +New Ltd \(tm_new\)$/m);
  assert.equal((await here("auth whoami")).stdout, "alice@new.example\n");
  assert.equal((await here("auth refresh")).code, 0, "the tokens are the same as before");
});

test("with --check a token that has expired or is refused is refreshed, once", async (t) => {
  const { saas, here } = await loggedIn(t);
  saas.expireAccessTokens();
  assert.equal((await here("auth status --check")).code, 0);
  assert.equal(saas.counters.refreshes, 1);
  assert.equal(saas.count("/api/v1/me"), 2);
});

test("with --check a session that the service has ended is removed here: exit 4, not logged in", async (t) => {
  const { saas, here } = await loggedIn(t);
  for (const id of saas.sessions.keys()) saas.revoke(id);
  assert.equal((await here("auth status")).code, 0, "it is not known here");
  const { code, stdout, stderr } = await here("auth status --check");
  assert.equal(code, 4);
  assert.match(stdout, /^Not logged in \(profile "default"\)\.\n {2}User +alice@example\.com/);
  assert.match(stderr, /^warning: Session expired or revoked: .*\. Run: spec-kitty auth login\n$/);
  const after = await here("auth status --check --json");
  assert.equal(after.code, 4);
  assert.equal((JSON.parse(after.stdout) as { authenticated: boolean }).authenticated, false);
});

test("with --check a session whose next token is refused as well is not valid: exit 4", async (t) => {
  const { saas, here } = await loggedIn(t);
  saas.faults.always("/api/v1/me", { status: 401, body: { error: "invalid_token" } });
  const { code, stderr } = await here("auth status --check");
  assert.equal(code, 4);
  assert.match(stderr, /^warning: the session has ended\. Run: spec-kitty auth login --force\n$/);
  assert.deepEqual([saas.count("/api/v1/me"), saas.counters.refreshes], [2, 1]);
});

test("S-004 with --check a service that cannot be reached is exit 3, and the login stays", async (t) => {
  const { saas, run, here } = await loggedIn(t);
  saas.faults.next("/api/v1/me", { status: 503, body: { error: "maintenance" } });
  const busy = await here("auth status --check");
  assert.deepEqual([busy.code, busy.stdout], [3, ""]);
  assert.match(busy.stderr, /^error: .*503.*\nhint: Try again /);
  // In its own process: this one's kept connection would break instead.
  await saas.stop();
  const gone = await run("auth status --check");
  assert.deepEqual([gone.code, gone.stdout], [3, ""]);
  assert.match(gone.stderr, /^error: cannot reach .* \(ECONNREFUSED\)\nhint: /);
  assert.equal((await here("auth status")).code, 0);
});

test("with --check another user than that of the login is an error", async (t) => {
  const { saas, here } = await loggedIn(t);
  saas.faults.next("/api/v1/me", {
    edit: (answer) => ({ ...answer, user_id: "u_mallory", email: "mallory@example.com" }),
  });
  const { code, stdout, stderr } = await here("auth status --check");
  assert.deepEqual([code, stdout], [1, ""]);
  assert.match(stderr, /^error: .* names a different user than the login$/m);
  assert.equal((await here("auth whoami")).stdout, "alice@example.com\n");
});

test("status warns when the login expires within three days, and not before", async (t) => {
  for (const [days, warning] of [
    [2, /^warning: the session expires in 2 days; to log in again: spec-kitty auth login --force$/m],
    [4, /^$/],
  ] as const) {
    const { here } = await loggedIn(t, { refreshTokenSeconds: (days + 0.2) * 86_400 });
    const { code, stderr } = await here("auth status");
    assert.equal(code, 0);
    assert.match(stderr, warning);
  }
});

test("status counts by the service's clock if this machine's is off", async (t) => {
  const { here } = await scene(t, { clockOffsetMs: -10 * 86_400_000, refreshTokenSeconds: 5 * 86_400 });
  await here("auth login");
  const { code, stdout, stderr } = await here("auth status");
  assert.equal(code, 0);
  assert.equal(stderr, "");
  assert.match(stdout, /^ {2}Refresh token +[45] days/m);
  assert.match(stdout, /^ {2}Access token +(59|60) min/m);
});

test("after a clock that was 200 days ahead at the login is corrected, status and doctor do not count days of a token for an hour", async (t) => {
  const { saas, here } = await scene(t);
  const ahead = { ...systemClock, now: () => Date.now() + 200 * 86_400_000 };
  assert.equal((await here("auth login", {}, { clock: ahead })).code, 0);
  const { code, stdout, stderr } = await here("auth status");
  assert.deepEqual([code, stderr], [0, ""]);
  for (const token of ["Access token", "Refresh token"])
    assert.match(stdout, new RegExp(`^ {2}${token} +until .*; the clock here was set back, so the next command`, "m"));
  assert.doesNotMatch(stdout, /remaining/);
  assert.match((await here("auth doctor")).stdout, /access token +the clock here was set back/);
  assert.equal((await here("auth token")).code, 0);
  assert.equal(saas.counters.refreshes, 1);
  assert.match((await here("auth status")).stdout, /^ {2}Access token +(59|60) min/m);
});
