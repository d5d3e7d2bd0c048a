// Logins with the key in a real Secret Service, through the real command. Needs the packages of keychain.peer.ts, and a
// build.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { command, exists, type Command } from "./command.ts";
import { startSession, type Session } from "./session.ts";

const LOGIN = ["auth", "login", "--storage", "keychain"];

async function desktopWith(
  t: TestContext,
  begin: (desktop: Session) => Promise<void>,
): Promise<Command & { desktop: Session }> {
  const desktop = await startSession();
  t.after(() => desktop.stop());
  await begin(desktop);
  const BROWSER = fileURLToPath(new URL("../fake-saas/browser-approve.js", import.meta.url));
  return { desktop, ...(await command(t, desktop.home, { ...desktop.env, BROWSER })) };
}

/** With reason and next step, and without leftovers. */
async function refusesLogin({ run, credentials, saas }: Command, why: RegExp): Promise<void> {
  const login = await run(...LOGIN);
  assert.notEqual(login.code, 0);
  assert.notEqual(login.code, null, "it hung");
  assert.match(login.stderr, /^error: /m);
  assert.match(login.stderr, why);
  assert.match(login.stderr, /^hint: .*--storage file/m);
  assert.equal(await exists(credentials), false, "something was stored elsewhere");
  assert.equal(saas.count("/oauth/token"), 0, "a session was begun that could not be kept");
}

test("FR-006 a login keeps its key in gnome-keyring, later commands find it there, and logout ends it", async (t) => {
  const { run, credentials } = await desktopWith(t, (desktop) => desktop.startGnomeKeyring());
  const login = await run(...LOGIN);
  assert.equal(login.code, 0, login.stderr);
  assert.equal(await exists(credentials), true);

  const status = await run("auth", "status", "--json");
  assert.equal(status.code, 0, status.stderr);
  assert.match(JSON.stringify((JSON.parse(status.stdout) as { storage: unknown }).storage), /keychain/);

  const logout = await run("auth", "logout");
  assert.equal(logout.code, 0, logout.stderr);
  assert.equal((await run("auth", "status")).code, 4);
});

test("the keychain is the default where one responds", async (t) => {
  const { run } = await desktopWith(t, (desktop) => desktop.startGnomeKeyring());
  const login = await run("auth", "login");
  assert.equal(login.code, 0, login.stderr);
  assert.match((await run("auth", "status", "--json")).stdout, /keychain/);
});

test("a login into a keychain that is locked is refused and falls to no other store", async (t) => {
  const on = await desktopWith(t, async (desktop) => {
    await desktop.startGnomeKeyring();
    await desktop.lock();
  });
  await refusesLogin(on, /locked/);
});

test("a login into a keychain that never responds is refused after 3 s and falls to no other store", async (t) => {
  await refusesLogin(
    await desktopWith(t, (desktop) => desktop.startScripted("--stall", "all")),
    /(does not respond|did not respond within 3 s)/,
  );
});

test("a login into a keychain whose prompt gets no response is refused after 3 s and falls to no other store", async (t) => {
  const on = await desktopWith(t, (desktop) => desktop.startScripted("--prompt", "--stall", "Completed"));
  await refusesLogin(on, /(does not respond|did not respond within 3 s)/);
});

test("a login where no Secret Service is reachable is refused when it asks for the keychain", async (t) => {
  const desktop = await startSession();
  t.after(() => desktop.stop());
  const { DBUS_SESSION_BUS_ADDRESS: _bus, XDG_RUNTIME_DIR: _runtime, ...env } = desktop.env;
  await refusesLogin(await command(t, desktop.home, env), /no OS keychain is available$/m);
});

test("a keychain locked after the login is an error that says so, and the session is as it was", async (t) => {
  const { run, credentials, desktop } = await desktopWith(t, (session) => session.startGnomeKeyring());
  assert.equal((await run(...LOGIN)).code, 0);
  const before = await readFile(credentials);
  await desktop.lock();
  const status = await run("auth", "status");
  assert.notEqual(status.code, 0);
  assert.match(status.stderr, /^error: .*locked/m);
  assert.match(status.stderr, /^hint: /m);
  assert.deepEqual(await readFile(credentials), before);
});

test("following the hints of a locked keychain leads to a new login in the file, and nothing is lost", async (t) => {
  const { run, credentials, desktop } = await desktopWith(t, (session) => session.startGnomeKeyring());
  assert.equal((await run(...LOGIN)).code, 0);
  const before = await readFile(credentials);
  await desktop.lock();
  const typed: string[] = [];
  for (let next = ["auth", "token"]; ; ) {
    const { code, stderr } = await run(...next);
    if (code === 0) break;
    assert.match(stderr, /^error: .*(locked|cannot ask here)/m);
    const [, words = assert.fail(stderr)] = /^hint: .*\bspec-kitty (auth login .*)$/m.exec(stderr) ?? [];
    next = words.split(" ");
    assert.ok(!typed.includes(words), `"${words}" was advised again`);
    typed.push(words);
    assert.deepEqual(await readFile(credentials), before, "and nothing was changed");
  }
  assert.deepEqual(typed, ["auth login --storage file --force"]);
  assert.match((await run("auth", "status", "--json")).stdout, /"file"/);
  assert.deepEqual(
    slotsOf(await readFile(credentials)).slice(1),
    slotsOf(before),
    "what the keychain opens is still there",
  );
});

test("auth login --force with a locked keychain that has the sessions asks for the file, as where there is no keychain", async (t) => {
  const { run, credentials, desktop } = await desktopWith(t, (session) => session.startGnomeKeyring());
  assert.equal((await run(...LOGIN)).code, 0);
  const before = await readFile(credentials);
  await desktop.lock();
  const refused = await run("auth", "login", "--force");
  assert.match(refused.stderr, /^error: .*: the keychain is locked$/m);
  assert.equal((await run("auth", "login", "--force", "--yes")).code, 0);
  assert.deepEqual(slotsOf(await readFile(credentials)).slice(1), slotsOf(before));
});

/** Newest first. */
function slotsOf(keys: Buffer): unknown[] {
  return (JSON.parse(keys.toString()) as { slots: unknown[] }).slots;
}
