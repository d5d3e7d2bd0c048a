import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import type { App } from "../../../src/app/app.ts";
import { createApp } from "../../../src/app/create-app.ts";
import type { AppOverrides } from "../../../src/app/overrides.ts";
import { newLoginId, type Session } from "../../../src/auth/sessions/session.ts";
import type { Seal } from "../../../src/auth/sessions/shared-sealing.ts";
import type { Claim } from "../../../src/auth/sessions/store.ts";
import { isTransient, type AuthErrorCode } from "../../../src/base/errors.ts";
import { Secret } from "../../../src/base/secret.ts";
import { startFakeSaas, type FakeSaas } from "../../fake-saas/server.ts";
import { scratchFolder } from "../../helpers/command.ts";
import { ManualClock } from "../../helpers/manual-clock.ts";
import { TestSharedStore } from "../../helpers/shared-store.ts";
import { sessionOf, storeSession, type SessionOptions } from "../../helpers/stored-session.ts";

const key = randomBytes(32);
const silentAfterMs = 90_000;
const patient = { timeoutMs: 15_000, whileAtWorkMs: 300_000 };

interface Stage {
  saas: FakeSaas;
  place: TestSharedStore;
  clock: ManualClock;
  session: Session;
  /** A separate process for the store. */
  worker(overrides?: AppOverrides): App;
  stored(): Promise<Session | undefined>;
}

async function stage(t: TestContext, options: SessionOptions = {}): Promise<Stage> {
  const clock = new ManualClock();
  clock.isBackgroundStill = true;
  const saas = await startFakeSaas({ now: () => clock.now() });
  t.after(() => saas.close());
  const place = new TestSharedStore();
  let sent = 0;
  const held: typeof fetch = async (input, init) => {
    sent += 1;
    return fetch(input, init).finally(() => (sent -= 1));
  };
  // The socket is real: no time passes during requests.
  clock.isHeld = () => sent > 0;
  const at = { store: place, seal: key, clock, fetch: held };
  await storeSession(saas, machine(t), sessionOf(saas, { now: clock.now(), ...options }), at);
  const env = machine(t);
  const worker = (overrides: AppOverrides = {}): App => createApp({ env, ...at, ...overrides });
  const session = (await worker().store.read("default")).profile?.session ?? assert.fail();
  return {
    saas,
    place,
    clock,
    session,
    worker,
    stored: async () => (await worker().store.read("default")).profile?.session,
  };
}

/** Of a machine new to all logins. */
function machine(t: TestContext): { XDG_STATE_HOME: string } {
  return { XDG_STATE_HOME: scratchFolder(t) };
}

/** Of a stopped process, or a machine that is cut off. */
function stoppedClock(): ManualClock {
  const clock = new ManualClock();
  clock.isBackgroundStill = true;
  return clock;
}

async function claimed(app: App): Promise<Claim> {
  return (await app.store.claim(await app.store.read("default"), patient)) ?? assert.fail("there was no claim");
}

/** A refreshed session, as far as needed here. */
function renewed(session: Session, token: string): Session {
  const [accessToken, refreshToken] = [new Secret(`at_${token}`), new Secret(`rt_${token}`)];
  const accessTokenExpiresAt = session.issuedAt + 24 * 3_600_000;
  return { ...session, refreshes: session.refreshes + 1, accessToken, refreshToken, accessTokenExpiresAt };
}

const code = (expected: AuthErrorCode) => (error: unknown) => (error as { code?: unknown }).code === expected;

test("NFR-018 NFR-009 sixty-four workers with one expired login make one refresh, and all of them are served", async (t) => {
  const { saas, worker, stored } = await stage(t);
  const tokens = await Promise.all(Array.from({ length: 64 }, () => worker().tokens().getAccessToken()));
  assert.equal(new Set(tokens).size, 1);
  assert.equal(saas.count("/oauth/token"), 1);
  assert.equal((await stored())?.accessToken.reveal(), tokens[0]);
});

test("NFR-018 a process that comes during a refresh waits for its result", async (t) => {
  const { saas, worker, session } = await stage(t);
  const claim = await claimed(worker());
  const waiting = worker().tokens().getAccessToken();
  await claim.store(renewed(session, "by another"));
  assert.equal(await waiting, "at_by another");
  assert.equal(saas.count("/oauth/token"), 0);
});

test("a session in a shared store without a refresh token expires with its access token", async (t) => {
  const { saas, worker, clock, session } = await stage(t);
  const last = { ...session, id: newLoginId(), refreshToken: undefined, accessTokenExpiresAt: clock.now() - 1 };
  await worker().store.change("default", (stored) => stored && { ...stored, session: last });
  await assert.rejects(worker().tokens().getAccessToken(), code("session_ended"));
  assert.equal(saas.count("/oauth/token"), 0);
});

test("NFR-018 a worker that shows no sign for the limit is taken over, and finds out before it sends anything", async (t) => {
  const { saas, worker, clock, stored } = await stage(t);
  const stoppedAt = stoppedClock();
  const stopped = await claimed(worker({ clock: stoppedAt }));
  const startedAt = clock.monotonic();
  const token = await worker().tokens().getAccessToken();
  assert.ok(clock.monotonic() - startedAt > silentAfterMs, "not before the limit");
  assert.equal(saas.count("/oauth/token"), 1);
  // Its clocks went on, at least as long.
  stoppedAt.pass(silentAfterMs);
  assert.equal(await stopped.isHeld(), false);
  await stopped.release();
  assert.equal((await stored())?.accessToken.reveal(), token);
});

test("NFR-018 a worker that waits for a slow service shows signs, so none takes over", async (t) => {
  const { saas, worker, clock, session } = await stage(t);
  clock.isBackgroundStill = false;
  const slow = await claimed(worker());
  const waiting = worker().tokens().getAccessToken();
  const startedAt = clock.monotonic();
  clock.onSleep = async () => {
    if (clock.monotonic() - startedAt < 2.5 * silentAfterMs) return;
    clock.onSleep = () => undefined;
    await slow.store(renewed(session, "late"));
  };
  assert.equal(await waiting, "at_late");
  assert.equal(saas.count("/oauth/token"), 0);
});

test("NFR-018 what a worker got for a token counts, also when another was about to send that token again", async (t) => {
  const { worker, session, stored } = await stage(t);
  const paused = await claimed(worker({ clock: stoppedClock() }));
  const second = await claimed(worker());
  await paused.store(renewed(session, "first"));
  assert.equal((await stored())?.accessToken.reveal(), "at_first");
  assert.equal(await second.isHeld(), false);
});

test("NFR-018 a worker whose machine slept before it heard that its sign was taken does not count on it", async (t) => {
  const { place, worker } = await stage(t);
  const clock = stoppedClock();
  const claim = await claimed(worker({ clock }));
  clock.pass(silentAfterMs / 5);
  place.onSaved = () => void (clock.wall += silentAfterMs);
  assert.equal(await claim.isHeld(), false);
  place.onSaved = () => undefined;
  assert.ok(await claim.isHeld(), "nobody has taken over, and the next sign says so in time");
});

test("NFR-018 a worker that was paused takes what is there, and does not put its own in that place", async (t) => {
  const { worker, session, stored } = await stage(t);
  const paused = await claimed(worker({ clock: stoppedClock() }));
  await (await claimed(worker())).store(renewed(session, "second"));
  const now = await paused.store(renewed(session, "first"));
  assert.equal(now.profile?.session?.accessToken.reveal(), "at_second");
  assert.equal((await stored())?.accessToken.reveal(), "at_second");
});

test("S-003 a refresh that ends after a logout brings nothing back", async (t) => {
  const { worker, session, stored } = await stage(t);
  const claim = await claimed(worker());
  await worker().store.change("default", (profile) => profile && { ...profile, session: undefined });
  await claim.store(renewed(session, "late"));
  assert.equal(await stored(), undefined);
});

test("a claim that is given up is free at once", async (t) => {
  const { worker, saas, clock } = await stage(t);
  await (await claimed(worker())).release();
  const startedAt = clock.monotonic();
  await worker().tokens().getAccessToken();
  assert.ok(clock.monotonic() - startedAt < 1_000);
  assert.equal(saas.count("/oauth/token"), 1);
});

for (const lost of [1, 2]) {
  const which = lost === 1 ? "the intent" : "the new session";
  test(`NFR-018 a save of ${which} whose response is lost is noticed, and nothing is sent twice`, async (t) => {
    const { saas, place, worker, stored } = await stage(t);
    let saves = 0;
    place.onSaved = () => {
      saves += 1;
      if (saves === lost) throw new Error("ECONNRESET");
    };
    const token = await worker().tokens().getAccessToken();
    assert.equal(saas.count("/oauth/token"), 1);
    assert.equal((await stored())?.accessToken.reveal(), token);
    assert.equal(await worker().tokens().getAccessToken(), token);
    assert.equal(saas.count("/oauth/token"), 1);
  });
}

test("a store not responding costs a good token nothing, and an expired one an error that may pass", async (t) => {
  const { saas, place, worker, session } = await stage(t, { leftMs: 3_600_000 });
  const app = worker();
  assert.equal(await app.tokens().getAccessToken(), session.accessToken.reveal());
  place.onCall = () => {
    throw Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" });
  };
  assert.equal(await app.tokens().getAccessToken(), session.accessToken.reveal());
  await assert.rejects(app.tokens().refresh(), (error) => {
    assert.ok(isTransient(error));
    assert.equal(error.code, "storage_unreachable");
    assert.match(error.message, /^the shared store does not respond \(ECONNREFUSED\)$/);
    return true;
  });
  assert.equal(saas.count("/oauth/token"), 0);
});

test("a store that does not respond: a token that is still good for a moment is given out, and one that was refused is not", async (t) => {
  const { saas, place, worker, clock, session } = await stage(t, { leftMs: 90_000 });
  const app = worker();
  assert.equal(await app.tokens().getAccessToken(), session.accessToken.reveal());
  place.onCall = () => {
    throw Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" });
  };
  // In its last minute a token is refreshed if possible.
  clock.pass(60_000);
  const told: unknown[] = [];
  app.events.on("refused", ({ error }) => told.push(error.code));
  assert.equal(await app.tokens().getAccessToken(), session.accessToken.reveal());
  assert.deepEqual(told, ["storage_unreachable"]);
  const rejected = session.accessToken.reveal();
  await assert.rejects(app.tokens().getAccessToken({ rejected }), code("storage_unreachable"));
  clock.pass(60_000);
  await assert.rejects(app.tokens().getAccessToken(), code("storage_unreachable"));
  assert.equal(saas.count("/oauth/token"), 0);
});

test("NFR-018 an intent that a process could not take back holds itself back no longer than the outage", async (t) => {
  const { saas, place, worker, clock } = await stage(t);
  const app = worker();
  // The intent is stored, and everything later fails.
  place.onSaved = () => {
    place.onCall = () => {
      throw new Error("ECONNRESET");
    };
    throw new Error("ECONNRESET");
  };
  await assert.rejects(app.tokens().getAccessToken(), code("storage_unreachable"));
  place.onCall = place.onSaved = () => undefined;
  const startedAt = clock.monotonic();
  assert.match(await app.tokens().getAccessToken(), /^at_/);
  assert.ok(clock.monotonic() - startedAt < 1_000);
  assert.equal(saas.count("/oauth/token"), 1);
});

test("NFR-018 a process that lost its claim while stopped waits for the new holder", async (t) => {
  const { saas, place, worker, session } = await stage(t);
  const [own, late] = [stoppedClock(), worker()];
  let taken: Claim | undefined;
  let loads = 0;
  // Stopped for longer than the limit between intent and request, while another process begins.
  place.onSaved = async () => {
    place.onSaved = () => undefined;
    taken = await claimed(late);
    own.elapsed += silentAfterMs;
  };
  // It checks its claim, loads, and then polls.
  place.onCall = async (call) => {
    if (taken !== undefined && call === "load" && (loads += 1) === 4) await taken.store(renewed(session, "by another"));
  };
  assert.equal(await worker({ clock: own }).tokens().getAccessToken(), "at_by another");
  assert.equal(saas.count("/oauth/token"), 0);
});

test("an older copy that was put back is refused, and nothing is sent", async (t) => {
  const { saas, place, worker, clock } = await stage(t);
  const [[name = "", before] = []] = place.texts;
  const [witness, env] = [worker(), machine(t)];
  await worker({ env }).tokens().getAccessToken();
  await witness.tokens().getAccessToken();
  // Today's version, yesterday's text: possible with write access to the store.
  place.texts.set(name, { text: before?.text ?? assert.fail(), version: "another" });
  clock.pass(2 * 3_600_000);
  for (const app of [witness, worker({ env })]) {
    await assert.rejects(app.tokens().getAccessToken(), (error) => {
      assert.ok(code("storage_damaged")(error));
      assert.match(String(error), /an old copy \(refresh 0 of 1\)/);
      return true;
    });
  }
  assert.equal(saas.count("/oauth/token"), 1);
  // A process that has seen neither sends it, and the service ends the session.
  await assert.rejects(
    worker({ env: machine(t) })
      .tokens()
      .getAccessToken(),
    code("session_ended"),
  );
});

test("NFR-018 what cannot be stored is kept by the one that has it, and stored when the store is back", async (t) => {
  const { saas, place, worker, stored } = await stage(t);
  const app = worker();
  let isDown = false;
  place.onCall = () => {
    if (isDown) throw new Error("ECONNRESET");
  };
  saas.faults.next("/oauth/token", {
    edit(answer) {
      isDown = true;
      return answer;
    },
  });
  const token = await app.tokens().getAccessToken();
  isDown = false;
  await app.close();
  assert.equal((await stored())?.accessToken.reveal(), token);
  assert.equal(saas.count("/oauth/token"), 1);
});

test("NFR-019 a token of one login costs the same among ten thousand others", async (t) => {
  const { place, worker } = await stage(t);
  const costs: number[] = [];
  for (const others of [0, 10_000]) {
    for (let i = 0; i < others; i += 1) place.texts.set(`spec-kitty/logins/user-${i}`, { text: "…", version: "1" });
    await worker().store.change("default", (profile) => {
      const session = profile?.session;
      return session && { ...profile, session: { ...session, id: newLoginId(), accessTokenExpiresAt: 0 } };
    });
    const before = place.asked.length;
    await worker().tokens().getAccessToken();
    costs.push(place.asked.length - before);
  }
  assert.equal(costs[0], costs[1]);
  assert.ok((costs[0] ?? 0) <= 4, `${costs[0]} calls`);
});

test("each login of a store has a key of its own, whatever it is called", async (t) => {
  const { saas, place, worker, clock } = await stage(t);
  const profile = "user/7 é";
  const at = { store: place, seal: key, clock };
  await storeSession(saas, {}, sessionOf(saas, { user: "bob", now: clock.now(), leftMs: 3_600_000 }), {
    ...at,
    profile,
  });
  assert.deepEqual([...place.texts.keys()], ["spec-kitty/logins/default", "spec-kitty/logins/user%2F7%20%C3%A9"]);
  assert.equal((await worker({ login: profile }).tokens().getSession()).user.email, "bob@example.com");
  assert.equal((await worker().tokens().getSession()).user.email, "alice@example.com");
  await assert.rejects(worker({ login: "carol" }).tokens().getAccessToken(), code("not_authenticated"));
});

const kms: Seal = {
  wrap: async (bytes) => bytes.map((byte) => byte ^ 0x55),
  unwrap: async (bytes) => bytes.map((byte) => byte ^ 0x55),
};
for (const [name, overrides] of Object.entries<Pick<AppOverrides, "seal"> & { env?: Record<string, string> }>({
  "a key": { seal: key },
  "the first of several keys": { seal: [key, randomBytes(32)] },
  "a KMS": { seal: kms },
  "the passphrase of the variable": { seal: undefined, env: { SPEC_KITTY_PASSPHRASE: "a passphrase" } },
})) {
  test(`a login that is sealed with ${name} opens with it, and shows nothing of itself`, async (t) => {
    const { saas, place, session, clock } = await stage(t);
    place.texts.clear();
    const at = { env: {}, store: place, clock, ...overrides };
    await storeSession(saas, at.env, session, at);
    const [[name = "", stored] = []] = place.texts;
    assert.doesNotMatch(stored?.text ?? assert.fail(), /alice|at_|rt_|http/);
    const opened = await createApp(at).store.read("default");
    assert.equal(opened.profile?.session?.refreshToken?.reveal(), session.refreshToken?.reveal());
    // One login's text in another's place.
    place.texts.set(name.replace("default", "other"), stored ?? assert.fail());
    await assert.rejects(createApp(at).store.read("other"), code("storage_damaged"));
    const text = JSON.stringify({ ...JSON.parse(stored?.text ?? ""), wrapped: 5, salt: {} });
    place.texts.set(name.replace("default", "changed"), { text, version: "1" });
    await assert.rejects(createApp(at).store.read("changed"), code("storage_damaged"));
  });
}

test("a login that is sealed with an older key opens, and is sealed with the newest at the next change", async (t) => {
  const { worker, place } = await stage(t);
  const newest = randomBytes(32);
  const token = await worker({ seal: [newest, key] })
    .tokens()
    .getAccessToken();
  assert.equal(await worker({ seal: newest }).tokens().getAccessToken(), token);
  await assert.rejects(worker({ seal: key }).tokens().getAccessToken(), code("storage_damaged"));
  assert.equal(place.texts.size, 1);
});

test("without a key nothing is stored, a wrong one is an error at once, and plain text must be requested", async (t) => {
  const { worker, place } = await stage(t);
  await assert.rejects(worker({ seal: undefined }).tokens().getAccessToken(), code("configuration_invalid"));
  const wrong = [randomBytes(16), [], [randomBytes(32), randomBytes(16)], "a text", null, { wrap: kms.wrap }, true];
  for (const seal of wrong) assert.throws(() => worker({ seal: seal as Uint8Array }), TypeError);
  place.texts.clear();
  await assert.rejects(worker({ seal: false }).tokens().getAccessToken(), code("not_authenticated"));
});

test("S-016 a plain text that another user has written names no file of this machine", async (t) => {
  const { worker, place, session } = await stage(t);
  const folder = scratchFolder(t);
  const victim = join(folder, "precious");
  writeFileSync(victim, "precious", { mode: 0o600 });
  const app = worker({ seal: false, env: { XDG_STATE_HOME: join(folder, "state") } });
  place.texts.clear();
  await app.store.change("default", () => ({ service: "https://a.example", clientId: "c", team: undefined, session }));
  for (const [name, stored] of place.texts)
    place.texts.set(name, { ...stored, text: stored.text.replace(session.id, "../../../precious") });
  await assert.rejects(app.tokens().getAccessToken(), code("storage_damaged"));
  await assert.rejects(app.store.removeAll(), code("storage_damaged"));
  assert.equal(readFileSync(victim, "utf8"), "precious");
});

test("another login than the program's own is not chosen by a command", async (t) => {
  const { worker } = await stage(t);
  await assert.rejects(
    worker().store.choose((choice) => ({ ...choice, active: "another" })),
    code("configuration_invalid"),
  );
});
