import assert from "node:assert/strict";
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { systemClock, type Clock } from "../../../../src/platform/clock.ts";
import type { Fault } from "../../../fake-saas/faults.ts";
import { startFakeSaas } from "../../../fake-saas/server.ts";
import { keyInKeychain, signIn } from "../../../helpers/stored-session.ts";
import { fastClock, filesUnder, scene, type Scene } from "../../../helpers/scene.ts";

const done = '✓ Logged out (profile "default").\n';
const doneHere = '✓ Logged out here (profile "default").\n';
const anHourLater: Clock = { ...systemClock, now: () => systemClock.now() + 3_600_000 };
/** The ten seconds for a response pass at once. */
const hurried: Clock = { ...systemClock, timeout: (ms) => systemClock.timeout(ms === 10_000 ? 50 : ms) };
const unconfirmed = "the service did not confirm the logout";

function allEnded({ saas }: Pick<Scene, "saas">): boolean {
  return [...saas.sessions.values()].every(({ ended }) => ended !== undefined);
}

test("logout when not logged in says so and is not a failure", async (t) => {
  const { here, saas } = await scene(t);
  const { code, stdout } = await here("auth logout");
  assert.deepEqual([code, stdout], [0, 'Not logged in (profile "default").\n']);
  assert.deepEqual(JSON.parse((await here("auth logout --json")).stdout), {
    loggedOut: [{ profile: "default", server: "none" }],
  });
  assert.equal(saas.requests.length, 0);
});

for (const [what, fault] of [
  ["answers 500", { status: 500 }],
  ["answers 404", { status: 404, body: "<h1>not here</h1>" }],
  ["answers 429", { status: 429, headers: { "Retry-After": "60" } }],
  ["breaks the connection", { reset: "before" }],
  ["does not answer within 10 seconds", { hang: true }],
] as [string, Fault][]) {
  test(`FR-014 a service that ${what} at logout does not keep the local session alive, and the user is warned`, async (t) => {
    const { saas, here, env } = await scene(t);
    await signIn(saas, env);
    saas.faults.always("/api/v1/logout", fault);
    const { code, stdout, stderr } = await here("auth logout", {}, { clock: hurried });
    assert.deepEqual([code, stdout], [0, doneHere]);
    assert.match(
      stderr,
      new RegExp(`^warning: ${unconfirmed} \\(.+\\): the tokens may remain valid until they expire\\n$`),
    );
    assert.equal((await here("auth status")).code, 4);
  });
}

for (const status of [401, 403]) {
  for (const error of ["session_invalid", "token_revoked"]) {
    test(`FR-013 ${status} ${error} at logout means that the session has ended already: success without a warning`, async (t) => {
      const { saas, here, env } = await scene(t);
      await signIn(saas, env);
      saas.faults.next("/api/v1/logout", { status, body: { error } });
      const { code, stdout, stderr } = await here("auth logout");
      assert.deepEqual([code, stdout, stderr], [0, done, ""]);
      assert.equal(saas.counters.refreshes, 0);
    });
  }
}

test("S-015 an access token that only the service takes for expired is refreshed, and the session really ends", async (t) => {
  const it = await scene(t);
  await signIn(it.saas, it.env);
  it.saas.expireAccessTokens();
  const { code, stdout, stderr } = await it.here("auth logout");
  assert.deepEqual([code, stdout, stderr], [0, done, ""]);
  assert.deepEqual([it.saas.count("/api/v1/logout"), it.saas.counters.refreshes, it.saas.counters.logouts], [2, 1, 1]);
  assert.ok(allEnded(it));
});

for (const [what, fault, tries] of [
  [
    "a 403 page of a filter in front of the service",
    { status: 403, body: "<h1>CSRF verification failed</h1>", headers: { "content-type": "text/html" } },
    1,
  ],
  ["a 403 that says something else", { status: 403, body: { error: "forbidden" } }, 1],
  ["a 401 to every token", { status: 401, body: { error: "invalid_token" } }, 2],
  ["a bare 401 of 3 MB", { status: 401, body: "x".repeat(3_000_000) }, 2],
  ["a redirect to a login page", { status: 302, headers: { location: "/login" } }, 1],
] as [string, Fault, number][]) {
  test(`S-015 ${what} is no logout: the session is gone here, and the error says so`, async (t) => {
    const { saas, here, env } = await scene(t);
    for (const json of [false, true]) {
      await signIn(saas, env);
      saas.faults.always("/api/v1/logout", fault);
      const before = saas.count("/api/v1/logout");
      const { code, stdout, stderr } = await here(`auth logout${json ? " --json" : ""}`);
      assert.equal(code, 0);
      assert.equal(saas.count("/api/v1/logout") - before, tries);
      if (json) {
        const [answer] = (
          JSON.parse(stdout) as { loggedOut: { server: string; error: { code: string; message: string } }[] }
        ).loggedOut;
        assert.equal(answer?.server, "unconfirmed");
        assert.match(
          answer?.error.message ?? "",
          new RegExp(`/api/v1/logout" .*${what.includes("3 MB") ? "more than" : fault.status}`),
        );
      } else {
        assert.equal(stdout, doneHere);
        assert.match(
          stderr,
          new RegExp(`^warning: ${unconfirmed} \\([^\\n]+\\): the tokens may remain valid until they expire\\n$`),
        );
      }
      assert.equal((await here("auth status")).code, 4);
    }
  });
}

test("S-015 a refresh that fails while the service refuses the token is reported; a dead grant there is a session that has ended", async (t) => {
  const { saas, here, env } = await scene(t);
  for (const [answer, stdout] of [
    [{ status: 503 }, doneHere],
    [{ status: 400, body: { error: "invalid_grant" } }, done],
    [{ status: 401, body: { error: "invalid_client" } }, doneHere],
  ] as [Fault, string][]) {
    await signIn(saas, env);
    saas.expireAccessTokens();
    saas.faults.always("/oauth/token", answer);
    const ended = await here("auth logout", {}, { clock: fastClock(100) });
    assert.equal(ended.stdout, stdout);
    assert.equal(ended.stderr === "", stdout === done);
    assert.equal((await here("auth status")).code, 4);
    saas.faults.clear();
  }
});

test("FR-013 a session whose access token has expired is refreshed first, so that it really ends", async (t) => {
  const it = await scene(t);
  await signIn(it.saas, it.env);
  it.saas.expireAccessTokens();
  it.saas.clockOffsetMs = 3_600_000;
  const { code, stderr } = await it.here("auth logout", {}, { clock: anHourLater });
  assert.deepEqual([code, stderr], [0, ""]);
  assert.equal(it.saas.counters.refreshes, 1);
  assert.equal(it.saas.counters.logouts, 1);
  assert.ok(allEnded(it));
});

test("a session that the service has ended is logged out of without a warning", async (t) => {
  const it = await scene(t);
  await signIn(it.saas, it.env);
  for (const id of it.saas.sessions.keys()) it.saas.revoke(id);
  const { code, stdout, stderr } = await it.here("auth logout", {}, { clock: anHourLater });
  assert.deepEqual([code, stdout, stderr], [0, done, ""]);
});

test("--force sends no request, and --json says what was sent", async (t) => {
  const { saas, here, env } = await scene(t);
  await signIn(saas, env);
  const requests = saas.requests.length;
  assert.deepEqual(JSON.parse((await here("auth logout --force --json")).stdout), {
    loggedOut: [{ profile: "default", server: "not told" }],
  });
  assert.equal(saas.requests.length, requests);
  assert.equal((await here("auth status")).code, 4);
  await signIn(saas, env);
  assert.deepEqual(JSON.parse((await here("auth logout --json")).stdout), {
    loggedOut: [{ profile: "default", server: "ended" }],
  });
  await signIn(saas, env);
  saas.faults.next("/api/v1/logout", { status: 500 });
  const error = { code: "service_unavailable", message: `"${saas.url}/api/v1/logout" returned 500` };
  assert.deepEqual(JSON.parse((await here("auth logout --json")).stdout), {
    loggedOut: [{ profile: "default", server: "unconfirmed", error }],
  });
});

test("--profile logs out of one account and leaves the others", async (t) => {
  const { here, saas, env } = await scene(t);
  await signIn(saas, env);
  await signIn(saas, env, { user: "bob", profile: "work" });
  assert.equal((await here("auth logout --profile work")).stdout, '✓ Logged out (profile "work").\n');
  assert.equal((await here("auth whoami")).stdout, "alice@example.com\n");
  assert.equal((await here("auth whoami --profile work")).code, 4);
  const both = await here("auth logout --all --profile work");
  assert.equal(both.code, 2);
});

test("S-001 logout with another service in the environment tells only the one that issued the session", async (t) => {
  const it = await scene(t);
  const other = await startFakeSaas();
  t.after(() => other.close());
  await signIn(it.saas, it.env);
  const { code, stdout, stderr } = await it.here("auth logout", { SPEC_KITTY_SAAS_URL: other.url });
  assert.deepEqual([code, stdout, stderr], [0, done, ""]);
  assert.ok(allEnded(it));
  assert.equal(other.requests.length, 0);
});

for (const [what, spoil] of [
  ["is damaged", ({ credentials }) => writeFileSync(credentials, "rubbish")],
  ["others can read", ({ credentials }) => chmodSync(credentials, 0o644)],
  [
    "is a newer version's",
    ({ credentials }) =>
      writeFileSync(credentials, readFileSync(credentials, "utf8").replace('"version": 1', '"version": 9')),
  ],
  [
    "is a directory with something in it",
    ({ credentials }) => (rmSync(credentials), mkdirSync(credentials), writeFileSync(join(credentials, "x"), "")),
  ],
] as [string, (it: Scene) => void][]) {
  test(`a file that ${what} is removed by logout --all --force, and a login works again`, async (t) => {
    const it = await scene(t);
    await signIn(it.saas, it.env);
    spoil(it);
    assert.equal((await it.here("auth logout")).code, 1);
    const { code, stdout, stderr } = await it.here("auth logout --all --force");
    if (what.includes("something in it")) {
      // Unknown owner: named, and left alone.
      assert.equal(code, 1);
      assert.match(stderr, /^error: cannot write ".*keys": .*\nhint: .*mv /);
      return;
    }
    assert.deepEqual([code, stdout, stderr], [0, "✓ No login is stored here.\n", ""]);
    assert.equal(filesUnder(it.config).size, 0);
    assert.equal((await it.here("auth login")).code, 0);
  });
}

test("with SPEC_KITTY_STORAGE=memory, logout --all leaves a stored session and its key as they are", async (t) => {
  const at = await scene(t, {}, { SPEC_KITTY_STORAGE: "memory", DBUS_SESSION_BUS_ADDRESS: "unix:path=/nowhere" });
  await keyInKeychain(at.env);
  const before = filesUnder(at.config);
  // Any use of the keychain would fail with a warning.
  for (const args of ["auth logout --all", "auth logout --all --force"]) {
    assert.deepEqual(await at.here(args), {
      code: 0,
      signal: null,
      stdout: "Nothing is stored: SPEC_KITTY_STORAGE is memory. Sessions stored without it remain.\n",
      stderr: "",
    });
  }
  assert.deepEqual(filesUnder(at.config), before);
});

test("a session that cannot be removed here is an error that says whether it ended at the service, and how to remove it", async (t) => {
  for (const [fault, error, command] of [
    [
      undefined,
      "the session has ended at the service, but is still stored here",
      "auth logout --force --profile default",
    ],
    [{ status: 500 }, "the session is still stored here", "auth logout --profile default"],
  ] as [Fault | undefined, string, string][]) {
    const it = await scene(t);
    await signIn(it.saas, it.env);
    if (fault) it.saas.faults.next("/api/v1/logout", fault);
    const inTheWay = join(it.config, "profiles.lock");
    mkdirSync(join(inTheWay, "somebody's"), { recursive: true });
    const { code, stdout, stderr } = await it.here("auth logout", {}, { clock: fastClock(100) });
    assert.deepEqual([code, stdout], [1, ""]);
    assert.match(
      stderr,
      new RegExp(`^error: ${error}: [^\\n]+profiles.lock[^\\n]+\\nhint: Fix this, then run: spec-kitty ${command}\\n$`),
    );
    assert.equal(allEnded(it), fault === undefined);
    rmSync(inTheWay, { recursive: true });
    assert.deepEqual(await it.here(command), {
      code: 0,
      signal: null,
      stdout: command.includes("--force") ? doneHere : done,
      stderr: "",
    });
    assert.ok(allEnded(it));
    assert.equal((await it.here("auth status")).code, 4);
  }
});

test("--all ends every session at its service even if none can be removed here", async (t) => {
  const it = await scene(t);
  for (const profile of ["default", "work"]) await signIn(it.saas, it.env, { profile });
  mkdirSync(join(it.config, "profiles.lock", "somebody's"), { recursive: true });
  const { code, stdout, stderr } = await it.here("auth logout --all", {}, { clock: fastClock(100) });
  assert.deepEqual([code, stdout], [1, ""]);
  assert.match(
    stderr,
    /^error: the session has ended at the service, but is still stored here: .+\nhint: Fix this, then run: spec-kitty auth logout --force --profile default\n$/,
  );
  assert.ok(allEnded(it));
});

test("a logout of a named profile forgets it, --keep-profile keeps what it remembers, and the other accounts are named", async (t) => {
  const { saas, here, env } = await scene(t);
  await signIn(saas, env);
  for (const profile of ["work", "play"]) await signIn(saas, env, { user: "bob", profile });
  const names = async (): Promise<string[]> =>
    (JSON.parse((await here("auth list --json")).stdout) as { profiles: { profile: string }[] }).profiles.map(
      ({ profile }) => profile,
    );
  const kept = await here("auth logout --profile work --keep-profile");
  assert.deepEqual([kept.stdout, await names()], ['✓ Logged out (profile "work").\n', ["default", "play", "work"]]);
  const forgotten = await here("auth logout --profile play");
  assert.equal(
    forgotten.stderr,
    'Still logged in: "default" as alice@example.com (Acme Corp).\nhint: To use one: spec-kitty auth switch\n',
  );
  assert.deepEqual(await names(), ["default", "work"]);
  assert.deepEqual(
    [(await here("auth logout")).stderr, await names()],
    ["", ["default", "work"]],
    "the active profile remembers its service",
  );
  assert.match((await here("auth logout --keep-profile")).stderr, /^error: --keep-profile needs --profile\n/);
});

test("a logout that forgets the active profile makes the only one left active, or says between which to choose", async (t) => {
  const { saas, here, env } = await scene(t);
  await signIn(saas, env);
  for (const profile of ["work", "play"]) await signIn(saas, env, { user: "bob", profile });
  assert.equal((await here("auth switch work")).code, 0);
  assert.equal((await here("auth switch work --here")).code, 0);
  const several = await here("auth logout --profile work");
  assert.equal(
    several.stderr,
    "This was the active profile.\nhint: Use one of: default, play. Run: spec-kitty auth switch PROFILE\n",
  );
  assert.equal((await here("auth switch play")).code, 0);
  const { stdout } = await here("auth status --json");
  const { profile, profileSource } = JSON.parse(stdout) as { profile: string; profileSource: string };
  assert.deepEqual([profile, profileSource], ["play", "active"], "nothing is chosen for this folder any more");
  const one = await here("auth logout --profile play");
  assert.equal(one.stderr, 'The active profile is "default" now.\n');
  assert.equal((await here("auth whoami")).stdout, "alice@example.com\n");
  assert.equal((await here("auth logout --profile default")).stderr, "");
  assert.equal((await here("auth list")).stdout, "There are no profiles yet.\n");
});
