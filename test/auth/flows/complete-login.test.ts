import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { completeLogin } from "../../../src/auth/flows/complete-login.ts";
import type { LoginRequest } from "../../../src/auth/flows/login-request.ts";
import type { Session } from "../../../src/auth/sessions/session.ts";
import { AuthError } from "../../../src/base/errors.ts";
import { Secret } from "../../../src/base/secret.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import type { Fault } from "../../fake-saas/faults.ts";
import { filesUnder, scene } from "../../helpers/scene.ts";
import { storedSession } from "../../helpers/stored-session.ts";

for (const [what, fault, code, error] of [
  [
    "refuses the new token",
    { status: 401, body: { error: "invalid_token" } },
    1,
    /the service does not name the user of this login: .* returned 401 "invalid_token"/,
  ],
  [
    "names no user",
    { body: { email: "alice@example.com", teams: [] } },
    1,
    /the service does not name the user of this login: .* responded without a "user_id"/,
  ],
  [
    "responds with HTML",
    { body: "<h1>hello</h1>" },
    1,
    /the service does not name the user of this login: .* without a "user_id"/,
  ],
  [
    "breaks the connection",
    { reset: "before", times: 5 },
    3,
    /the service does not name the user of this login: .*cannot reach/,
  ],
] as [string, Fault, number, RegExp][]) {
  test(`when /api/v1/me ${what} after the exchange, the user sees why, nothing is stored, and the server session is ended`, async (t) => {
    const { saas, here, folder } = await scene(t);
    saas.faults.next("/api/v1/me", fault);
    const failed = await here("auth login");
    assert.deepEqual([failed.code, failed.stdout], [code, ""]);
    assert.match(
      failed.stderr,
      new RegExp(`^error: ${error.source}[^\\n]*\\nhint: Try again: spec-kitty auth login`, "m"),
    );
    assert.equal(saas.counters.logins, 1);
    assert.equal(saas.counters.logouts, 1);
    assert.ok([...saas.sessions.values()].every(({ ended }) => ended !== undefined));
    assert.equal(filesUnder(join(folder, "config")).size, 0);
  });
}

test("tokens that were issued with an invalid member are revoked when the login fails for it", async (t) => {
  const { saas, here, folder } = await scene(t);
  saas.faults.next("/oauth/token", { edit: (answer) => ({ ...answer, expires_in: "soon" }) });
  const failed = await here("auth login");
  assert.deepEqual([failed.code, failed.stdout], [1, ""]);
  assert.match(
    failed.stderr,
    /^error: .* sent a token response whose "expires_in" is not a positive number of seconds$/m,
  );
  assert.deepEqual([saas.counters.logins, saas.counters.logouts], [1, 1]);
  assert.ok([...saas.sessions.values()].every(({ ended }) => ended !== undefined));
  assert.equal(filesUnder(join(folder, "config")).size, 0);
});

test("NFR-010 a lifetime whose digits are a text is a lifetime: a login, and one refresh when the hour has passed", async (t) => {
  const { saas, here } = await scene(t);
  saas.faults.always("/oauth/token", {
    edit: (answer) => ({ ...answer, expires_in: String(answer["expires_in"]) }),
  });
  const login = await here("auth login");
  assert.equal(login.code, 0, login.stderr);
  assert.match(login.stdout, /Access token valid for 1 hour\./);
  const clock = { ...systemClock, now: () => Date.now() + 3_600_000 };
  saas.options.now = clock.now;
  const [first, again] = [await here("auth token", {}, { clock }), await here("auth token", {}, { clock })];
  assert.deepEqual([first.code, first.stderr, again.stdout], [0, "", first.stdout]);
  assert.equal(saas.counters.refreshes, 1);
});

test("a service that sends empty strings instead of leaving members out lets its users log in", async (t) => {
  const { saas, here } = await scene(t);
  saas.faults.next("/oauth/token", {
    edit: (answer) => ({
      ...answer,
      refresh_token: "",
      id_token: "",
      scope: "",
      session_id: "",
      refresh_token_expires_at: "",
    }),
  });
  const { code, stdout, stderr } = await here("auth login");
  assert.equal(code, 0, stderr);
  assert.match(
    stdout,
    /^✓ Logged in as alice@example\.com \(Acme Corp\)\. Access token valid for 1 hour\. There is no refresh token: log in again at (\d{4}-\d\d-\d\d )?\d\d:\d\d\.\n$/,
  );
});

test("a login succeeds with an expires_in beyond any date, and without one", async (t) => {
  const { saas, here, env } = await scene(t);
  saas.faults.next("/oauth/token", { edit: (answer) => ({ ...answer, expires_in: 1e300 }) });
  const huge = await here("auth login");
  assert.equal(huge.code, 0, huge.stderr);
  assert.match(huge.stdout, /Access token valid for 365\d\d days\./);
  assert.equal((await here("auth status")).code, 0);
  saas.faults.next("/oauth/token", { edit: ({ expires_in: _, ...answer }) => answer });
  const silent = await here("auth login --force");
  assert.equal(silent.stdout, "✓ Logged in as alice@example.com (Acme Corp).\n");
  assert.equal((await storedSession(env))?.accessTokenExpiresAt, undefined);
  assert.match((await here("auth status")).stdout, /Access token +valid until the service rejects it/);
});

test("a user without teams and without an email address can log in", async (t) => {
  const { saas, here } = await scene(t);
  saas.users.alice.teams = [];
  assert.equal((await here("auth login")).stdout, "✓ Logged in as alice@example.com. Access token valid for 1 hour.\n");
  assert.doesNotMatch((await here("auth status")).stdout, /team/i);
  delete saas.users.alice.email;
  assert.equal((await here("auth login --force")).stdout, "✓ Logged in as Alice. Access token valid for 1 hour.\n");
  delete saas.users.alice.name;
  assert.equal((await here("auth login --force")).stdout, "✓ Logged in as u_alice. Access token valid for 1 hour.\n");
  assert.equal((await here("auth whoami")).stdout, "u_alice\n");
});

const as = "https://as.example";
const server = {
  issuer: as,
  authorization_endpoint: `${as}/authorize`,
  token_endpoint: `${as}/token`,
  userinfo_endpoint: `${as}/userinfo`,
  revocation_endpoint: `${as}/revoke`,
};
const tokens = {
  access_token: new Secret("at_new"),
  token_type: "Bearer",
  expires_in: 3600,
  refresh_token: new Secret("rt_new"),
  refresh_token_expires_at: undefined,
  refresh_token_expires_in: undefined,
  scope: "",
  session_id: undefined,
  id_token: undefined,
  date: undefined,
} as const;

/** At a server that knows the user. `onUser`: called when that is requested. */
async function complete(
  more: Partial<LoginRequest> = {},
  how: Parameters<typeof completeLogin>[2] = { authFlow: "authorization_code" },
  onUser: (end: AbortController) => void = () => undefined,
): Promise<{ session: Session | undefined; error: unknown; revoked: string[] }> {
  const request: LoginRequest = {
    service: "https://service.example",
    server,
    isDiscovered: true,
    clientId: "cli",
    clientSecret: undefined,
    hasOwnApi: false,
    isOpenId: false,
    scope: "",
    dpopKey: undefined,
    resource: undefined,
    trustedHosts: [],
    redirectPath: "/callback",
    extra: {},
    ...more,
  };
  const end = new AbortController();
  const revoked: string[] = [];
  const fetch = async (input: string | URL, { body, signal }: RequestInit = {}): Promise<Response> => {
    signal?.throwIfAborted();
    const sent = new URLSearchParams(String(body)).get("token");
    if (sent !== null) revoked.push(sent);
    else onUser(end);
    return Response.json({ sub: "u", user_id: "u", teams: [], url: String(input) });
  };
  let session: Session | undefined;
  const store = async (stored: Session): Promise<void> => void (session = stored);
  const error: unknown = await completeLogin(tokens, request, how, store, {
    fetch,
    clock: systemClock,
    signal: end.signal,
  }).catch((caught: unknown) => caught);
  return { session, error, revoked };
}

test("S-015 a login that is interrupted at the last moment is not stored, and its tokens are revoked all the same", async () => {
  const interrupted = new AuthError("interrupted", "interrupted (SIGINT)", { hint: "Try again" });
  const { session, error, revoked } = await complete({}, undefined, (end) => end.abort(interrupted));
  assert.equal(error, interrupted);
  assert.equal(session, undefined);
  assert.deepEqual(revoked, ["rt_new", "at_new"]);
});

test("a login in the browser that requested an ID token needs one; with a code a server may give none", async () => {
  const without = await complete({ isOpenId: true });
  assert.equal(without.error instanceof AuthError && without.error.code, "service_answer_invalid");
  assert.deepEqual([without.session, without.revoked], [undefined, ["rt_new", "at_new"]]);
  const withCode = await complete({ isOpenId: true }, { authFlow: "device_code" });
  assert.equal(withCode.session?.user.id, "u");
});

test("the service's own logout ends a session only where the service has issued its tokens", async () => {
  const elsewhere = await complete({ hasOwnApi: true });
  assert.equal(elsewhere.session?.server.userinfo_endpoint, "https://service.example/api/v1/me");
  assert.equal(elsewhere.session.server.logout_endpoint, undefined);
  const own = await complete({ hasOwnApi: true, service: as });
  assert.equal(own.session?.server.logout_endpoint, `${as}/api/v1/logout`);
});
