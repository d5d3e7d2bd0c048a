// Rules of a refresh between two of its steps, which a real service rarely shows.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { App } from "../../../src/app/app.ts";
import { createApp } from "../../../src/app/create-app.ts";
import { defaultAuthorizationServer } from "../../../src/auth/oauth/authorization-server.ts";
import { MemoryStore } from "../../../src/auth/sessions/memory-store.ts";
import type { Profile, Session } from "../../../src/auth/sessions/session.ts";
import type { Claim, ClaimOptions, SessionStore, StoredProfile } from "../../../src/auth/sessions/store.ts";
import { keepFresh } from "../../../src/auth/token-manager/keep-fresh.ts";
import { AuthError, NotAuthenticatedError } from "../../../src/base/errors.ts";
import { Secret } from "../../../src/base/secret.ts";
import { ManualClock } from "../../helpers/manual-clock.ts";
import { until } from "../../helpers/until.ts";

const service = "https://service.example";
const hour = 3_600_000;
const atOnce = { timeoutMs: 0, whileAtWorkMs: 0 };

/** With first or later tokens. `leftMs`: of the access token. */
function sessionOf(clock: ManualClock, id: string, leftMs: number, refreshes = 0): Session {
  return {
    id,
    refreshes,
    server: defaultAuthorizationServer(service),
    clientId: "cli",
    accessToken: new Secret(`at_${id}_${refreshes}`),
    tokenType: "Bearer",
    refreshToken: new Secret(`rt_${id}_${refreshes}`),
    scope: "",
    issuedAt: clock.now() + leftMs - hour,
    accessTokenExpiresAt: clock.now() + leftMs,
    refreshTokenExpiresAt: undefined,
    clockOffsetMs: 0,
    sessionId: id,
    user: { id },
    teams: [],
    authFlow: "authorization_code",
    authenticatedAt: clock.now(),
  };
}

const profileOf = (session: Session | undefined): Profile => ({ service, clientId: "cli", team: undefined, session });
const refusal = (): Response => Response.json({ error: "invalid_grant" }, { status: 400 });
const unavailable = (): Response => new Response("", { status: 503 });
const renewed = (): Response =>
  Response.json({ access_token: "at_new", token_type: "Bearer", expires_in: 3600, refresh_token: "rt_new" });

/** For changes by a test. */
class OpenStore extends MemoryStore {
  isFull = false;
  /** Before a change, and before the check of a claim. */
  onChange = async (): Promise<void> => undefined;
  isHeld = (): boolean => true;

  override async claim(found: StoredProfile, options: ClaimOptions): Promise<Claim | undefined> {
    const claim = await super.claim(found, options);
    return (
      claim && {
        ...claim,
        outageMs: 2_000,
        isHeld: async () => this.isHeld(),
        store: async (next) => {
          if (this.isFull) throw new AuthError("storage_unwritable", "the disk is full", { hint: "Try again" });
          return claim.store(next);
        },
      }
    );
  }

  override async change(...args: Parameters<SessionStore["change"]>): Promise<Profile | undefined> {
    await this.onChange();
    return super.change(...args);
  }

  /** As another process. */
  async put(session: Session | undefined, name = "default"): Promise<void> {
    await super.change(name, () => profileOf(session));
  }

  async stored(): Promise<Session | undefined> {
    return (await this.read("default")).profile?.session;
  }
}

interface Stage {
  clock: ManualClock;
  store: OpenStore;
  app: App;
  /** Received by the service. */
  sent: string[];
  /** Emitted events. */
  told: string[];
}

/**
 * A program with a stored session, expired unless `leftMs` says otherwise, and a service with these responses, then
 * 500.
 */
async function stage(answers: (() => Response | Promise<Response>)[], leftMs = -hour): Promise<Stage> {
  const clock = new ManualClock();
  const store = new OpenStore(clock);
  await store.put(sessionOf(clock, "alice", leftMs));
  const sent: string[] = [];
  const fetch = async (_: unknown, { body }: RequestInit = {}): Promise<Response> => {
    sent.push(new URLSearchParams(String(body)).get("refresh_token") ?? "");
    return (answers.shift() ?? (() => new Response("", { status: 501 })))();
  };
  const app = createApp({ env: {}, sessions: store, clock, fetch });
  const told: string[] = [];
  for (const name of ["refreshed", "adopted", "refused", "ended", "unsaved"] as const)
    app.tokens().events.on(name, () => told.push(name));
  return { clock, store, app, sent, told };
}

test("NFR-016 while the store has a spent token, no other process can send it", async () => {
  const { store, app, clock } = await stage([renewed]);
  store.isFull = true;
  clock.isBackgroundStill = true;
  assert.equal(await app.tokens().getAccessToken(), "at_new");
  await assert.rejects(store.claim(await store.read("default"), atOnce), { code: "lock_unavailable" });
  store.isFull = false;
  await app.tokens().close();
  assert.equal((await store.stored())?.accessToken.reveal(), "at_new", "the end of the program is one more try");
  await (await store.claim(await store.read("default"), atOnce))?.release();
});

test("S-015 a program that cannot store its session in the end says so, after some tries", async () => {
  const { store, app, clock } = await stage([renewed]);
  store.isFull = true;
  clock.isBackgroundStill = true;
  await app.tokens().getAccessToken();
  const tries = clock.sleeps.length;
  await assert.rejects(app.tokens().close(), { code: "storage_unwritable" });
  assert.ok(clock.sleeps.length > tries + 2, "the disk may have room in a moment");
  const mended = await stage([renewed]);
  mended.store.isFull = true;
  mended.clock.isBackgroundStill = true;
  await mended.app.tokens().getAccessToken();
  mended.clock.onSleep = () => (mended.store.isFull = false);
  await mended.app.tokens().close();
  assert.equal((await mended.store.stored())?.accessToken.reveal(), "at_new");
});

test("S-002 a token that was refused when another had taken its place is tried with that", async () => {
  const { clock, store, sent } = await stage([]);
  const replaced = (refreshes: number) => async (): Promise<Response> => {
    await store.put(sessionOf(clock, "alice", -hour, refreshes));
    return refusal();
  };
  const answers = [replaced(1), replaced(2), refusal];
  const program = createApp({
    env: {},
    sessions: store,
    clock,
    fetch: async (_, { body } = {}) => {
      sent.push(new URLSearchParams(String(body)).get("refresh_token") ?? "");
      return (answers.shift() ?? refusal)();
    },
  });
  await assert.rejects(program.tokens().getAccessToken(), { code: "session_ended" });
  assert.deepEqual(sent, ["rt_alice_0", "rt_alice_1", "rt_alice_2"]);
  assert.equal(await store.stored(), undefined);
});

for (const [what, next] of [
  ["a new login", "bob"],
  ["the same login, refreshed elsewhere", "alice"],
] as const) {
  for (const how of ["refresh", "request"] as const) {
    test(`S-002 ${what} that is stored just before the session of a refused ${how} is removed counts, and no end is announced`, async () => {
      const { clock, store, app, told } = await stage([refusal]);
      const newer = sessionOf(clock, next, hour, 1);
      store.onChange = () => store.put(newer);
      if (how === "request") await app.tokens().sessionRefused((await store.stored())?.accessToken.reveal() ?? "");
      assert.equal(await app.tokens().getAccessToken(), newer.accessToken.reveal());
      assert.equal((await store.stored())?.accessToken.reveal(), `at_${next}_1`);
      assert.deepEqual(told, []);
    });
  }
}

test("S-002 where the refused session cannot be removed, the one stored in its place counts, and without one it has ended", async () => {
  for (const next of ["bob", undefined]) {
    const { clock, store, app } = await stage([refusal]);
    store.onChange = async () => {
      store.onChange = async () => undefined;
      if (next !== undefined) await store.put(sessionOf(clock, next, hour, 1));
      throw new AuthError("lock_unavailable", "the lock is held", { hint: "Try again" });
    };
    const token = app.tokens().getAccessToken();
    if (next === undefined) await assert.rejects(token, { code: "session_ended" });
    else assert.equal(await token, "at_bob_1");
  }
});

test("FR-012 the end of a session is announced once", async () => {
  const { store, app, told } = await stage([refusal]);
  await assert.rejects(app.tokens().getAccessToken(), { code: "session_ended" });
  assert.equal(await store.stored(), undefined);
  assert.deepEqual(told, ["ended"]);
});

test("S-002 a refusal of a token that is no longer the stored one ends nothing", async () => {
  const { store, app } = await stage([], hour);
  await app.tokens().sessionRefused("at_alice_before");
  assert.ok(await store.stored());
  await assert.rejects(app.tokens().sessionRefused("at_alice_0"), { code: "session_ended" });
  assert.equal(await store.stored(), undefined);
});

test("NFR-009 a token is not sent once the claim on it was lost; one that was lost is made again, once", async () => {
  const { store, app, sent } = await stage([renewed]);
  let checks = 0;
  store.isHeld = () => (checks += 1) > 2;
  await assert.rejects(app.tokens().getAccessToken(), { code: "lock_unavailable" });
  assert.deepEqual([sent, checks], [[], 2]);
  checks = 1;
  assert.equal(await app.tokens().getAccessToken(), "at_new");
});

test("S-015 only a refresh that may have reached the service is called unconfirmed", async () => {
  const failing = (code: string) => () =>
    Promise.reject(new TypeError("fetch failed", { cause: Object.assign(new Error(code), { code }) }));
  for (const [code, said] of [
    ["ECONNREFUSED", "network_unavailable"],
    ["ENOTFOUND", "network_unavailable"],
    ["ECONNRESET", "refresh_unconfirmed"],
  ] as const) {
    const { app, store } = await stage(Array.from({ length: 9 }, () => failing(code)));
    await assert.rejects(app.tokens().getAccessToken(), { code: said }, code);
    assert.ok(await store.stored());
  }
});

test("FR-011 a token that the service has refused is not given out again because a refresh failed", async () => {
  const { app } = await stage(
    Array.from({ length: 9 }, () => unavailable),
    hour,
  );
  assert.equal(await app.tokens().getAccessToken(), "at_alice_0");
  await assert.rejects(app.tokens().getAccessToken({ rejected: "at_alice_0" }), { code: "service_unavailable" });
  assert.equal(
    await app.tokens().getAccessToken({ minValidityMs: 2 * hour }),
    "at_alice_0",
    "it is still good for others",
  );
});

test("FR-010 a caller with needs of its own is not served with what others have waited for", async () => {
  const longer = await stage([renewed], hour / 2);
  const both = [
    longer.app.tokens().getAccessToken(),
    longer.app.tokens().getAccessToken({ minValidityMs: hour * 0.9 }),
  ];
  assert.deepEqual(await Promise.all(both), ["at_alice_0", "at_new"]);
  const refused = await stage([renewed], hour);
  const { tokens } = refused.app;
  const two = [tokens().getAccessToken(), tokens().getAccessToken({ rejected: "at_alice_0" })];
  assert.deepEqual(await Promise.all(two), ["at_alice_0", "at_new"]);
  assert.equal(refused.sent.length, 1);
});

test("what another process has stored is announced once, when it is used; what is known, and what is the first, never", async () => {
  const { clock, store, app, told } = await stage([], hour);
  const { tokens } = app;
  await tokens().getAccessToken();
  await tokens().getAccessToken({ minValidityMs: hour / 2 });
  clock.pass(hour * 0.8);
  await store.put(sessionOf(clock, "alice", hour * 0.9, 1));
  assert.equal(await tokens().getAccessToken({ minValidityMs: hour / 2 }), "at_alice_1");
  await tokens().getAccessToken({ minValidityMs: hour / 2 });
  assert.deepEqual(told, ["adopted"]);
});

test("S-003 a session of a new login is announced as adopted, not as refreshed", async () => {
  const { clock, store, app, told } = await stage([
    async () => {
      await store.put(sessionOf(clock, "bob", hour));
      return renewed();
    },
  ]);
  assert.equal(await app.tokens().getAccessToken(), "at_bob_0");
  assert.deepEqual(told, ["adopted"]);
});

test("S-001 a switch does not change whose tokens a running program uses, not even at its next refresh", async () => {
  const { clock, store, app, sent } = await stage([renewed], hour);
  await app.tokens().getAccessToken();
  await store.put(sessionOf(clock, "bob", 2 * hour), "work");
  await store.choose((choice) => ({ ...choice, active: "work" }));
  clock.pass(hour);
  assert.equal(await app.tokens().getAccessToken(), "at_new");
  assert.deepEqual(sent, ["rt_alice_0"]);
});

test("NFR-010 a program that ends waits for the refresh that it is in the middle of", async () => {
  let answer = (): void => undefined;
  const { app, sent, store } = await stage([() => new Promise((resolve) => (answer = () => resolve(renewed())))]);
  const asked = app.tokens().getAccessToken();
  await until("the refresh token is sent", () => sent.length > 0);
  let isClosed = false;
  const closed = app
    .tokens()
    .close()
    .then(() => (isClosed = true));
  await new Promise(setImmediate);
  assert.equal(isClosed, false);
  answer();
  await Promise.all([asked, closed]);
  assert.equal((await store.stored())?.accessToken.reveal(), "at_new");
});

test("S-003 a logout that was noticed once leaves nothing in memory", async () => {
  const { store, app } = await stage([], hour / 2);
  await app.tokens().getAccessToken();
  await store.put(undefined);
  await assert.rejects(app.tokens().getAccessToken({ minValidityMs: hour }), { code: "not_authenticated" });
  await assert.rejects(app.tokens().getAccessToken(), { code: "not_authenticated" });
});

test("in memory too a claim is for one at a time, and for what was read and nothing else", async () => {
  const { clock, store } = await stage([]);
  const found = await store.read("default");
  const claim = await store.claim(found, atOnce);
  await assert.rejects(store.claim(found, atOnce), { code: "lock_unavailable" });
  await claim?.release();
  await store.put(sessionOf(clock, "alice", hour, 1));
  assert.equal(await store.claim(found, atOnce), undefined);
});

test("keepFresh is ahead of need by one to two minutes, by chance, so that processes do not refresh in step", async () => {
  for (const [random, ahead] of [
    [0, 60_000],
    [0.5, 90_000],
    [1, 120_000],
  ] as const) {
    const clock = new ManualClock();
    const stop = new AbortController();
    const asked: number[] = [];
    const renew = async (minValidityMs: number): Promise<Session> => {
      asked.push(minValidityMs);
      stop.abort();
      return sessionOf(clock, "alice", hour);
    };
    await keepFresh(renew, { clock, random: () => random, signal: stop.signal });
    assert.deepEqual(asked, [ahead]);
  }
});

test("keepFresh ends with the session, and goes on after every other failure", async () => {
  const clock = new ManualClock();
  const failures = [
    new AuthError("network_unavailable", "no response", { hint: "Try again" }),
    new AuthError("storage_unwritable", "full", { hint: "Try again" }),
    new NotAuthenticatedError("ended"),
  ];
  const renew = async (): Promise<Session> => {
    throw failures.shift() ?? new DOMException("it was asked again", "AbortError");
  };
  const stop = new AbortController();
  clock.onSleep = () => failures.length === 0 && stop.abort();
  await assert.rejects(keepFresh(renew, { clock, random: () => 0, signal: stop.signal }), NotAuthenticatedError);
  assert.deepEqual(clock.sleeps, [1_000, 2_000]);
});
