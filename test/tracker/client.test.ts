import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { inspect } from "node:util";
import { createApp } from "../../src/app/create-app.ts";
import { trackerClientOf } from "../../src/app/tracker-client.ts";
import { AuthError, isAuthError, NotAuthenticatedError, ServiceError } from "../../src/base/errors.ts";
import { trackerClient, type TrackerClient } from "../../src/tracker/client.ts";
import { Secret } from "../../src/base/secret.ts";
import { TrackerError, trackerFacts, trackerFailure } from "../../src/tracker/errors.ts";
import type { FakeRequest } from "../fake-saas/http.ts";
import { authorized, type Authorized } from "../helpers/authorized.ts";
import { logIn } from "../helpers/queue.ts";
import { scene } from "../helpers/scene.ts";
import { hintOf } from "../helpers/hint.ts";

interface Stage extends Authorized {
  tracker: TrackerClient;
}

async function stage(t: TestContext): Promise<Stage> {
  const world = await authorized(t);
  return { ...world, tracker: trackerClient({ ...world, team: () => "tm_acme", random: () => 0 }) };
}

const base = "/api/v1/tracker/";
const routing = { provider: "linear", projectSlug: "kitty" };

function requestsTo({ saas }: Stage, verb: string): FakeRequest[] {
  return saas.requests.filter(({ path }) => path === `${base}${verb}/`);
}

function trackerError(facts: Partial<Record<keyof TrackerError, unknown>>): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof TrackerError && error instanceof AuthError, inspect(error));
    for (const [name, value] of Object.entries(facts)) assert.deepEqual(error[name as keyof TrackerError], value, name);
    return true;
  };
}

test("FR-016 every call of the tracker sends the token, the team and its own parameters", async (t) => {
  const world = await stage(t);
  const { tracker, saas } = world;
  saas.tracker.items = [{ id: 1 }, { id: 2 }, { id: 3 }];
  const projectIdentity = { project_slug: "kitty" };
  assert.deepEqual(await tracker.status(routing), { provider: "linear", connected: true });
  assert.deepEqual(await tracker.mappings(routing), { mappings: [] });
  assert.deepEqual(await tracker.resources({ ...routing, bindingRef: "bind_1" }), {
    resources: [{ id: "res_1", name: "Board" }],
  });
  assert.deepEqual(await tracker.pull({ ...routing, limit: 2 }), { items: [{ id: 1 }, { id: 2 }], next_cursor: "2" });
  assert.deepEqual(await tracker.pull({ ...routing, limit: 2, cursor: "2", filters: { state: "open" } }), {
    items: [{ id: 3 }],
    next_cursor: null,
  });
  assert.deepEqual(await tracker.push({ ...routing, items: [{ id: 4 }] }), { pushed: 1 });
  assert.deepEqual(await tracker.run(routing), { pulled: 3, pushed: 0 });
  assert.deepEqual(await tracker.searchIssues({ provider: "linear", queryText: "door", limit: 1 }), {
    items: [{ id: 1 }],
  });
  assert.deepEqual(await tracker.listTickets({ ...routing, limit: 1 }), { items: [{ id: 1 }] });
  assert.deepEqual(await tracker.bindResolve({ provider: "linear", projectIdentity }), {
    candidates: [{ candidate_token: "cand_1", name: "Board" }],
  });
  assert.deepEqual(await tracker.bindConfirm({ provider: "linear", candidateToken: "cand_1", projectIdentity }), {
    binding_ref: "bind_1",
  });
  assert.deepEqual(await tracker.bindValidate({ provider: "linear", bindingRef: "bind_1", projectIdentity }), {
    valid: true,
  });

  assert.deepEqual(
    [...(requestsTo(world, "status")[0]?.query ?? [])],
    [
      ["provider", "linear"],
      ["project_slug", "kitty"],
    ],
  );
  assert.deepEqual(
    [...(requestsTo(world, "resources")[0]?.query ?? [])],
    [
      ["provider", "linear"],
      ["binding_ref", "bind_1"],
    ],
  );
  const bodies = (verb: string): unknown[] => requestsTo(world, verb).map(({ body }) => JSON.parse(body) as unknown);
  assert.deepEqual(bodies("pull"), [
    { provider: "linear", project_slug: "kitty", limit: 2 },
    { provider: "linear", project_slug: "kitty", limit: 2, cursor: "2", filters: { state: "open" } },
  ]);
  assert.deepEqual(bodies("run"), [{ provider: "linear", project_slug: "kitty", pull_first: true, limit: 100 }]);
  assert.deepEqual(bodies("bind-confirm"), [
    { provider: "linear", candidate_token: "cand_1", project_identity: projectIdentity },
  ]);
  assert.ok(
    saas.requests.every(
      ({ headers }) => headers["x-team-slug"] === "tm_acme" && headers.authorization?.startsWith("Bearer at_"),
    ),
  );
  const keyed = saas.requests.filter(({ headers }) => headers["idempotency-key"] !== undefined).map(({ path }) => path);
  assert.deepEqual(keyed, [`${base}push/`, `${base}run/`, `${base}bind-confirm/`]);
});

test("a call without a binding and a project fails before anything is sent", async (t) => {
  const { tracker, saas } = await stage(t);
  const provider = "linear";
  for (const call of [
    () => tracker.status({ provider }),
    () => tracker.pull({ provider }),
    () => tracker.push({ provider, items: [] }),
    () => tracker.run({ provider, bindingRef: "", projectSlug: "" }),
  ]) {
    await assert.rejects(call(), (error) => error instanceof AuthError && error.code === "usage_invalid");
  }
  assert.equal(saas.requests.length, 0);
});

test("FR-011 a 401 is refreshed and replayed with the same key, and the work is done once", async (t) => {
  const world = await stage(t);
  world.saas.expireAccessTokens();
  await world.tracker.push({ ...routing, items: [1] });
  const [first, second] = requestsTo(world, "push");
  assert.equal(first?.status, 401);
  assert.equal(first?.headers["idempotency-key"], second?.headers["idempotency-key"]);
  assert.deepEqual(world.saas.tracker.pushed, [1]);
});

test("every 401 is an error of authentication: of a session that has ended, or of the tracker with all that the service said", async (t) => {
  const world = await stage(t);
  for (const id of world.saas.sessions.keys()) world.saas.revoke(id);
  await assert.rejects(world.tracker.status(routing), NotAuthenticatedError);
  const refused = await stage(t);
  refused.saas.faults.always(`${base}status/`, {
    status: 401,
    body: { error_code: "not_yours", category: "session", message: "no" },
  });
  await assert.rejects(refused.tracker.status(routing), (error) => {
    assert.ok(error instanceof NotAuthenticatedError && isAuthError(error), inspect(error));
    assert.deepEqual(
      [error.code, error.message, hintOf(error)],
      ["not_authenticated", "no", "Run: spec-kitty auth login"],
    );
    assert.ok(error.cause instanceof TrackerError);
    const { status, errorCode, category, retryable } = trackerFacts(error) ?? assert.fail("no facts");
    assert.deepEqual(
      { status, errorCode, category, retryable },
      { status: 401, errorCode: "not_yours", category: "session", retryable: false },
    );
    return true;
  });
  assert.equal(trackerFacts(new NotAuthenticatedError("not logged in")), undefined);
});

test("after a 429 the client waits as the body says, else as the header says, else 5 s, and resends once with the same key", async (t) => {
  const world = await stage(t);
  const path = `${base}push/`;
  const waits: [object, number][] = [
    [{ body: { retry_after_seconds: 7 }, headers: { "Retry-After": "9" } }, 7000],
    [{ body: { error_code: "rate_limited" }, headers: { "Retry-After": "9" } }, 9000],
    [{ body: "slow down" }, 5000],
  ];
  for (const [answer] of waits) {
    world.saas.faults.next(path, { status: 429, ...answer });
    await world.tracker.push({ ...routing, items: [1] });
  }
  assert.deepEqual(
    world.clock.sleeps,
    waits.map(([, ms]) => ms),
  );
  const keys = requestsTo(world, "push").map(({ headers }) => headers["idempotency-key"]);
  assert.equal(new Set(keys).size, 3);
  assert.deepEqual([keys[0], keys[2], keys[4]], [keys[1], keys[3], keys[5]]);

  world.saas.faults.always(path, {
    status: 429,
    body: { error_code: "rate_limited", message: "too fast", retry_after_seconds: 2 },
  });
  await assert.rejects(
    world.tracker.push({ ...routing, items: [1] }),
    trackerError({
      code: "service_unavailable",
      status: 429,
      errorCode: "rate_limited",
      message: "too fast",
      retryAfterMs: 2000,
    }),
  );
  assert.equal(requestsTo(world, "push").length, 8, "resent once, and by nobody else");
});

test("an error carries everything that the service says", async (t) => {
  const { tracker, saas } = await stage(t);
  const body = {
    error_code: "binding_stale",
    category: "binding",
    message: "the board is gone",
    retryable: false,
    user_action_required: true,
    source: "linear",
    retry_after_seconds: 3,
  };
  saas.faults.next(`${base}pull/`, { status: 409, body });
  await assert.rejects(
    tracker.pull(routing),
    trackerError({
      code: "service_rejected",
      status: 409,
      errorCode: "binding_stale",
      category: "binding",
      message: "the board is gone",
      retryable: false,
      userActionRequired: true,
      source: "linear",
      retryAfterMs: 3000,
    }),
  );
  saas.faults.next(`${base}pull/`, { status: 400, body: { code: "old_name", message: "no" } });
  await assert.rejects(
    tracker.pull(routing),
    trackerError({
      errorCode: "old_name",
      category: undefined,
      retryable: false,
      source: undefined,
      retryAfterMs: undefined,
    }),
  );
  saas.faults.next(`${base}pull/`, { status: 502, body: "<html>bad gateway</html>" });
  await assert.rejects(
    tracker.pull(routing),
    trackerError({ code: "service_unavailable", message: "HTTP 502", errorCode: undefined }),
  );
  const outside = trackerClient({ ...(await stage(t)), team: () => "tm_bolt" });
  await assert.rejects(
    outside.status(routing),
    trackerError({ code: "access_denied", errorCode: "not_a_team_member" }),
  );
});

test("a failed request is not repeated behind the caller's back, and its key can be used again", async (t) => {
  const world = await stage(t);
  const idempotencyKey = "3f2504e0-4f89-41d3-9a0c-0305e82c3301";
  world.saas.faults.next(`${base}push/`, { reset: "after" });
  const push = (): Promise<unknown> => world.tracker.push({ ...routing, items: ["once"] }, { idempotencyKey });
  await assert.rejects(push(), (error) => error instanceof ServiceError && error.code === "network_unavailable");
  assert.equal(requestsTo(world, "push").length, 1);
  await push();
  assert.deepEqual(world.saas.tracker.pushed, ["once"]);
  assert.equal(world.saas.counters.idempotentReplays, 1);
  world.saas.faults.next(`${base}status/`, { status: 503 });
  await assert.rejects(world.tracker.status(routing), TrackerError);
  assert.equal(requestsTo(world, "status").length, 1);
});

test("a 202 is polled after 1, 2, 4 … 30 s until it is done", async (t) => {
  const world = await stage(t);
  world.saas.tracker.asynchronous.set("push", { polls: 8 });
  assert.deepEqual(await world.tracker.push({ ...routing, items: [1, 2] }), { pushed: 2 });
  assert.deepEqual(world.clock.sleeps, [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
  const polls = world.saas.requests.filter(({ path }) => path.startsWith(`${base}operations/`));
  assert.ok(polls.every(({ headers }) => headers["x-team-slug"] === "tm_acme"));
});

test("an operation that fails throws its error, and one that takes more than 300 s times out", async (t) => {
  const world = await stage(t);
  world.saas.tracker.asynchronous.set("run", {
    polls: 1,
    error: { error_code: "provider_down", message: "linear is down", retryable: true, source: "linear" },
  });
  await assert.rejects(
    world.tracker.run(routing),
    trackerError({
      code: "service_unavailable",
      errorCode: "provider_down",
      message: "linear is down",
      retryable: true,
      source: "linear",
    }),
  );
  world.saas.tracker.asynchronous.set("run", { polls: 1000 });
  const startedAt = world.clock.elapsed;
  await assert.rejects(world.tracker.run(routing), (error) => error instanceof AuthError && error.code === "timed_out");
  assert.ok(world.clock.elapsed - startedAt <= 300_000);
});

test("a poll that fails transiently, or meets an expired token, does not end the wait", async (t) => {
  const world = await stage(t);
  world.saas.tracker.asynchronous.set("push", { polls: 1 });
  const isPoll = ({ path }: FakeRequest): boolean => path.startsWith(`${base}operations/`);
  world.saas.faults.next("*", { status: 503, when: isPoll });
  world.saas.faults.next("*", { reset: "before", when: isPoll });
  world.saas.faults.next("*", { status: 401, body: { error: "access_token_expired" }, when: isPoll });
  assert.deepEqual(await world.tracker.push({ ...routing, items: [1] }), { pushed: 1 });
  assert.equal(world.saas.counters.refreshes, 1);
  world.saas.faults.next("*", {
    status: 404,
    body: { error_code: "operation_not_found", message: "gone" },
    when: isPoll,
  });
  await assert.rejects(
    world.tracker.push({ ...routing, items: [1] }),
    trackerError({ status: 404, errorCode: "operation_not_found" }),
  );
});

test("an operation id cannot lead to another path, and a result that is not a JSON object is an error", async (t) => {
  const { tracker, saas } = await stage(t);
  for (const id of [undefined, "", "..", "../status", "a/b", "a?b", 7]) {
    saas.faults.next(`${base}push/`, { status: 202, body: { operation_id: id } });
    await assert.rejects(
      tracker.push({ ...routing, items: [] }),
      (error) => error instanceof AuthError && error.code === "service_answer_invalid",
    );
  }
  saas.faults.next(`${base}status/`, { status: 200, body: "[]" });
  await assert.rejects(
    tracker.status(routing),
    (error) => error instanceof ServiceError && error.code === "service_answer_invalid",
  );
});

test("a signal ends a call that is waiting", async (t) => {
  const world = await stage(t);
  const reason = new Error("enough");
  const controller = new AbortController();
  world.saas.tracker.asynchronous.set("push", { polls: 1000 });
  world.clock.onSleep = () => (world.clock.sleeps.length === 3 ? controller.abort(reason) : undefined);
  await assert.rejects(world.tracker.push({ ...routing, items: [1] }, { signal: controller.signal }), reason);
});

test("a result may be larger than any response of the OAuth protocol", async (t) => {
  const { tracker, saas } = await stage(t);
  saas.faults.next(`${base}pull/`, { bytes: 3 * 1024 * 1024 });
  assert.ok("access_token" in (await tracker.pull(routing)));
});

test("a client that was called before the first login works after a login", async (t) => {
  const at = await scene(t);
  const app = createApp({ env: at.env });
  const tracker = trackerClientOf(app);
  await assert.rejects(tracker.status(routing), NotAuthenticatedError);
  await logIn(at, "alice");
  assert.equal((await tracker.status(routing))["provider"], "linear");
  assert.equal(at.saas.requests.at(-1)?.headers["x-team-slug"], "tm_acme");
});

test("S-001 a client that began as one user continues as that user or not at all, even after another user's login", async (t) => {
  const at = await scene(t);
  const tracker = trackerClientOf(createApp({ env: at.env }));
  await logIn(at, "alice");
  await tracker.status(routing);
  at.saas.expireAccessTokens();
  await logIn(at, "bob");
  const before = at.saas.requests.length;
  await assert.rejects(
    tracker.status(routing),
    (error) =>
      error instanceof NotAuthenticatedError &&
      error.message.includes("alice@example.com") &&
      hintOf(error) === "Start the program again",
  );
  const sent = at.saas.requests.slice(before).filter(({ path }) => path.startsWith(base));
  assert.deepEqual(
    sent.map(({ status }) => status),
    [401],
    "alice's own token was refused, and nobody else's was sent",
  );
});

test("S-005 S-008 nothing that the service says of a failure holds a secret or a control character, whatever a program prints of it", () => {
  const token = new Secret("at_0123456789abcdefghijklmnop");
  const echo = `${"x".repeat(185)}${token.reveal()}\u001b[2J`;
  const names = ["error_code", "code", "error", "category", "source", "message"];
  for (const status of [401, 422]) {
    const failure = trackerFailure(status, Object.fromEntries(names.map((name) => [name, echo])));
    assert.doesNotMatch(
      inspect(failure, { customInspect: false, depth: 9, showHidden: true }),
      /at_0|\\x1b|\u001b/,
      String(status),
    );
    assert.equal(trackerFacts(failure)?.source, `${"x".repeat(185)}[secret][2J`);
  }
});
