import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs, {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { test, type TestContext } from "node:test";
import type { App } from "../../../src/app/app.ts";
import { createApp } from "../../../src/app/create-app.ts";
import type { Session } from "../../../src/auth/sessions/session.ts";
import type { Claim, StoredProfile } from "../../../src/auth/sessions/store.ts";
import { AuthError } from "../../../src/base/errors.ts";
import { Secret } from "../../../src/base/secret.ts";
import { replaced } from "../../helpers/replaced.ts";
import { filesUnder, scene, type Scene } from "../../helpers/scene.ts";
import { loginFile, sessionOf, storedSession, storeSession } from "../../helpers/stored-session.ts";

interface Stage extends Scene {
  /** A separate process on the same files. */
  app(more?: Record<string, string>): App;
  /** Of the login. */
  file: string;
  read(): Promise<StoredProfile>;
}

async function stage(t: TestContext): Promise<Stage> {
  const at = await scene(t);
  await storeSession(at.saas, at.env, sessionOf(at.saas));
  const app: Stage["app"] = (more = {}) => createApp({ env: { ...at.env, ...more } });
  const file = (await loginFile(at.env)) ?? assert.fail("nothing is stored");
  return { ...at, app, file, read: () => app().store.read("default") };
}

const patience = { timeoutMs: 0, whileAtWorkMs: 0 };

async function claimed({ app }: Pick<Stage, "app">): Promise<{ claim: Claim; session: Session }> {
  const { store } = app();
  const found = await store.read("default");
  const session = found.profile?.session ?? assert.fail("not logged in");
  return { claim: (await store.claim(found, patience)) ?? assert.fail("it was not claimed"), session };
}

function refreshed(session: Session, count = 1): Session {
  const [access, refresh] = [`at_${count}`, `rt_${count}`].map((text) => new Secret(text));
  return {
    ...session,
    accessToken: access ?? session.accessToken,
    refreshToken: refresh,
    refreshes: session.refreshes + count,
  };
}

test("NFR-016 a claim holds the lock, has taken the room, and is given for what was read and nothing else", async (t) => {
  const at = await stage(t);
  const before = await at.read();
  const { claim, session } = await claimed(at);
  assert.ok(await claim.isHeld());
  assert.ok(
    readdirSync(dirname(at.file)).some((name) => name.startsWith(`.${basename(at.file)}.`) && name.endsWith(".tmp")),
    "the room for the next session",
  );
  await assert.rejects(at.app().store.claim(await at.read(), patience), { code: "lock_unavailable" });
  const stored = await claim.store(refreshed(session));
  assert.equal(stored.profile?.session?.accessToken.reveal(), "at_1");
  assert.equal(await claim.isHeld(), false);
  const late = at.app().store;
  assert.equal(await late.claim({ ...before }, patience), undefined, "what was read is no longer what is stored");
  assert.ok(await late.claim(await late.read("default"), patience));
});

test("S-003 a refresh that ends after a logout or a new login stores what nothing reads, and leaves nothing", async (t) => {
  for (const event of ["logout", "login", "the profile is forgotten", "everything is removed"] as const) {
    const at = await stage(t);
    const { claim, session } = await claimed(at);
    const { store } = at.app();
    if (event === "logout") await store.change("default", (profile) => profile && { ...profile, session: undefined });
    if (event === "login") await storeSession(at.saas, at.env, sessionOf(at.saas, { user: "bob" }));
    if (event === "the profile is forgotten") await store.change("default", () => undefined);
    if (event === "everything is removed") await store.removeAll();
    const after = await claim.store(refreshed(session));
    assert.equal(after.profile?.session?.user.name, event === "login" ? "bob" : undefined, event);
    assert.equal(lstatSync(at.file, { throwIfNoEntry: false }), undefined, event);
    const left = [...filesUnder(at.config)].map(([path]) => path.replaceAll(/[0-9a-f]{8,}/g, "*")).sort();
    const expected = {
      logout: ["keys", "sessions/*/*/profile"],
      login: ["keys", "sessions/*/*/*", "sessions/*/*/profile"],
      "the profile is forgotten": ["keys"],
      "everything is removed": [],
    }[event];
    assert.deepEqual(left, expected, event);
  }
});

test("a logout and a new login do not wait for a refresh that is under way", async (t) => {
  const at = await stage(t);
  const { claim } = await claimed(at);
  assert.equal((await at.here("auth logout --force")).code, 0);
  assert.equal((await at.here("auth login")).code, 0);
  await claim.release();
});

test("NFR-010 what the disk does not take stays with its claim, and is stored when it does", async (t) => {
  const at = await stage(t);
  const { claim, session } = await claimed(at);
  rmSync(at.file);
  mkdirSync(join(at.file, "in the way"), { recursive: true });
  await assert.rejects(claim.store(refreshed(session)), { code: "storage_unwritable" });
  assert.ok(await claim.isHeld(), "nobody else may send what is spent");
  rmSync(at.file, { recursive: true });
  assert.equal((await claim.store(refreshed(session))).profile?.session?.accessToken.reveal(), "at_1");
});

test("NFR-016 what a refresh in another container has taken of the disk stays, whatever is changed or repaired here", async (t) => {
  const at = await stage(t);
  const { claim } = await claimed(at);
  const folder = dirname(at.file);
  const [room = assert.fail("no room was taken")] = readdirSync(folder).filter((name) => name.endsWith(".tmp"));
  const theirs = join(folder, room.replace(`.${process.pid}.`, ".4194304."));
  renameSync(join(folder, room), theirs);
  await at.app().store.change("default", (profile) => profile && { ...profile, team: "tm_1" });
  assert.equal((await at.here("auth doctor --repair")).code, 0);
  assert.ok(existsSync(theirs));
  await claim.release();
  await (await claimed(at)).claim.release();
  assert.ok(!existsSync(theirs), "the next holder of the lock removes it");
});

test("NFR-010 a session that another holder stored, while this one was taken for dead, is not overwritten", async (t) => {
  const at = await stage(t);
  const { claim, session } = await claimed(at);
  rmSync(`${at.file}.lock`, { recursive: true });
  const other = await claimed(at);
  await other.claim.store(refreshed(session, 2));
  assert.equal((await claim.store(refreshed(session))).profile?.session?.accessToken.reveal(), "at_2");
});

test("S-004 an old copy of the files that was put back is noticed before its refresh token is sent", async (t) => {
  const at = await stage(t);
  const before = readFileSync(at.file);
  assert.equal((await at.here("auth token")).code, 0);
  writeFileSync(at.file, before);
  const sent = at.saas.count("/oauth/token");
  const { code, stderr } = await at.here("auth token");
  assert.equal(code, 1);
  assert.match(
    stderr,
    /^error: the stored session is an old copy \(refresh 0 of 1\): its refresh token was not sent\nhint: Restore the newest copy, .*auth login --force\n$/,
  );
  assert.deepEqual([at.saas.count("/oauth/token"), at.saas.counters.reuses], [sent, 0]);
  assert.equal((await at.here("auth login --force")).code, 0);
  assert.equal((await at.here("auth refresh")).code, 0, "a new login is another one");
});

test("two machines whose clocks differ share a login, and each refreshes for its own clock once at most", async (t) => {
  const at = await scene(t);
  await storeSession(at.saas, at.env, sessionOf(at.saas, { leftMs: 3_600_000 }));
  const ahead = { now: () => Date.now() + 2 * 3_600_000 };
  const clock = { ...(await import("../../../src/platform/clock.ts")).systemClock, ...ahead };
  // Another machine's own state, with the same secret.
  const state = join(at.folder, "state-there");
  execFileSync("cp", ["-r", join(at.folder, "state"), state]);
  const there = (): ReturnType<Scene["here"]> => at.here("auth token", { XDG_STATE_HOME: state }, { clock });
  for (let count = 0; count < 3; count += 1) {
    assert.equal((await at.here("auth token")).code, 0);
    assert.equal((await there()).code, 0);
  }
  assert.ok(at.saas.counters.refreshes <= 1, `${at.saas.counters.refreshes} refreshes`);
  assert.equal((await storedSession(at.env))?.clockOffsetMs, 0, "what is stored says nothing of either clock");
});

test("NFR-019 a token costs the same looks at the disk with one login and with hundreds in the directory", async (t) => {
  const at = await stage(t);
  const { store } = at.app();
  const looks = async (): Promise<number> => {
    let count = 0;
    const { DataKey } = await import("../../../src/auth/secure-storage/data-key.ts");
    const { bytes } = DataKey.prototype;
    DataKey.prototype.bytes = function (name) {
      count += 1;
      return bytes.call(this, name);
    };
    try {
      await at.app().tokens().getAccessToken();
    } finally {
      DataKey.prototype.bytes = bytes;
    }
    return count;
  };
  await looks();
  const one = await looks();
  const { profile } = await store.read("default");
  for (let count = 0; count < 200; count += 1)
    await store.change(`user-${count}`, () => profile && { ...profile, session: undefined });
  assert.equal(await looks(), one);
});

test("NFR-010 NFR-013 files are 0600 in directories of 0700, whatever the umask is, and a killed process leaves nothing for long", {
  skip: process.platform === "win32" && "modes say nothing there",
}, async (t) => {
  const mask = process.umask(0);
  t.after(() => process.umask(mask));
  const at = await stage(t);
  for (const path of filesUnder(at.config).keys()) {
    assert.equal(lstatSync(join(at.config, path)).mode & 0o777, 0o600, path);
    assert.equal(lstatSync(dirname(join(at.config, path))).mode & 0o777, 0o700, path);
  }
  const folder = dirname(at.file);
  writeFileSync(join(folder, "0123456789abcdef"), "an ended login", { mode: 0o600 });
  writeFileSync(join(folder, `.profile.4194304.0123456789ab.tmp`), "half", { mode: 0o600 });
  await at.app().store.change("default", (profile) => profile && { ...profile, team: "tm_1" });
  assert.deepEqual(readdirSync(folder).sort(), [basename(at.file), "profile"].sort());
});

test("NFR-011 readers see only whole sessions while another replaces them", async (t) => {
  const at = await stage(t);
  const { store } = at.app();
  let isDone = false;
  const reader = async (): Promise<number> => {
    let last = 0;
    while (!isDone) {
      const session = (await store.read("default")).profile?.session;
      const count = session?.refreshes ?? -1;
      assert.ok(count >= last, `${count} after ${last}`);
      assert.equal(session?.refreshToken?.reveal(), count === 0 ? session?.refreshToken?.reveal() : `rt_${count}`);
      last = count;
      await new Promise(setImmediate);
    }
    return last;
  };
  const readers = [reader(), reader()];
  for (let count = 1; count <= 100; count += 1) {
    const { claim, session } = await claimed(at);
    await claim.store({ ...refreshed(session, 1), refreshToken: new Secret(`rt_${session.refreshes + 1}`) });
    await new Promise(setImmediate);
  }
  isDone = true;
  assert.deepEqual(new Set(await Promise.all(readers)).size, 1);
});

test("a session that cannot be read is an error, whatever was done to its file", async (t) => {
  const at = await stage(t);
  const original = readFileSync(at.file);
  for (const [what, content] of Object.entries({
    "cut short": original.subarray(0, 40),
    empty: Buffer.alloc(0),
    "another file": readFileSync(join(dirname(at.file), "profile")),
  })) {
    writeFileSync(at.file, content);
    await assert.rejects(at.read(), (error) => error instanceof AuthError && error.code === "storage_damaged", what);
  }
  rmSync(at.file);
  assert.equal((await at.read()).profile?.session, undefined, "lost");
});

/** New names of files, without random parts; `instead` may replace the rename. */
function renames(t: TestContext, instead?: (rename: () => void, to: string) => void): string[] {
  const names: string[] = [];
  replaced(t, fs, "renameSync", (rename) => (from: string, to: string) => {
    if (from.endsWith(".tmp")) names.push(basename(to).replace(/^[0-9a-f]{16}$/, "login"));
    const act = (): void => rename(from, to);
    if (instead === undefined || !from.endsWith(".tmp")) act();
    else instead(act, to);
  });
  return names;
}

test("NFR-016 a claim that was refused or given up leaves neither its lock nor the room that it has taken", async (t) => {
  const at = await stage(t);
  const { claim, session } = await claimed(at);
  await claim.release();
  assert.deepEqual(readdirSync(dirname(at.file)).sort(), [basename(at.file), "profile"].sort());
  const older = readFileSync(at.file);
  const next = await claimed(at);
  await next.claim.store(refreshed(session));
  writeFileSync(at.file, older);
  const { store } = at.app();
  for (let tries = 0; tries < 2; tries += 1)
    await assert.rejects(store.claim(await store.read("default"), patience), { code: "storage_damaged" });
});

test("NFR-010 a refresh whose lock was lost is stored all the same, if nothing was stored since", async (t) => {
  const at = await stage(t);
  const { claim, session } = await claimed(at);
  rmSync(`${at.file}.lock`, { recursive: true });
  assert.equal(await claim.isHeld(), false);
  await claim.store(refreshed(session));
  assert.equal((await at.read()).profile?.session?.accessToken.reveal(), "at_1");
});

test("NFR-009 a response that a holder stores after it lost its lock is found before the next one sends", async (t) => {
  const at = await stage(t);
  const { claim: late, session } = await claimed(at);
  rmSync(`${at.file}.lock`, { recursive: true });
  const { claim: next } = await claimed(at);
  assert.ok(await next.isHeld());
  await late.store(refreshed(session));
  assert.equal(await next.isHeld(), false);
});

test("NFR-010 a disk that does not keep what was written is noticed while the session is still in memory", async (t) => {
  const at = await stage(t);
  const { claim, session } = await claimed(at);
  let doesLie = true;
  renames(t, (rename) => doesLie || rename());
  const lie = { code: "storage_unwritable", message: /does not contain what was just written/ };
  await assert.rejects(claim.store(refreshed(session)), lie);
  await assert.rejects(
    at.app().store.change("default", (profile) => profile && { ...profile, team: "tm_1" }),
    lie,
  );
  doesLie = false;
  assert.equal((await claim.store(refreshed(session))).profile?.session?.accessToken.reveal(), "at_1");
});

test("S-003 a logout in the middle of the write of a refresh is no failure: there is nothing to store", async (t) => {
  const at = await stage(t);
  const { claim, session } = await claimed(at);
  renames(t, (rename) => {
    rmSync(dirname(at.file), { recursive: true });
    rename();
  });
  assert.equal((await claim.store(refreshed(session))).profile, undefined);
});

test("NFR-011 a profile never names a login that is not there: the login is written first", async (t) => {
  const at = await stage(t);
  const names = renames(t);
  await storeSession(at.saas, at.env, sessionOf(at.saas, { user: "bob" }));
  assert.deepEqual(names, ["login", "profile"]);
});

test("NFR-010 of changes that are made at once none is lost", async (t) => {
  const at = await stage(t);
  const hosts = Array.from({ length: 8 }, (_, index) => `host-${index}.example`);
  const add = (host: string): Promise<unknown> =>
    at
      .app()
      .store.change(
        "default",
        (profile) => profile && { ...profile, trustedHosts: [...(profile.trustedHosts ?? []), host] },
      );
  await Promise.all(hosts.map(add));
  assert.deepEqual([...((await at.read()).profile?.trustedHosts ?? [])].sort(), hosts);
});

test("NFR-010 a change whose lock was lost changes nothing", async (t) => {
  const at = await stage(t);
  const change = at.app().store.change("default", (profile) => {
    rmSync(join(at.config, "profiles.lock"), { recursive: true });
    return profile && { ...profile, session: undefined };
  });
  await assert.rejects(change, { code: "lock_unavailable" });
  assert.ok((await at.read()).profile?.session);
});
