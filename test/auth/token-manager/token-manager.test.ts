import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import type { App } from "../../../src/app/app.ts";
import { createApp } from "../../../src/app/create-app.ts";
import type { AppOverrides } from "../../../src/app/overrides.ts";
import { MemoryStore } from "../../../src/auth/sessions/memory-store.ts";
import type { Profile, Session } from "../../../src/auth/sessions/session.ts";
import type { Claim, ClaimOptions, SessionStore, StoredProfile } from "../../../src/auth/sessions/store.ts";
import { remainingMs } from "../../../src/auth/token-manager/freshness.ts";
import type { TokenManager } from "../../../src/auth/token-manager/token-manager.ts";
import { AuthError, isTransient, type AuthErrorCode } from "../../../src/base/errors.ts";
import type { FakeOptions } from "../../fake-saas/options.ts";
import { startFakeSaas, type FakeSaas } from "../../fake-saas/server.ts";
import { commandEnvironment, scratchFolder, type CommandEnvironment } from "../../helpers/command.ts";
import { ManualClock } from "../../helpers/manual-clock.ts";
import { sessionOf, storeSession, type SessionOptions } from "../../helpers/stored-session.ts";

/** A service, its session in memory, and the managers of several programs, on one clock. */
interface Stage {
  saas: FakeSaas;
  clock: ManualClock;
  session: Session;
  app: App;
  tokens: TokenManager;
  store: SessionStore;
  /** As a login: a new one, unless it has the previous id. */
  put(session: Session | undefined, profile?: string): Promise<void>;
  stored(profile?: string): Promise<Session | undefined>;
  /** On the same files. */
  another(overrides?: AppOverrides): App;
}

async function stage(
  t: TestContext,
  {
    saas: options = {},
    session: sessionOptions = {},
    clock = new ManualClock(),
    env,
    store: given = new MemoryStore(clock),
  }: {
    saas?: Partial<FakeOptions>;
    session?: SessionOptions;
    store?: SessionStore;
    /** Sealed files instead of a store. */
    env?: CommandEnvironment;
    clock?: ManualClock;
  } = {},
): Promise<Stage> {
  const saas = await startFakeSaas({ now: () => clock.now(), ...options });
  t.after(() => saas.close());
  const at = env === undefined ? { sessions: given } : { env };
  const another = (overrides: AppOverrides = {}): App => createApp({ env: {}, ...at, clock, ...overrides });
  const session = sessionOf(saas, { now: clock.now(), ...sessionOptions });
  await storeSession(saas, {}, session, { ...at, clock });
  const app = another();
  const { store } = app;
  const stored = async (profile = "default"): Promise<Session | undefined> =>
    (await app.store.read(profile)).profile?.session;
  const put = async (next: Session | undefined, name = "default"): Promise<void> => {
    const profile: Profile = { service: saas.url, clientId: "cli_native", team: undefined, session: next };
    await store.change(name, () => profile);
  };
  return { saas, clock, session, app, tokens: app.tokens(), store, put, stored, another };
}

function gate(): { promise: Promise<void>; open: () => void } {
  let open = (): void => undefined;
  const promise = new Promise<void>((resolve) => (open = resolve));
  return { promise, open };
}

function failsWith(code: AuthErrorCode, message: RegExp = /./): (error: unknown) => true {
  return (error) => {
    assert.ok(error instanceof AuthError, String(error));
    assert.deepEqual({ code: error.code, isTold: message.test(error.message) }, { code, isTold: true }, error.message);
    assert.ok(error.hint, "says what to do");
    return true;
  };
}

const token = (session: Session | undefined): string | undefined => session?.accessToken.reveal();
const refreshToken = (session: Session | undefined): string => session?.refreshToken?.reveal() ?? "";
const lifetimeMs = 3_600_000;

test("FR-009 an access token is replaced while it has a minute left, and not before", async (t) => {
  const { saas, clock, session, tokens, another } = await stage(t, { session: { leftMs: 61_000 } });
  assert.equal(await tokens.getAccessToken(), token(session));
  assert.equal(saas.counters.refreshes, 0);
  clock.pass(2_000);
  assert.notEqual(await tokens.getAccessToken(), token(session));
  assert.equal(saas.counters.refreshes, 1);
  assert.equal(
    await another().tokens().getAccessToken(),
    await tokens.getAccessToken(),
    "what is stored is used by the next program",
  );
  assert.equal(saas.counters.refreshes, 1);
});

test("FR-009 a caller that needs a longer life gets it, even behind one that needs less", async (t) => {
  const { saas, tokens, session } = await stage(t, { session: { leftMs: 300_000 } });
  assert.equal(await tokens.getAccessToken({ minValidityMs: 200_000 }), token(session));
  assert.notEqual(await tokens.getAccessToken({ minValidityMs: 400_000 }), token(session));
  assert.equal(saas.counters.refreshes, 1);
  // Longer than a new token's life: one refresh, and the best there is.
  await tokens.getAccessToken({ minValidityMs: 10 * lifetimeMs });
  assert.equal(saas.counters.refreshes, 1);
});

for (const callers of [1_000, 10_000]) {
  test(`FR-010 NFR-006 ${callers} callers in one process share one refresh and one look at what is stored`, async (t) => {
    let reads = 0;
    const clock = new ManualClock();
    const store = new (class extends MemoryStore {
      override async read(name: string): Promise<StoredProfile> {
        reads += 1;
        return super.read(name);
      }
    })(clock);
    const { saas, tokens } = await stage(t, { store, clock });
    const { promise, open } = gate();
    saas.faults.next("/oauth/token", { gate: promise });
    reads = 0;
    const first = tokens.getAccessToken();
    await saas.until(() => saas.count("/oauth/token") === 1);
    const readsOfOne = reads;
    const others = Array.from({ length: callers - 1 }, () => tokens.getAccessToken());
    open();
    const all = await Promise.all([first, ...others]);
    assert.deepEqual([new Set(all).size, saas.counters.refreshes, saas.count("/oauth/token")], [1, 1, 1]);
    assert.ok(reads <= readsOfOne + 2, `${reads} reads, and ${readsOfOne} before the others came`);
  });
}

test("FR-010 one caller that gives up does not take the others' refresh along", async (t) => {
  const { saas, tokens } = await stage(t);
  const { promise, open } = gate();
  saas.faults.next("/oauth/token", { gate: promise });
  const first = new AbortController();
  const second = new AbortController();
  const givenUp = [tokens.getAccessToken({ signal: first.signal }), tokens.getAccessToken({ signal: second.signal })];
  const patient = tokens.getAccessToken();
  await saas.until(() => saas.count("/oauth/token") === 1);
  first.abort(new Error("first"));
  second.abort(new Error("second"));
  await assert.rejects(givenUp[0] as Promise<string>, /first/);
  await assert.rejects(givenUp[1] as Promise<string>, /second/);
  open();
  assert.match(await patient, /^at_/);
  assert.equal(saas.counters.refreshes, 1);
  await assert.rejects(
    tokens.getAccessToken({ signal: first.signal, rejected: await tokens.getAccessToken() }),
    /first/,
  );
  assert.equal(saas.counters.refreshes, 1, "an ended signal asks for nothing");
});

test("a token that the service refused is refreshed once, and one that replaced it meanwhile costs no request", async (t) => {
  const { saas, session, tokens, another } = await stage(t, { session: { leftMs: lifetimeMs } });
  const rejected = token(session) ?? "";
  const renewed = await Promise.all(Array.from({ length: 10 }, () => tokens.getAccessToken({ rejected })));
  assert.equal(new Set(renewed).size, 1);
  assert.notEqual(renewed[0], rejected);
  assert.equal(await tokens.getAccessToken({ rejected }), renewed[0]);
  assert.equal(await another().tokens().getAccessToken({ rejected }), renewed[0]);
  assert.equal(saas.counters.refreshes, 1);
});

test("S-001 a session is not used, and nothing is sent, when the environment names a service other than its own", async (t) => {
  const { saas, another, session, stored } = await stage(t);
  const other = await startFakeSaas();
  t.after(() => other.close());
  const tokens = another({ env: { SPEC_KITTY_SAAS_URL: other.url } }).tokens();
  await assert.rejects(tokens.getAccessToken(), failsWith("not_authenticated", /is logged in to .*, not to /));
  assert.deepEqual([saas.requests.length, other.requests.length], [0, 0]);
  assert.equal(token(await stored()), token(session));
});

for (const [name, script] of Object.entries({
  "invalid_grant with 400": { status: 400, body: { error: "invalid_grant" } },
  "invalid_grant with 401": { status: 401, body: { error: "invalid_grant" } },
  "session_invalid with 401": { status: 401, body: { error: "session_invalid" } },
})) {
  test(`FR-012 a refresh answered ${name} ends the session here, and says what to run`, async (t) => {
    const { saas, tokens, stored } = await stage(t);
    saas.faults.next("/oauth/token", script);
    const cleared: unknown[] = [];
    tokens.events.on("ended", (event) => cleared.push(event));
    await assert.rejects(
      tokens.getAccessToken(),
      failsWith("session_ended", /^Session expired or revoked: the issuer ended /),
    );
    assert.equal(await stored(), undefined);
    assert.deepEqual(cleared, [{ profile: "default", reason: "revoked" }]);
    await assert.rejects(tokens.getAccessToken(), failsWith("not_authenticated"));
    assert.equal(saas.count("/oauth/token"), 1, "a dead token is not sent again");
  });
}

test("S-002 a session that was stored in the place of the refused one is used, not deleted", async (t) => {
  const { saas, tokens, stored, put, session } = await stage(t);
  const { promise, open } = gate();
  saas.faults.next("/oauth/token", { gate: promise, status: 400, body: { error: "invalid_grant" } });
  const asked = tokens.getAccessToken();
  await saas.until(() => saas.count("/oauth/token") === 1);
  // Another machine on the same home, without the lock, has refreshed.
  const newer = sessionOf(saas, { leftMs: lifetimeMs, now: Date.now() });
  await put(newer);
  open();
  assert.equal(await asked, token(newer));
  assert.equal(token(await stored()), token(newer));
  assert.notEqual(token(newer), token(session));
  assert.equal(saas.count("/oauth/token"), 1);
});

test("S-002 a successor that is expired itself is refreshed once, and when that is refused too, only it goes", async (t) => {
  const { saas, tokens, stored, put } = await stage(t);
  const { promise, open } = gate();
  saas.faults.next("/oauth/token", { gate: promise, status: 400, body: { error: "invalid_grant" } });
  saas.faults.next("/oauth/token", { status: 400, body: { error: "invalid_grant" } });
  const asked = tokens.getAccessToken();
  await saas.until(() => saas.count("/oauth/token") === 1);
  await put(sessionOf(saas));
  open();
  await assert.rejects(asked, failsWith("session_ended"));
  assert.equal(await stored(), undefined);
  assert.equal(saas.count("/oauth/token"), 2);
});

test("after a 409 the session that another holder stored is used, and waited for as long as the service says", async (t) => {
  const { saas, clock, tokens, put } = await stage(t);
  const newer = sessionOf(saas, { leftMs: lifetimeMs, now: clock.now() });
  let looks = 0;
  clock.onSleep = () => {
    looks += 1;
    if (looks !== 3) return undefined;
    return put(newer);
  };
  saas.faults.next("/oauth/token", { status: 409, body: { error: "refresh_replay_benign_retry", retry_after: 2 } });
  assert.equal(await tokens.getAccessToken(), token(newer));
  assert.deepEqual([looks, saas.count("/oauth/token")], [3, 1]);
});

test("S-004 a 409 without anything new in the store keeps the session, sends nothing again, and says what to do", async (t) => {
  const { saas, clock, tokens, stored, session } = await stage(t);
  saas.faults.next("/oauth/token", { status: 409, body: { error: "refresh_replay_benign_retry", retry_after: 5 } });
  const startedAt = clock.monotonic();
  await assert.rejects(tokens.getAccessToken(), failsWith("service_unavailable", /another process has refreshed/));
  assert.ok(clock.monotonic() - startedAt <= 3_100, "NFR-005");
  assert.equal(token(await stored()), token(session));
  assert.equal(saas.count("/oauth/token"), 1);
});

test("S-004 a service that fails for a moment costs a pause and no session", async (t) => {
  const { saas, clock, tokens } = await stage(t);
  saas.faults.next("/oauth/token", { status: 500, body: "oops" });
  saas.faults.next("/oauth/token", { status: 503, body: { error: "temporarily_unavailable" } });
  assert.match(await tokens.getAccessToken(), /^at_/);
  assert.deepEqual([saas.counters.refreshes, saas.counters.reuses, clock.sleeps.length], [1, 0, 2]);
});

test("S-004 NFR-005 a service that goes on failing keeps the session and holds a command for three seconds at most", async (t) => {
  for (const fault of [
    { status: 500 },
    { status: 503, body: { error: "x" } },
    { reset: "before" as const },
    { status: 429, body: {} },
  ]) {
    const { saas, clock, tokens, stored, session } = await stage(t);
    saas.faults.always("/oauth/token", fault);
    const startedAt = clock.monotonic();
    await assert.rejects(
      tokens.getAccessToken(),
      failsWith("reset" in fault ? "refresh_unconfirmed" : "service_unavailable"),
    );
    assert.ok(clock.monotonic() - startedAt <= 3_000, JSON.stringify(fault));
    assert.equal(token(await stored()), token(session));
    saas.faults.clear();
    assert.match(await tokens.getAccessToken(), /^at_/, "the session works once the service does");
  }
});

test("S-004 NFR-005 a 429 is waited out when that takes a second, and passed on at once when it takes an hour", async (t) => {
  const { saas, clock, tokens, stored, session } = await stage(t);
  saas.faults.next("/oauth/token", { status: 429, headers: { "Retry-After": "3600" }, body: {} });
  await assert.rejects(
    tokens.getAccessToken(),
    (error: unknown) =>
      failsWith("service_unavailable")(error) && (error as { retryAfterMs?: number }).retryAfterMs === 3_600_000,
  );
  assert.deepEqual([clock.sleeps, token(await stored())], [[], token(session)]);
  saas.faults.next("/oauth/token", { status: 429, headers: { "Retry-After": "1" }, body: {} });
  assert.match(await tokens.getAccessToken(), /^at_/);
  assert.deepEqual([clock.sleeps, saas.counters.refreshes], [[1_000], 1]);
});

test("NFR-016 a service that takes 61 s is waited for, and what it gives is stored", async (t) => {
  const { saas, clock, tokens, stored } = await stage(t);
  const { promise, open } = gate();
  saas.faults.next("/oauth/token", { gateAnswer: promise });
  const asked = tokens.getAccessToken();
  await saas.until(() => saas.counters.refreshes === 1);
  clock.pass(61_000);
  open();
  assert.equal(await asked, token(await stored()));
  assert.deepEqual([saas.count("/oauth/token"), saas.counters.reuses], [1, 0]);
});

test("NFR-016 a caller that gives up after the token was sent leaves the request alone, and the next one gets its response", async (t) => {
  const { saas, tokens, stored } = await stage(t);
  const { promise, open } = gate();
  saas.faults.next("/oauth/token", { gateAnswer: promise });
  const caller = new AbortController();
  const asked = tokens.getAccessToken({ signal: caller.signal });
  await saas.until(() => saas.counters.refreshes === 1);
  caller.abort(new Error("enough"));
  await assert.rejects(asked, /enough/);
  open();
  assert.equal(await tokens.getAccessToken(), token(await stored()));
  assert.deepEqual([saas.count("/oauth/token"), saas.counters.reuses], [1, 0]);
});

test("S-004 S-015 a service that never responds is given up when the runtime would, and no error says that nothing happened", async (t) => {
  const { saas, clock, tokens, stored, session } = await stage(t);
  saas.faults.next("/oauth/token", { hang: true });
  const asked = tokens.getAccessToken();
  await saas.until(() => saas.count("/oauth/token") === 1);
  clock.pass(300_000);
  await assert.rejects(asked, (error: unknown) => {
    assert.ok(error instanceof AuthError);
    assert.deepEqual([error.code, isTransient(error)], ["refresh_unconfirmed", false]);
    assert.match(`${error.message} ${error.hint}`, /may have renewed the session.*Try again in a moment/);
    assert.doesNotMatch(`${error.message} ${error.hint}`, /still logged in|[Nn]othing was lost/);
    return true;
  });
  assert.equal(token(await stored()), token(session));
  assert.match(await tokens.getAccessToken(), /^at_/, "the only token there is was sent again");
});

test("S-004 a connection that is lost before the refresh is done is tried again", async (t) => {
  const { saas, tokens } = await stage(t);
  saas.faults.next("/oauth/token", { reset: "before" });
  assert.match(await tokens.getAccessToken(), /^at_/);
  assert.deepEqual([saas.counters.refreshes, saas.counters.reuses], [1, 0]);
});

test("a response lost on the way is the one window: a lenient service keeps the session, a strict one revokes it", async (t) => {
  const strict = await stage(t);
  strict.saas.faults.next("/oauth/token", { reset: "after" });
  await assert.rejects(strict.tokens.getAccessToken(), failsWith("session_ended"));
  assert.equal(await strict.stored(), undefined);

  const lenient = await stage(t, { saas: { reuse: "benign" } });
  lenient.saas.faults.next("/oauth/token", { reset: "after" });
  await assert.rejects(lenient.tokens.getAccessToken(), failsWith("service_unavailable", /another process/));
  assert.equal(token(await lenient.stored()), token(lenient.session));
});

test("S-004 NFR-005 a queue of programs behind a failing service is held no longer than one", async (t) => {
  const { saas, clock, another, stored, session } = await stage(t, {
    env: commandEnvironment(scratchFolder(t), undefined),
  });
  saas.faults.always("/oauth/token", { status: 503, body: {} });
  let sent = 0;
  const fetch = async (input: string | URL, init?: RequestInit): Promise<Response> => {
    sent += 1;
    const response = await globalThis.fetch(input, init);
    const answer = new Response(await response.arrayBuffer(), response);
    sent -= 1;
    return answer;
  };
  clock.isHeld = () => sent > 0;
  const answers = await Promise.allSettled(
    Array.from({ length: 16 }, () => another({ fetch }).tokens().getAccessToken()),
  );
  for (const answer of answers)
    assert.ok(answer.status === "rejected" && failsWith("service_unavailable")(answer.reason));
  assert.equal(token(await stored()), token(session));
  // The first uses up three seconds of retries; each other one asks once. Shorter pauses are looks at the lock.
  const pauses = clock.sleeps.filter((ms) => ms >= 500);
  assert.ok(pauses.reduce((sum, ms) => sum + ms, 0) <= 3_000, pauses.join(", "));
  assert.equal(saas.count("/oauth/token"), 16 + pauses.length);
});

test("NFR-005 a token that is still good is given out after three seconds when the lock's holder makes no progress", async (t) => {
  const { saas, clock, another, tokens, session } = await stage(t, {
    env: commandEnvironment(scratchFolder(t), undefined),
    session: { leftMs: 30_000 },
  });
  const { promise, open } = gate();
  saas.faults.next("/oauth/token", { gate: promise });
  const holder = tokens.getAccessToken();
  await saas.until(() => saas.count("/oauth/token") === 1);
  const startedAt = clock.monotonic();
  assert.equal(await another().tokens().getAccessToken(), token(session));
  const waitedMs = clock.monotonic() - startedAt;
  assert.ok(waitedMs >= 3_000 && waitedMs < 3_100, `${waitedMs} ms`);
  open();
  assert.notEqual(await holder, token(session));
});

test("when a refresh fails, a token that is still good goes to all callers, after one attempt for all", async (t) => {
  const { saas, tokens, session } = await stage(t, { session: { leftMs: 30_000 } });
  saas.faults.always("/oauth/token", { status: 429, headers: { "Retry-After": "60" }, body: {} });
  const all = await Promise.all(Array.from({ length: 1_000 }, () => tokens.getAccessToken()));
  assert.deepEqual([new Set(all).size, all[0], saas.count("/oauth/token")], [1, token(session), 1]);
});

test("NFR-008 setting the clock an hour back or forward costs one refresh at most, and never a session", async (t) => {
  for (const change of [-3_600_000, 3_600_000]) {
    const { saas, clock, tokens, another } = await stage(t, {
      session: { leftMs: lifetimeMs },
      saas: { now: () => Date.now() },
      clock: new ManualClock(),
    });
    await tokens.getAccessToken();
    clock.wall += change;
    const here = await tokens.getAccessToken();
    const there = await another().tokens().getAccessToken();
    assert.equal(here, there);
    assert.ok(saas.counters.refreshes <= 1, `${change}: ${saas.counters.refreshes}`);
    // The service's clock corrects ours from now on.
    for (let count = 0; count < 3; count += 1) assert.equal(await tokens.getAccessToken(), here);
    clock.wall -= change;
    const repaired = await tokens.getAccessToken();
    assert.equal(await another().tokens().getAccessToken(), repaired);
    assert.ok(saas.counters.refreshes <= 2 && saas.counters.reuses === 0);
    assert.ok((saas.accessTokens.get(repaired)?.expiresAt ?? 0) > saas.now(), "the service takes it");
  }
});

test("FR-009 a clock that is set back or stopped does not lengthen the lifetime of a token in memory", async (t) => {
  const { saas, clock, tokens, session } = await stage(t, { session: { leftMs: 120_000 } });
  assert.equal(await tokens.getAccessToken(), token(session));
  clock.pass(110_000);
  clock.wall -= 100_000;
  assert.notEqual(await tokens.getAccessToken(), token(session), "monotonic time has passed");
  assert.equal(saas.counters.refreshes, 1);
  // Asleep: the wall clock goes on, the monotonic one stops.
  clock.wall += lifetimeMs;
  await tokens.getAccessToken();
  assert.equal(saas.counters.refreshes, 2);
});

test("a service that does not rotate keeps its refresh token in use, with the known expiry", async (t) => {
  const { saas, tokens, stored, session } = await stage(t, { saas: { rotate: false } });
  assert.match(await tokens.getAccessToken(), /^at_/);
  const after = await stored();
  assert.equal(refreshToken(after), refreshToken(session));
  assert.equal(after?.refreshTokenExpiresAt, session.refreshTokenExpiresAt);
  await tokens.refresh();
  assert.deepEqual([saas.counters.refreshes, saas.counters.reuses], [2, 0]);
});

test("a service that gives the same access token again with a new expiry is believed", async (t) => {
  const { saas, tokens, session } = await stage(t, { session: { leftMs: 30_000 } });
  saas.faults.next("/oauth/token", { edit: (answer) => ({ ...answer, access_token: token(session) }) });
  assert.equal(await tokens.getAccessToken(), token(session));
  assert.equal(await tokens.getAccessToken(), token(session));
  assert.equal(saas.count("/oauth/token"), 1, "no second refresh for the same answer");
});

for (const expires_in of [0, -60, "soon", 1e400]) {
  test(`a refresh response with "expires_in" ${expires_in} is an error, and the session stays`, async (t) => {
    const { saas, tokens, stored, session } = await stage(t, { saas: { rotate: false } });
    saas.faults.next("/oauth/token", {
      status: 200,
      body: `{"access_token":"at_x","token_type":"Bearer","expires_in":${typeof expires_in === "string" ? `"${expires_in}"` : expires_in === 1e400 ? "null" : expires_in}}`,
    });
    if (expires_in === 1e400) {
      // Null counts as absent: only a 401 tells.
      assert.equal(await tokens.getAccessToken(), "at_x");
      assert.equal((await stored())?.accessTokenExpiresAt, undefined);
      return;
    }
    await assert.rejects(tokens.getAccessToken(), failsWith("service_answer_invalid", /expires_in/));
    assert.equal(refreshToken(await stored()), refreshToken(session));
    assert.match(await tokens.getAccessToken(), /^at_/);
  });
}

for (const [what, wrong] of [
  ["an access token that has expired already", { expires_in: 0 }],
  ["a negative life", { expires_in: -5 }],
  ["a life that is no number", { expires_in: "soon" }],
  ["a refresh token that ends at no date", { refresh_token_expires_at: "never" }],
  [
    "a refresh token that lives for no number of seconds",
    { refresh_token_expires_at: undefined, refresh_token_expires_in: -1 },
  ],
  ["a scope that is a list", { scope: ["api.read"] }],
  ["a session without a name", { session_id: 7 }],
  ["an ID token that is none", { id_token: {} }],
  ["empty members", { id_token: "", scope: "", session_id: "" }],
] as const) {
  test(`NFR-010 a refresh response with ${what} does not lose the refresh token that came along`, async (t) => {
    const { saas, tokens, stored, session } = await stage(t);
    saas.faults.next("/oauth/token", { edit: (answer) => ({ ...answer, ...wrong }) });
    if ("expires_in" in wrong)
      await assert.rejects(tokens.getAccessToken(), failsWith("service_answer_invalid", /expires_in/));
    else assert.match(await tokens.getAccessToken(), /^at_/);
    assert.notEqual(refreshToken(await stored()), refreshToken(session));
    assert.match(token(await tokens.refresh()) ?? "", /^at_/);
    assert.deepEqual([saas.counters.refreshes, saas.counters.reuses], [2, 0]);
  });
}

for (const [what, refresh_token] of [
  ["an empty", ""],
  ["no readable", 7],
] as const) {
  test(`a refresh response with ${what} refresh token keeps the stored one, and gives the access token out`, async (t) => {
    const { saas, tokens, stored, session } = await stage(t, { saas: { rotate: false } });
    saas.faults.next("/oauth/token", { edit: (answer) => ({ ...answer, refresh_token }) });
    assert.match(await tokens.getAccessToken(), /^at_/);
    assert.equal(refreshToken(await stored()), refreshToken(session));
  });
}

test("NFR-010 a lifetime whose digits are a text is a lifetime: one refresh, and an hour until the next", async (t) => {
  const { saas, clock, tokens } = await stage(t);
  saas.faults.next("/oauth/token", { edit: (answer) => ({ ...answer, expires_in: "3600" }) });
  const renewed = await tokens.getAccessToken();
  clock.pass(lifetimeMs - 61_000);
  assert.equal(await tokens.getAccessToken(), renewed);
  assert.equal(saas.counters.refreshes, 1);
});

test("NFR-010 a refresh response that begins with a byte order mark is read", async (t) => {
  const { saas, tokens, stored } = await stage(t);
  const body = `\uFEFF${JSON.stringify({ access_token: "at_marked", token_type: "Bearer", expires_in: 3600, refresh_token: "rt_marked" })}`;
  saas.faults.next("/oauth/token", { body });
  assert.equal(await tokens.getAccessToken(), "at_marked");
  assert.equal(refreshToken(await stored()), "rt_marked");
});

test("a service whose clock is absurd is not believed, and the stored session can still be shown", async (t) => {
  const { saas, tokens, stored } = await stage(t);
  saas.faults.next("/oauth/token", { headers: { Date: "Sat, 13 Sep 275760 00:00:00 GMT" } });
  await tokens.getAccessToken();
  const after = await stored();
  assert.equal(after?.clockOffsetMs, 0);
  assert.match(new Date(after?.accessTokenExpiresAt ?? NaN).toISOString(), /^20/);
});

test("C-012 the refresh token's expiry is stored as the service gave it, and even one in the past does not prevent the request", async (t) => {
  const { saas, clock, tokens, stored } = await stage(t);
  const past = "2020-01-01T00:00:00Z";
  saas.faults.next("/oauth/token", { edit: (answer) => ({ ...answer, refresh_token_expires_at: past }) });
  await tokens.getAccessToken();
  assert.equal((await stored())?.refreshTokenExpiresAt, past);
  await tokens.refresh();
  assert.equal(saas.counters.refreshes, 2, "what we think of it keeps nobody from asking");
  saas.faults.next("/oauth/token", {
    edit: ({ refresh_token_expires_at: _, ...answer }) => ({ ...answer, refresh_token_expires_in: 60 }),
  });
  await tokens.refresh();
  const after = await stored();
  assert.equal(after?.refreshTokenExpiresAt, new Date((after?.issuedAt ?? 0) + 60_000).toISOString());
  saas.faults.next("/oauth/token", {
    edit: ({ refresh_token_expires_at: _, refresh_token_expires_in: __, ...answer }) => answer,
  });
  await tokens.refresh();
  assert.equal((await stored())?.refreshTokenExpiresAt, undefined, "the service manages it");
  assert.ok(clock.now() > 0);
});

test("S-003 a logout while a refresh is in flight wins: the late response is dropped", async (t) => {
  const { saas, tokens, stored, put } = await stage(t);
  const { promise, open } = gate();
  saas.faults.next("/oauth/token", { gateAnswer: promise });
  const asked = tokens.getAccessToken();
  await saas.until(() => saas.counters.refreshes === 1);
  await put(undefined);
  open();
  await assert.rejects(asked, failsWith("not_authenticated"));
  assert.equal(await stored(), undefined);
  await assert.rejects(tokens.getAccessToken(), failsWith("not_authenticated"), "nothing is left in memory");
});

test("S-003 a new login during a refresh wins: its session is the one that is stored and given out", async (t) => {
  const { saas, tokens, stored, put, clock } = await stage(t);
  const { promise, open } = gate();
  saas.faults.next("/oauth/token", { gateAnswer: promise });
  const asked = tokens.getAccessToken();
  await saas.until(() => saas.counters.refreshes === 1);
  const newer = sessionOf(saas, { user: "bob", leftMs: lifetimeMs, now: clock.now() });
  await put(newer);
  open();
  assert.equal(await asked, token(newer));
  assert.equal(token(await stored()), token(newer));
});

test("S-003 a new login during a refresh whose token has expired already is refreshed before it is given out", async (t) => {
  const { saas, tokens, stored, put, clock } = await stage(t);
  const { promise, open } = gate();
  saas.faults.next("/oauth/token", { gateAnswer: promise });
  const asked = tokens.getAccessToken();
  await saas.until(() => saas.counters.refreshes === 1);
  // The login's process was stopped for hours between response and store.
  const newer = sessionOf(saas, { user: "bob", now: clock.now() });
  await put(newer);
  open();
  assert.equal(await asked, token(await stored()));
  assert.equal(remainingMs((await stored()) as Session, clock.now()), lifetimeMs);
  assert.equal((await stored())?.user.name, "bob");
  assert.equal(saas.counters.refreshes, 2);
});

test("a lifetime counts from when the refresh was sent, however late a process that was stopped reads the response", async (t) => {
  const { saas, tokens, stored, clock } = await stage(t);
  const { promise, open } = gate();
  saas.faults.next("/oauth/token", { gateAnswer: promise });
  const asked = tokens.getAccessToken();
  await saas.until(() => saas.counters.refreshes === 1);
  // Only the wall clock: the time limit is for a running process.
  clock.wall += lifetimeMs / 2;
  open();
  assert.equal(await asked, token(await stored()));
  assert.equal(remainingMs((await stored()) as Session, clock.now()), lifetimeMs / 2);
});

test("S-003 an account switch during a refresh changes neither whose refresh it is nor the active profile", async (t) => {
  const { saas, tokens, stored, another, app, clock, put } = await stage(t);
  const bob = sessionOf(saas, { user: "bob", leftMs: lifetimeMs, now: clock.now() });
  const { promise, open } = gate();
  saas.faults.next("/oauth/token", { gateAnswer: promise });
  const asked = tokens.getAccessToken();
  await saas.until(() => saas.counters.refreshes === 1);
  await put(bob, "work");
  await app.store.choose((choice) => ({ ...choice, active: "work" }));
  open();
  assert.equal(saas.accessTokens.get(await asked)?.session.user, "alice");
  assert.equal(token(await stored()), await asked);
  assert.equal(token(await stored("work")), token(bob));
  assert.equal((await app.store.choice()).active, "work");
  assert.equal(await tokens.getAccessToken(), await asked, "a running program stays who it is");
  assert.equal(await another().tokens().getAccessToken(), token(bob), "the next one is whom the user chose");
});

/** Claims and writes fail on request, and background tries wait for permission. */
function failingStore(): {
  store: SessionStore;
  clock: ManualClock;
  broken: { claim: boolean; write: boolean };
  writes: () => number;
  /** Repairs the store, and allows the next background try. */
  repair: () => Promise<void>;
} {
  const broken = { claim: false, write: false };
  let writes = 0;
  const full = (): never => {
    throw new AuthError("storage_unwritable", 'cannot write "sessions": ENOSPC', {
      hint: "Free some space, then try again",
    });
  };
  const clock = new ManualClock();
  class FailingStore extends MemoryStore {
    override async claim(found: StoredProfile, options: ClaimOptions): Promise<Claim | undefined> {
      if (broken.claim) full();
      const claim = await super.claim(found, options);
      return (
        claim && {
          ...claim,
          async store(next) {
            writes += 1;
            return broken.write ? full() : claim.store(next);
          },
        }
      );
    }
    override async change(...args: Parameters<SessionStore["change"]>): Promise<Profile | undefined> {
      return broken.write ? full() : super.change(...args);
    }
  }
  clock.isBackgroundStill = true;
  const repair = async (): Promise<void> => {
    broken.claim = broken.write = false;
    for (let count = 0; count < 3; count += 1) await clock.sleep(10_000);
  };
  return { store: new FailingStore(clock), clock, broken, writes: () => writes, repair };
}

test("NFR-010 a disk that is full before the refresh costs nothing: the refresh token is not sent", async (t) => {
  const { store, clock, broken } = failingStore();
  const { saas, tokens, stored, session } = await stage(t, { store, clock });
  broken.claim = true;
  await assert.rejects(tokens.getAccessToken(), failsWith("storage_unwritable"));
  assert.equal(saas.requests.length, 0);
  assert.equal(token(await stored()), token(session));
  broken.claim = false;
  assert.match(await tokens.getAccessToken(), /^at_/);
});

test("NFR-010 a disk that is full before the refresh does not take away a token that is still good", async (t) => {
  const { store, clock, broken } = failingStore();
  const { saas, tokens, session } = await stage(t, { store, clock, session: { leftMs: 30_000 } });
  broken.claim = true;
  assert.equal(await tokens.getAccessToken(), token(session));
  assert.equal(saas.requests.length, 0);
});

test("NFR-010 a disk that fills up during the refresh keeps the session in memory, tells, and tries again", async (t) => {
  const { store, clock, broken, writes, repair } = failingStore();
  const { saas, tokens, stored, session } = await stage(t, { store, clock });
  const unsaved: AuthError[] = [];
  tokens.events.on("unsaved", ({ error }) => unsaved.push(error));
  broken.write = true;
  const kept = await tokens.getAccessToken();
  assert.equal(saas.counters.refreshes, 1);
  assert.equal(token(await stored()), token(session), "the disk has the old one");
  assert.deepEqual(
    unsaved.map(({ code }) => code),
    ["storage_unwritable"],
  );

  const before = writes();
  const all = await Promise.all(Array.from({ length: 1_000 }, () => tokens.getAccessToken()));
  assert.deepEqual([new Set(all).size, all[0], saas.counters.refreshes], [1, kept, 1]);
  assert.equal(writes(), before, "no caller waits for the store");
  await assert.rejects(
    tokens.close(),
    failsWith("storage_unwritable", /cannot store the refreshed session, which ends with this process/),
  );

  await repair();
  assert.equal(token(await stored()), kept, "without being asked");
  assert.equal(await tokens.getAccessToken(), kept);
  await tokens.close();
  await tokens.refresh();
  assert.deepEqual([saas.counters.refreshes, saas.counters.reuses], [2, 0]);
});

test("NFR-010 a session that only memory holds is refreshed again and again until the disk takes it", async (t) => {
  const { store, clock, broken, repair } = failingStore();
  const { saas, tokens, stored } = await stage(t, { store, clock });
  broken.write = true;
  await tokens.getAccessToken();
  broken.claim = true;
  for (let count = 2; count < 5; count += 1) {
    clock.pass(lifetimeMs);
    assert.match(await tokens.getAccessToken(), /^at_/);
    assert.deepEqual([saas.counters.refreshes, saas.counters.reuses], [count, 0]);
  }
  await repair();
  assert.equal(token(await stored()), await tokens.getAccessToken());
});

test("FR-012 a session held in memory alone that is revoked is removed from the disk too; the spent token is not sent", async (t) => {
  const { store, clock, broken } = failingStore();
  const { saas, tokens, stored, session } = await stage(t, { store, clock });
  broken.write = true;
  await tokens.getAccessToken();
  clock.pass(lifetimeMs);
  saas.revoke(session.sessionId ?? "");
  await assert.rejects(tokens.getAccessToken(), failsWith("session_ended"));
  broken.write = false;
  assert.equal(saas.counters.reuses, 0);
  // The disk refused the removal, too; the service tells the next caller.
  assert.equal(token(await stored()), token(session));
  await tokens.close();
});

test("S-003 a login beats a session that only memory holds", async (t) => {
  const { store, clock, broken, repair } = failingStore();
  const { saas, tokens, put, stored } = await stage(t, { store, clock });
  broken.write = true;
  await tokens.getAccessToken();
  broken.write = false;
  const newer = sessionOf(saas, { user: "bob", leftMs: lifetimeMs, now: clock.now() });
  await put(newer);
  await repair();
  assert.equal(token(await stored()), token(newer));
  assert.equal(await tokens.getAccessToken(), token(newer));
});

test("a session without a refresh token expires with its access token", async (t) => {
  const { saas, put, tokens, session } = await stage(t);
  const bare: Session = { ...session, refreshToken: undefined };
  await put(bare);
  await assert.rejects(
    tokens.getAccessToken(),
    failsWith("session_ended", /^cannot refresh the access token: the session has no refresh token$/),
  );
  assert.equal(saas.requests.length, 0);
});

test("keepFresh refreshes ahead of need until its signal aborts, and goes on after failures", async (t) => {
  const clock = new ManualClock();
  const { saas, tokens, session } = await stage(t, { clock, session: { leftMs: lifetimeMs } });
  saas.faults.next("/oauth/token", { status: 429, headers: { "Retry-After": "99999999" }, body: {} });
  const stop = new AbortController();
  const kept = tokens.keepFresh({ signal: stop.signal });
  await saas.until(() => saas.counters.refreshes === 2);
  stop.abort();
  await kept;
  assert.ok(
    clock.sleeps.length >= 2 * 110,
    "in steps of half a minute at most, of which a machine that slept notices the first",
  );
  assert.ok(
    clock.sleeps.every((ms) => ms <= 30_000 || ms === 86_400_000),
    "no wait is longer than a timer can be",
  );
  assert.deepEqual([saas.counters.reuses, saas.accessTokens.has(token(session) ?? "")], [0, true]);
});

test("keepFresh ends with the session", async (t) => {
  const { saas, tokens, session } = await stage(t, { session: { leftMs: lifetimeMs } });
  saas.revoke(session.sessionId ?? "");
  await assert.rejects(tokens.keepFresh({ signal: new AbortController().signal }), failsWith("session_ended"));
});

test("S-005 no event and no error holds a secret", async (t) => {
  const { saas, tokens, another } = await stage(t);
  const seen: unknown[] = [];
  const second = another().tokens();
  for (const manager of [tokens, second]) {
    for (const name of ["refreshed", "adopted", "refused", "ended", "unsaved"] as const)
      manager.events.on(name, (event: unknown) => seen.push([name, event]));
  }
  await second.getAccessToken();
  await tokens.getAccessToken();
  await second.refresh();
  await tokens.getAccessToken({ rejected: await tokens.getAccessToken() });
  saas.faults.next("/oauth/token", { status: 429, headers: { "Retry-After": "60" }, body: { error_description: "x" } });
  seen.push(await tokens.refresh().catch((error: unknown) => error));
  saas.faults.next("/oauth/token", { malformed: true });
  seen.push(await tokens.refresh().catch((error: unknown) => error));
  saas.faults.next("/oauth/token", { status: 400, body: { error: "invalid_grant" } });
  seen.push(await tokens.refresh().catch((error: unknown) => error));
  const { inspect } = await import("node:util");
  const text = inspect(seen, { depth: 12, showHidden: true }) + JSON.stringify(seen);
  for (const name of ["refreshed", "refused", "ended"]) assert.match(text, new RegExp(name));
  for (const secret of saas.issued.keys()) assert.ok(!text.includes(secret), "a secret is shown");
});
