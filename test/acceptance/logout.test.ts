import assert from "node:assert/strict";
import { test } from "node:test";
import { startFakeSaas } from "../fake-saas/server.ts";
import { startCommand } from "../helpers/command.ts";
import { loginAt, provided } from "../helpers/provided.ts";
import { until } from "../helpers/until.ts";
import { sessionOf, signIn, storedSession, storeSession } from "../helpers/stored-session.ts";
import { filesUnder, scene, type Scene } from "../helpers/scene.ts";

const done = '✓ Logged out (profile "default").\n';
const doneHere = '✓ Logged out here (profile "default").\n';
const unconfirmed = "the service did not confirm the logout";

function allEnded({ saas }: Pick<Scene, "saas">): boolean {
  return [...saas.sessions.values()].every(({ ended }) => ended !== undefined);
}

test("FR-013 logout ends the session at the service and here, and the profile remembers its service", async (t) => {
  const it = await scene(t);
  await signIn(it.saas, it.env);
  const token = (await storedSession(it.env))?.accessToken.reveal();
  const { code, stdout, stderr } = await it.run("auth logout");
  assert.deepEqual([code, stdout, stderr], [0, done, ""]);
  assert.equal(it.saas.counters.logouts, 1);
  assert.ok(allEnded(it));
  assert.equal(it.saas.requests.at(-1)?.headers.authorization, `Bearer ${token}`);
  assert.equal((await it.here("auth status")).code, 4);
  assert.equal((await it.here("auth token")).code, 4);
  assert.equal((await it.run("auth login", { SPEC_KITTY_SAAS_URL: undefined })).code, 0);
});

test("FR-014 a service that is down does not keep the local session alive", async (t) => {
  const { saas, run, env } = await scene(t);
  await signIn(saas, env);
  await saas.stop();
  const { code, stdout, stderr } = await run("auth logout");
  assert.deepEqual([code, stdout], [0, doneHere]);
  assert.match(stderr, new RegExp(`^warning: ${unconfirmed} \\(cannot reach `));
});

test("--all ends every session at the service that issued it, whatever the environment says, and removes the file", async (t) => {
  const it = await scene(t);
  const other = await startFakeSaas();
  t.after(() => other.close());
  await signIn(it.saas, it.env);
  await signIn(other, it.env, { profile: "other" });
  const { code, stdout, stderr } = await it.run("auth logout --all");
  assert.deepEqual([code, stderr], [0, ""]);
  assert.equal(stdout, `${done}✓ Logged out (profile "other").\n✓ No login is stored here.\n`);
  assert.ok(allEnded(it) && allEnded({ saas: other }));
  assert.equal(filesUnder(it.config).size, 0);
});

test("S-003 a login made while the service delays a logout stays; a refreshed session of the old login is removed", async (t) => {
  for (const [meanwhile, code] of [
    ["auth login --force", 0],
    ["auth refresh", 4],
  ] as const) {
    const { saas, here, env } = await scene(t);
    await signIn(saas, env);
    let answer = (): void => undefined;
    saas.faults.next("/api/v1/logout", { gate: new Promise<void>((resolve) => (answer = resolve)), status: 503 });
    const running = startCommand(t, ["auth", "logout"], env);
    await saas.until(() => saas.count("/api/v1/logout") === 1);
    assert.equal((await here(meanwhile)).code, 0);
    answer();
    const { stdout, stderr } = await running.ended;
    assert.equal(stdout, doneHere);
    assert.equal(/a new login has replaced this one/.test(stderr), code === 0);
    assert.equal((await here("auth status")).code, code, meanwhile);
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
  assert.match(
    stderr,
    new RegExp(
      `^warning: ${unconfirmed} \\([^\\n]+\\): the tokens may remain valid until they expire\\nwarning: a new login has replaced this one`,
    ),
  );
  assert.equal(saas.counters.logouts, 0);
  assert.equal((await app.store.read("default")).profile?.session?.user.id, "u_bob");
});

test("S-003 a login made while the service delays logout --all stays, under a known name and under a new one", async (t) => {
  for (const name of ["default", "late"]) {
    const { saas, here, env, config } = await scene(t);
    await signIn(saas, env);
    await signIn(saas, env, { user: "bob", profile: "work" });
    let answer = (): void => undefined;
    saas.faults.next("/api/v1/logout", { gate: new Promise<void>((resolve) => (answer = resolve)) });
    const running = startCommand(t, ["auth", "logout", "--all"], env);
    await saas.until(() => saas.count("/api/v1/logout") === 1);
    assert.equal((await here(`auth login --force --profile ${name}`)).code, 0);
    answer();
    const { code, stdout, stderr } = await running.ended;
    assert.deepEqual([code, stdout], [0, `${done}✓ Logged out (profile "work").\n`]);
    assert.equal(
      stderr,
      `warning: a new login has replaced this one (profile "${name}"). To end it, too: spec-kitty auth logout --all\n`,
    );
    assert.equal((await here("auth whoami")).stdout, "alice@example.com\n", `"${name}" is the active one now`);
    const { profiles } = JSON.parse((await here("auth list --json")).stdout) as { profiles: { profile: string }[] };
    assert.deepEqual(
      profiles.map(({ profile }) => profile),
      [name],
      "and the profile that was logged out of is removed",
    );
    assert.equal(
      (await here("auth logout --all")).stdout,
      `✓ Logged out (profile "${name}").\n✓ No login is stored here.\n`,
    );
    assert.equal(filesUnder(config).size, 0);
  }
});

test("Ctrl-C while a provider revokes the tokens keeps the session, whatever was revoked by then", async (t) => {
  const { provider, here, env, session } = await provided(t);
  await here(loginAt(provider));
  const endless = new ReadableStream();
  let isAsked = false;
  provider.misbehaviour = { revoke: () => ((isAsked = true), new Response(endless, { status: 503 })) };
  const running = startCommand(t, ["auth", "logout"], env);
  await until("a token is to be revoked", () => isAsked);
  running.child.kill("SIGINT");
  assert.equal((await until("the command ends", running.ended)).code, 130);
  assert.ok(await session());
});

test("Ctrl-C during the request for a logout keeps the session", async (t) => {
  const { saas, here, env } = await scene(t);
  await signIn(saas, env);
  saas.faults.next("/api/v1/logout", { hang: true });
  const running = startCommand(t, ["auth", "logout"], env);
  await saas.until(() => saas.count("/api/v1/logout") === 1);
  running.child.kill("SIGINT");
  const { code, stderr } = await running.ended;
  assert.equal(code, 130);
  assert.match(stderr, /^error: interrupted \(SIGINT\)\nhint: /);
  assert.equal((await here("auth status")).code, 0);
  assert.equal((await here("auth logout")).code, 0);
});
