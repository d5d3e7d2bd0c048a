import assert from "node:assert/strict";
import { chmodSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { SealedFile } from "../../src/auth/secure-storage/sealed-file.ts";
import type { Fault } from "../fake-saas/faults.ts";
import { startFakeSaas } from "../fake-saas/server.ts";
import { startCommand } from "../helpers/command.ts";
import { sessionOf, signIn, storeSession } from "../helpers/stored-session.ts";
import { filesUnder, hurried, scene, type Scene } from "../helpers/scene.ts";

const done = '✓ Logged out (profile "default").\n';
const doneHere = '✓ Logged out here (profile "default").\n';
const unconfirmed = "the service did not confirm the end of the session";

function allEnded({ saas }: Pick<Scene, "saas">): boolean {
  return [...saas.sessions.values()].every(({ ended }) => ended !== undefined);
}

test("FR-013 logout ends the session at the service and here, and the profile remembers its service", async (t) => {
  const it = await scene(t);
  await it.run("auth login");
  const token = (await it.run("auth token")).stdout.trim();
  const { code, stdout, stderr } = await it.run("auth logout");
  assert.deepEqual([code, stdout, stderr], [0, done, ""]);
  assert.equal(it.saas.counters.logouts, 1);
  assert.ok(allEnded(it));
  assert.equal(it.saas.requests.at(-1)?.headers.authorization, `Bearer ${token}`);
  assert.equal((await it.run("auth status")).code, 4);
  assert.equal((await it.run("auth token")).code, 4);
  assert.equal((await it.run("auth login", { SPEC_KITTY_SAAS_URL: undefined })).code, 0);
});

test("logout when not logged in says so and is not a failure", async (t) => {
  const { run, saas } = await scene(t);
  const { code, stdout } = await run("auth logout");
  assert.deepEqual([code, stdout], [0, 'Nobody was logged in (profile "default").\n']);
  assert.deepEqual(JSON.parse((await run("auth logout --json")).stdout), { loggedOut: [{ profile: "default", server: "none" }] });
  assert.equal(saas.requests.length, 0);
});

for (const [what, fault, nodeArgs] of [
  ["answers 500", { status: 500 }, []],
  ["answers 404", { status: 404, body: "<h1>not here</h1>" }, []],
  ["answers 429", { status: 429, headers: { "Retry-After": "60" } }, []],
  ["breaks the connection", { reset: "before" }, []],
  ["does not answer within 10 seconds", { hang: true }, hurried(10_000, 2_000)],
] as [string, Fault, string[]][]) {
  test(`FR-014 a service that ${what} at logout does not keep the local session alive, and the user is warned`, async (t) => {
    const { saas, run, env } = await scene(t);
    await signIn(saas, env);
    saas.faults.always("/api/v1/logout", fault);
    const { code, stdout, stderr } = await startCommand(t, ["auth", "logout"], env, { nodeArgs }).ended;
    assert.deepEqual([code, stdout], [0, doneHere]);
    assert.match(stderr, new RegExp(`^warning: ${unconfirmed} \\(.+\\): its tokens may remain valid until they expire\\n$`));
    assert.equal((await run("auth status")).code, 4);
  });
}

test("FR-014 a service that is down does not keep the local session alive", async (t) => {
  const { saas, run, env } = await scene(t);
  await signIn(saas, env);
  await saas.stop();
  const { code, stdout, stderr } = await run("auth logout");
  assert.deepEqual([code, stdout], [0, doneHere]);
  assert.match(stderr, new RegExp(`^warning: ${unconfirmed} \\(cannot reach `));
});

for (const status of [401, 403]) {
  for (const error of ["session_invalid", "token_revoked"]) {
    test(`FR-013 ${status} ${error} at logout means that the session has ended already: success without a warning`, async (t) => {
      const { saas, run, env } = await scene(t);
      await signIn(saas, env);
      saas.faults.next("/api/v1/logout", { status, body: { error } });
      const { code, stdout, stderr } = await run("auth logout");
      assert.deepEqual([code, stdout, stderr], [0, done, ""]);
      assert.equal(saas.counters.refreshes, 0);
    });
  }
}

test("S-015 an access token that only the service takes for expired is refreshed, and the session really ends", async (t) => {
  const it = await scene(t);
  await signIn(it.saas, it.env);
  it.saas.expireAccessTokens();
  const { code, stdout, stderr } = await it.run("auth logout");
  assert.deepEqual([code, stdout, stderr], [0, done, ""]);
  assert.deepEqual([it.saas.count("/api/v1/logout"), it.saas.counters.refreshes, it.saas.counters.logouts], [2, 1, 1]);
  assert.ok(allEnded(it));
});

for (const [what, fault, tries] of [
  ["a 403 page of a filter in front of the service", { status: 403, body: "<h1>CSRF verification failed</h1>", headers: { "content-type": "text/html" } }, 1],
  ["a 403 that says something else", { status: 403, body: { error: "forbidden" } }, 1],
  ["a 401 to every token", { status: 401, body: { error: "invalid_token" } }, 2],
  ["a bare 401 of 3 MB", { status: 401, body: "x".repeat(3_000_000) }, 2],
  ["a redirect to a login page", { status: 302, headers: { location: "/login" } }, 1],
] as [string, Fault, number][]) {
  test(`S-015 ${what} is no logout: the session is gone here, and the user is told`, async (t) => {
    const { saas, run, env } = await scene(t);
    for (const json of [false, true]) {
      await signIn(saas, env);
      saas.faults.always("/api/v1/logout", fault);
      const before = saas.count("/api/v1/logout");
      const { code, stdout, stderr } = await run(`auth logout${json ? " --json" : ""}`);
      assert.equal(code, 0);
      assert.equal(saas.count("/api/v1/logout") - before, tries);
      if (json) {
        const [answer] = (JSON.parse(stdout) as { loggedOut: { server: string; error: { code: string; message: string } }[] }).loggedOut;
        assert.equal(answer?.server, "unconfirmed");
        assert.match(answer?.error.message ?? "", new RegExp(`/api/v1/logout" .*${what.includes("3 MB") ? "more than" : fault.status}`));
      } else {
        assert.equal(stdout, doneHere);
        assert.match(stderr, new RegExp(`^warning: ${unconfirmed} \\([^\\n]+\\): its tokens may remain valid until they expire\\n$`));
      }
      assert.equal((await run("auth status")).code, 4);
    }
  });
}

test("S-015 a refresh that fails while the service refuses the token is reported; a dead grant there is a session that has ended", async (t) => {
  const { saas, run, env } = await scene(t);
  for (const [answer, stdout] of [
    [{ status: 503 }, doneHere],
    [{ status: 400, body: { error: "invalid_grant" } }, done],
    [{ status: 401, body: { error: "invalid_client" } }, doneHere],
  ] as [Fault, string][]) {
    await signIn(saas, env);
    saas.expireAccessTokens();
    saas.faults.always("/oauth/token", answer);
    const ended = await run("auth logout");
    assert.equal(ended.stdout, stdout);
    assert.equal(ended.stderr === "", stdout === done);
    assert.equal((await run("auth status")).code, 4);
    saas.faults.clear();
  }
});

test("FR-013 a session whose access token has expired is refreshed first, so that it really ends", async (t) => {
  const it = await scene(t);
  await signIn(it.saas, it.env);
  it.saas.expireAccessTokens();
  it.saas.clockOffsetMs = 3_600_000;
  const { code, stderr } = await startCommand(t, ["auth", "logout"], it.env, { nodeArgs: ["--import", laterBy(3_600_000)] }).ended;
  assert.deepEqual([code, stderr], [0, ""]);
  assert.equal(it.saas.counters.refreshes, 1);
  assert.equal(it.saas.counters.logouts, 1);
  assert.ok(allEnded(it));
});

test("a session that the service has ended is logged out of without a warning", async (t) => {
  const it = await scene(t);
  await signIn(it.saas, it.env);
  for (const id of it.saas.sessions.keys()) it.saas.revoke(id);
  const { code, stdout, stderr } = await startCommand(t, ["auth", "logout"], it.env, { nodeArgs: ["--import", laterBy(3_600_000)] }).ended;
  assert.deepEqual([code, stdout, stderr], [0, done, ""]);
});

test("--force does not tell the service, and --json says what it was told", async (t) => {
  const { saas, run, env } = await scene(t);
  await signIn(saas, env);
  const requests = saas.requests.length;
  assert.deepEqual(JSON.parse((await run("auth logout --force --json")).stdout), { loggedOut: [{ profile: "default", server: "not told" }] });
  assert.equal(saas.requests.length, requests);
  assert.equal((await run("auth status")).code, 4);
  await signIn(saas, env);
  assert.deepEqual(JSON.parse((await run("auth logout --json")).stdout), { loggedOut: [{ profile: "default", server: "ended" }] });
  await signIn(saas, env);
  saas.faults.next("/api/v1/logout", { status: 500 });
  const error = { code: "service_unavailable", message: `"${saas.url}/api/v1/logout" answered 500` };
  assert.deepEqual(JSON.parse((await run("auth logout --json")).stdout), { loggedOut: [{ profile: "default", server: "unconfirmed", error }] });
});

test("--profile logs out of one account and leaves the others", async (t) => {
  const { run, saas, env } = await scene(t);
  await signIn(saas, env);
  await signIn(saas, env, { user: "bob", profile: "work" });
  assert.equal((await run("auth logout --profile work")).stdout, '✓ Logged out (profile "work").\n');
  assert.equal((await run("auth whoami")).stdout, "alice@example.com\n");
  assert.equal((await run("auth whoami --profile work")).code, 4);
  const both = await run("auth logout --all --profile work");
  assert.equal(both.code, 2);
});

test("--all ends every session at the service that issued it, whatever the environment says, and removes the file", async (t) => {
  const it = await scene(t);
  const other = await startFakeSaas();
  t.after(() => other.close());
  await signIn(it.saas, it.env);
  await it.run("auth login --profile other", { SPEC_KITTY_SAAS_URL: other.url });
  const { code, stdout, stderr } = await it.run("auth logout --all");
  assert.deepEqual([code, stderr], [0, ""]);
  assert.equal(stdout, `${done}✓ Logged out (profile "other").\n✓ No login is stored here anymore.\n`);
  assert.ok(allEnded(it) && allEnded({ saas: other }));
  assert.equal(filesUnder(it.config).size, 0);
});

test("S-001 logout with another service in the environment tells only the one that issued the session", async (t) => {
  const it = await scene(t);
  const other = await startFakeSaas();
  t.after(() => other.close());
  await signIn(it.saas, it.env);
  const { code, stdout, stderr } = await it.run("auth logout", { SPEC_KITTY_SAAS_URL: other.url });
  assert.deepEqual([code, stdout, stderr], [0, done, ""]);
  assert.ok(allEnded(it));
  assert.equal(other.requests.length, 0);
});

for (const [what, spoil] of [
  ["is damaged", ({ credentials }) => writeFileSync(credentials, "rubbish")],
  ["others can read", ({ credentials }) => chmodSync(credentials, 0o644)],
  ["is a newer version's", ({ credentials }) => writeFileSync(credentials, readFileSync(credentials, "utf8").replace('"version": 2', '"version": 9'))],
  ["is a directory with something in it", ({ credentials }) => (rmSync(credentials), mkdirSync(credentials), writeFileSync(join(credentials, "x"), ""))],
] as [string, (it: Scene) => void][]) {
  test(`a file that ${what} is removed by logout --all --force, and a login works again`, async (t) => {
    const it = await scene(t);
    await signIn(it.saas, it.env);
    spoil(it);
    assert.equal((await it.run("auth logout")).code, 1);
    const { code, stdout, stderr } = await it.run("auth logout --all --force");
    if (what.includes("something in it")) {
      // Its owner is unknown: it is named, and left alone.
      assert.equal(code, 1);
      assert.match(stderr, /^error: ".*credentials\.json" .*\nhint: .*mv /);
      return;
    }
    assert.deepEqual([code, stdout, stderr], [0, "✓ No login is stored here anymore.\n", ""]);
    assert.equal(filesUnder(it.config).size, 0);
    assert.equal((await it.run("auth login")).code, 0);
  });
}

test("S-003 a login made while the service delays a logout stays; a refreshed session of the old login is removed", async (t) => {
  for (const [meanwhile, code] of [["auth login --force", 0], ["auth refresh", 4]] as const) {
    const { saas, run, env } = await scene(t);
    await signIn(saas, env);
    let answer = (): void => undefined;
    saas.faults.next("/api/v1/logout", { gate: new Promise<void>((resolve) => (answer = resolve)), status: 503 });
    const running = startCommand(t, ["auth", "logout"], env);
    await saas.until(() => saas.count("/api/v1/logout") === 1);
    assert.equal((await run(meanwhile)).code, 0);
    answer();
    const { stdout, stderr } = await running.ended;
    assert.equal(stdout, doneHere);
    assert.equal(/there is a new login/.test(stderr), code === 0);
    assert.equal((await run("auth status")).code, code, meanwhile);
  }
});

test("S-003 a login made while a logout refreshes its token is not ended instead of the previous one", async (t) => {
  const { saas, env } = await scene(t);
  const app = await storeSession(saas, env, sessionOf(saas));
  let answer = (): void => undefined;
  saas.faults.next("/oauth/token", { gate: new Promise<void>((resolve) => (answer = resolve)) });
  const running = startCommand(t, ["auth", "logout"], env);
  await saas.until(() => saas.count("/oauth/token") === 1);
  await storeSession(saas, env, sessionOf(saas, { user: "bob", leftMs: 3_600_000 }));
  answer();
  const { code, stdout, stderr } = await running.ended;
  assert.deepEqual([code, stdout], [0, doneHere]);
  assert.match(stderr, new RegExp(`^warning: ${unconfirmed} \\([^\\n]+\\): its tokens may remain valid until they expire\\nwarning: there is a new login`));
  assert.equal(saas.counters.logouts, 0);
  assert.equal((await app.store.read()).profiles.get("default")?.session?.user.id, "u_bob");
});

test("with SPEC_KITTY_STORAGE=memory, logout --all leaves a stored session and its key as they are", async (t) => {
  const at = await scene(t, {}, { SPEC_KITTY_STORAGE: "memory", DBUS_SESSION_BUS_ADDRESS: "unix:path=/nowhere" });
  mkdirSync(at.config, { mode: 0o700 });
  const file = new SealedFile(at.credentials, () => ({ mismatch: { message: "", hint: [] }, open: async () => Buffer.alloc(32) }));
  await file.write('{"version":1,"active":"default","profiles":{}}', { key: { source: "keychain", account: "sessions-test" } });
  const before = filesUnder(at.config);
  // If a keychain had been asked, it could not have answered, and there would be a warning.
  for (const args of ["auth logout --all", "auth logout --all --force"]) {
    assert.deepEqual(await at.run(args), { code: 0, signal: null, stdout: "Nothing is stored: SPEC_KITTY_STORAGE is memory. Sessions stored without it were not changed.\n", stderr: "" });
  }
  assert.deepEqual(filesUnder(at.config), before);
});

test("S-003 a login made while the service delays logout --all stays, under a known name and under a new one", async (t) => {
  for (const name of ["default", "late"]) {
    const { saas, run, env, config } = await scene(t);
    await signIn(saas, env);
    await signIn(saas, env, { user: "bob", profile: "work" });
    let answer = (): void => undefined;
    saas.faults.next("/api/v1/logout", { gate: new Promise<void>((resolve) => (answer = resolve)) });
    const running = startCommand(t, ["auth", "logout", "--all"], env);
    await saas.until(() => saas.count("/api/v1/logout") === 1);
    assert.equal((await run(`auth login --force --profile ${name}`)).code, 0);
    answer();
    const { code, stdout, stderr } = await running.ended;
    assert.deepEqual([code, stdout], [0, `${done}✓ Logged out (profile "work").\n`]);
    assert.equal(stderr, `warning: there is a new login (profile "${name}"), made in the meantime, and it stays. To end it too: spec-kitty auth logout --all\n`);
    assert.equal((await run("auth whoami")).stdout, "alice@example.com\n", `"${name}" is the active one now`);
    const { profiles } = JSON.parse((await run("auth list --json")).stdout) as { profiles: { profile: string }[] };
    assert.deepEqual(profiles.map(({ profile }) => profile), [name], "and the profile that was logged out of is removed");
    assert.equal((await run("auth logout --all")).stdout, `✓ Logged out (profile "${name}").\n✓ No login is stored here anymore.\n`);
    assert.equal(filesUnder(config).size, 0);
  }
});

test("a session that cannot be removed here is an error that says whether it ended at the service, and how to remove it", async (t) => {
  for (const [fault, error, command] of [
    [undefined, "the session has ended at the service, but is still stored here", "auth logout --force --profile default"],
    [{ status: 500 }, "the session is still stored here", "auth logout --profile default"],
  ] as [Fault | undefined, string, string][]) {
    const it = await scene(t);
    await signIn(it.saas, it.env);
    if (fault) it.saas.faults.next("/api/v1/logout", fault);
    const inTheWay = join(it.config, "credentials.lock");
    mkdirSync(join(inTheWay, "somebody's"), { recursive: true });
    const { code, stdout, stderr } = await it.run("auth logout");
    assert.deepEqual([code, stdout], [3, ""]);
    assert.match(stderr, new RegExp(`^error: ${error}: [^\\n]+credentials.lock[^\\n]+\\nhint: Fix that, then run: spec-kitty ${command}\\n$`));
    assert.equal(allEnded(it), fault === undefined);
    rmSync(inTheWay, { recursive: true });
    assert.deepEqual(await it.run(command), { code: 0, signal: null, stdout: command.includes("--force") ? doneHere : done, stderr: "" });
    assert.ok(allEnded(it));
    assert.equal((await it.run("auth status")).code, 4);
  }
});

test("--all ends every session at its service even if none can be removed here", async (t) => {
  const it = await scene(t);
  for (const profile of ["default", "work"]) await signIn(it.saas, it.env, { profile });
  mkdirSync(join(it.config, "credentials.lock", "somebody's"), { recursive: true });
  const { code, stdout, stderr } = await it.run("auth logout --all");
  assert.deepEqual([code, stdout], [3, ""]);
  assert.match(stderr, /^error: the session has ended at the service, but is still stored here: .+\nhint: Fix that, then run: spec-kitty auth logout --force --profile default\n$/);
  assert.ok(allEnded(it));
});

test("Ctrl-C while the service is told keeps the session", async (t) => {
  const { saas, run, env } = await scene(t);
  await signIn(saas, env);
  saas.faults.next("/api/v1/logout", { hang: true });
  const running = startCommand(t, ["auth", "logout"], env);
  await saas.until(() => saas.count("/api/v1/logout") === 1);
  running.child.kill("SIGINT");
  const { code, stderr } = await running.ended;
  assert.equal(code, 130);
  assert.match(stderr, /^error: interrupted \(SIGINT\)\nhint: /);
  assert.equal((await run("auth status")).code, 0);
  assert.equal((await run("auth logout")).code, 0);
});

/** A module that makes this process's clocks run ahead. */
function laterBy(ms: number): string {
  return `data:text/javascript,${encodeURIComponent(`const now = Date.now; Date.now = () => now() + ${ms};`)}`;
}

const cachedKey = `${"0123456789abcdef".repeat(2)}.key`;

test("logout --all removes what was set aside, and the keys that earlier versions kept in the runtime folder, and nothing else there", { skip: process.platform === "win32" && "the runtime folder is not the test's there" }, async (t) => {
  const it = await scene(t);
  await signIn(it.saas, it.env);
  writeFileSync(`${it.credentials}.old`, "x", { mode: 0o600 });
  const run = join(it.folder, "run", "spec-kitty");
  mkdirSync(run, { recursive: true, mode: 0o700 });
  for (const name of [cachedKey, "notes.key"]) writeFileSync(join(run, name), "ab".repeat(32), { mode: 0o600 });
  assert.equal((await it.run("auth logout --all")).code, 0);
  assert.deepEqual([...filesUnder(run).keys()], ["notes.key"]);
  assert.equal(filesUnder(it.config).size, 0);
});

test("S-012 a runtime folder that is a link is left alone by logout --all: anybody can plant one in a temporary folder", { skip: process.platform === "win32" && "the runtime folder is not the test's there" }, async (t) => {
  const it = await scene(t);
  await signIn(it.saas, it.env);
  const victim = join(it.folder, "victim");
  mkdirSync(victim);
  writeFileSync(join(victim, cachedKey), "precious");
  mkdirSync(join(it.folder, "run"));
  symlinkSync(victim, join(it.folder, "run", "spec-kitty"));
  assert.equal((await it.run("auth logout --all")).code, 0);
  assert.equal(readFileSync(join(victim, cachedKey), "utf8"), "precious");
});

test("a logout of a named profile forgets it, --keep-profile keeps what it remembers, and the other accounts are named", async (t) => {
  const { saas, run, env } = await scene(t);
  await signIn(saas, env);
  for (const profile of ["work", "play"]) await signIn(saas, env, { user: "bob", profile });
  const names = async (): Promise<string[]> => (JSON.parse((await run("auth list --json")).stdout) as { profiles: { profile: string }[] }).profiles.map(({ profile }) => profile);
  const kept = await run("auth logout --profile work --keep-profile");
  assert.deepEqual([kept.stdout, await names()], ['✓ Logged out (profile "work").\n', ["default", "work", "play"]]);
  const forgotten = await run("auth logout --profile play");
  assert.equal(forgotten.stderr, "hint: Still logged in: default (alice@example.com (Acme Corp)). To use one: spec-kitty auth switch\n");
  assert.deepEqual(await names(), ["default", "work"]);
  assert.deepEqual([(await run("auth logout")).stderr, await names()], ["", ["default", "work"]], "the active profile remembers its service");
  assert.match((await run("auth logout --keep-profile")).stderr, /^error: --keep-profile belongs to --profile\n/);
});
