import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import type { Fault } from "../../../fake-saas/faults.ts";
import type { FakeRequest } from "../../../fake-saas/http.ts";
import type { CommandEnvironment, CommandResult } from "../../../helpers/command.ts";
import { loggedInScene } from "../../../helpers/queue.ts";
import { fastClock, scene, type Scene } from "../../../helpers/scene.ts";

const base = "/api/v1/tracker/";
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

interface Tracked extends Scene {
  /** `tracker …`, split at spaces. */
  tracker(args: string, more?: CommandEnvironment): Promise<CommandResult>;
  /** With a clock a hundred times faster. */
  fastTracker(args: string, factor?: number): Promise<CommandResult>;
  /** To the tracker, with polls, in order. */
  asked(): FakeRequest[];
}

/** With alice logged in. */
async function tracked(t: TestContext): Promise<Tracked> {
  const at = await loggedInScene(t);
  const { saas, here } = at;
  return {
    ...at,
    tracker: (args, more) => here(`tracker ${args}`, more),
    fastTracker: (args, factor = 100) => here(`tracker ${args}`, {}, { clock: fastClock(factor) }),
    asked: () => saas.requests.filter(({ path }) => path.startsWith(base)),
  };
}

/** As text and as JSON: the same result. */
async function both(at: Tracked, args: string): Promise<{ shown: string; json: unknown; requests: FakeRequest[] }> {
  const before = at.asked().length;
  const [shown, json] = [await at.tracker(args), await at.tracker(`${args} --json`)];
  for (const { code, stderr } of [shown, json]) assert.deepEqual([code, stderr], [0, ""], args);
  return { shown: shown.stdout, json: JSON.parse(json.stdout), requests: at.asked().slice(before) };
}

for (const [args, verb, parameters, result, shown] of [
  [
    "status --provider linear --project kitty",
    "GET status",
    { provider: "linear", project_slug: "kitty" },
    { provider: "linear", connected: true },
    "  provider   linear\n  connected  true\n",
  ],
  [
    "mappings --provider linear --binding bind_1",
    "GET mappings",
    { provider: "linear", binding_ref: "bind_1" },
    { mappings: [] },
    "mappings: none\n",
  ],
  [
    "resources --provider jira --project kitty --binding bind_1",
    "GET resources",
    { provider: "jira", binding_ref: "bind_1" },
    { resources: [{ id: "res_1", name: "Board" }] },
    "resources\n  id res_1  name Board\n",
  ],
  [
    "pull --provider linear --project kitty",
    "POST pull",
    { provider: "linear", project_slug: "kitty", limit: 100 },
    { items: [{ id: 1 }, { id: 2 }], next_cursor: null },
    "  next_cursor  null\nitems\n  id 1\n  id 2\n",
  ],
  [
    'pull --provider linear --project kitty --limit 1 --cursor 1 --filters {"state":"open"}',
    "POST pull",
    { provider: "linear", project_slug: "kitty", limit: 1, cursor: "1", filters: { state: "open" } },
    { items: [{ id: 2 }], next_cursor: null },
    "  next_cursor  null\nitems\n  id 2\n",
  ],
  [
    'push --provider linear --project kitty --items [{"id":3}]',
    "POST push",
    { provider: "linear", project_slug: "kitty", items: [{ id: 3 }] },
    { pushed: 1 },
    "  pushed  1\n",
  ],
  [
    "run --provider linear --binding bind_1",
    "POST run",
    { provider: "linear", binding_ref: "bind_1", pull_first: true, limit: 100 },
    { pulled: 2, pushed: 0 },
    "  pulled  2\n  pushed  0\n",
  ],
  [
    "run --provider linear --binding bind_1 --no-pull --limit 1",
    "POST run",
    { provider: "linear", binding_ref: "bind_1", pull_first: false, limit: 1 },
    { pulled: 1, pushed: 0 },
    "  pulled  1\n  pushed  0\n",
  ],
  [
    "search door --provider linear",
    "POST issue-search",
    { provider: "linear", query_text: "door", limit: 20 },
    { items: [{ id: 1 }, { id: 2 }] },
    "items\n  id 1\n  id 2\n",
  ],
  [
    "search --key ENG-12 --provider linear --limit 1",
    "POST issue-search",
    { provider: "linear", query_key: "ENG-12", limit: 1 },
    { items: [{ id: 1 }] },
    "items\n  id 1\n",
  ],
  [
    "tickets --provider linear --project kitty",
    "POST list-tickets",
    { provider: "linear", project_slug: "kitty", limit: 20 },
    { items: [{ id: 1 }, { id: 2 }] },
    "items\n  id 1\n  id 2\n",
  ],
  [
    "bind --provider linear --project kitty",
    "POST bind-resolve",
    { provider: "linear", project_identity: { project_slug: "kitty" } },
    { candidates: [{ candidate_token: "cand_1", name: "Board" }] },
    "candidates\n  candidate_token cand_1  name Board\n",
  ],
  [
    'bind --provider linear --project kitty --candidate cand_1 --identity {"repo":"a/b"}',
    "POST bind-confirm",
    { provider: "linear", candidate_token: "cand_1", project_identity: { project_slug: "kitty", repo: "a/b" } },
    { binding_ref: "bind_1" },
    "  binding_ref  bind_1\n",
  ],
  [
    "bind --provider linear --project kitty --binding bind_1",
    "POST bind-validate",
    { provider: "linear", binding_ref: "bind_1", project_identity: { project_slug: "kitty" } },
    { valid: true },
    "  valid  true\n",
  ],
] satisfies [string, string, object, object, string][]) {
  test(`FR-016 "tracker ${args}" asks ${verb} with the token and the team, and shows the result`, async (t) => {
    const at = await tracked(t);
    at.saas.tracker.items = [{ id: 1 }, { id: 2 }];
    const { shown: text, json, requests } = await both(at, args);
    assert.equal(text, shown);
    assert.deepEqual(json, result);
    assert.equal(requests.length, 2);
    for (const { method, path, query, body, headers } of requests) {
      assert.equal(`${method} ${path}`, `${verb.replace(" ", ` ${base}`)}/`);
      assert.deepEqual(method === "GET" ? Object.fromEntries(query) : JSON.parse(body), parameters);
      assert.equal(headers["x-team-slug"], "tm_acme");
      assert.equal(at.saas.issued.get(headers.authorization?.replace("Bearer ", "") ?? ""), "access_token");
    }
    const keys = requests.map(({ headers }) => headers["idempotency-key"]);
    if (/push|run|confirm/.test(verb)) assert.ok(keys.every((key) => uuid.test(String(key))) && keys[0] !== keys[1]);
    else assert.deepEqual(keys, [undefined, undefined]);
  });
}

for (const [args, error] of [
  ["status --provider linear", 'the tracker "linear" needs a project or a binding'],
  ["pull --provider linear", 'the tracker "linear" needs a project or a binding'],
  ["push --provider linear --items []", 'the tracker "linear" needs a project or a binding'],
  ["run --provider linear", 'the tracker "linear" needs a project or a binding'],
  ["status --project kitty", "--provider is required"],
  ["bind --provider linear", "--project or --identity is required"],
  ["push --provider linear --project kitty", "--items is required"],
  ["push --provider linear --project kitty --items {}", "--items is not a JSON array"],
  ["push --provider linear --project kitty --items [] --idempotency-key 1", '--idempotency-key is "1", not a UUID'],
  ["pull --provider linear --project kitty --limit 0", '--limit is "0", not a whole number from 1 to 1000'],
  ["pull --provider linear --project kitty --filters []", "--filters is not a JSON object"],
  ["search a b --provider linear", 'unexpected argument "b"'],
] as const) {
  test(`wrong usage is exit 2 before any request: tracker ${args}`, async (t) => {
    const { saas, here } = await scene(t);
    const { code, stdout, stderr } = await here(`tracker ${args}`);
    assert.deepEqual([code, stdout], [2, ""]);
    assert.equal(stderr.split("\n")[0], `error: ${error}`);
    assert.match(stderr, /\nhint: .+\n$/);
    assert.equal(saas.requests.length, 0);
  });
}

test("without a login every call says so with exit 4, and sends nothing", async (t) => {
  const { saas, here } = await scene(t);
  for (const verb of ["status", "push --items []", "search door", "bind"]) {
    const { code, stdout, stderr } = await here(`tracker ${verb} --provider linear --project kitty`);
    assert.deepEqual([code, stdout], [4, ""]);
    assert.match(stderr, /^error: not logged in.*\nhint: Run: spec-kitty auth login\n$/);
  }
  assert.equal(saas.requests.length, 0);
});

test("FR-016 SPEC_KITTY_ACCESS_TOKEN is used as is, for the team of its own user, and a 401 is final", async (t) => {
  const at = await tracked(t);
  const token = at.saas.issue({ user: "bob" }).access_token;
  const args = "status --provider linear --project kitty";
  assert.equal((await at.tracker(args, { SPEC_KITTY_ACCESS_TOKEN: token })).code, 0);
  const [request] = at.asked();
  assert.deepEqual([request?.headers.authorization, request?.headers["x-team-slug"]], [`Bearer ${token}`, "tm_bolt"]);
  at.saas.faults.always(`${base}status/`, { status: 401, body: { error: "access_token_expired" } });
  const { code, stderr } = await at.tracker(args, { SPEC_KITTY_ACCESS_TOKEN: token });
  assert.equal(code, 4, stderr);
  assert.equal(at.saas.counters.refreshes, 0);
  assert.equal(at.asked().length, 2);
});

test("FR-011 an expired token is refreshed once and the request replayed with the same key, so that the work is done once", async (t) => {
  const at = await tracked(t);
  at.saas.expireAccessTokens();
  const { code, stderr } = await at.tracker('push --provider linear --project kitty --items [{"id":1}]');
  assert.deepEqual([code, stderr], [0, ""]);
  const [refused, replayed] = at.asked();
  assert.deepEqual([refused?.status, replayed?.status, at.asked().length], [401, 200, 2]);
  assert.equal(refused?.headers["idempotency-key"], replayed?.headers["idempotency-key"]);
  assert.deepEqual([at.saas.counters.refreshes, at.saas.tracker.pushed], [1, [{ id: 1 }]]);
  at.saas.faults.always(`${base}push/`, { status: 401, body: { error: "access_token_expired" } });
  assert.equal((await at.tracker('push --provider linear --project kitty --items [{"id":2}]')).code, 4);
  assert.deepEqual([at.saas.counters.refreshes, at.asked().length], [2, 4]);
});

test("FR-012 a revoked session ends a call with exit 4 and the command to run", async (t) => {
  const at = await tracked(t);
  for (const id of at.saas.sessions.keys()) at.saas.revoke(id);
  const { code, stderr } = await at.tracker("status --provider linear --project kitty");
  assert.equal(code, 4);
  assert.match(stderr, /^error: .*\nhint: Run: spec-kitty auth login\n$/);
});

test("with the key of an earlier attempt the work is done only once", async (t) => {
  const at = await tracked(t);
  const push =
    'push --provider linear --project kitty --items [{"id":1}] --idempotency-key 3f2504e0-4f89-41d3-9a0c-0305e82c3301';
  at.saas.faults.next(`${base}push/`, { reset: "after" });
  const lost = await at.tracker(push);
  assert.equal(lost.code, 3);
  assert.match(lost.stderr, /^error: cannot reach .*\/push\/" \(.*\)\nhint: /);
  assert.equal(at.asked().length, 1);
  assert.equal((await at.tracker(push)).code, 0);
  assert.deepEqual([at.saas.tracker.pushed, at.saas.counters.idempotentReplays], [[{ id: 1 }], 1]);
});

test("an asynchronous operation is waited for: its result, its failure, or exit 6 after five minutes", async (t) => {
  const at = await tracked(t);
  at.saas.tracker.items = [1];
  const call = "run --provider linear --project kitty --json";
  at.saas.tracker.asynchronous.set("run", { polls: 3 });
  const done = await at.fastTracker(call);
  assert.deepEqual([done.code, done.stderr, JSON.parse(done.stdout)], [0, "", { pulled: 1, pushed: 0 }]);
  const polls = at.asked().slice(1);
  assert.equal(polls.length, 3);
  assert.ok(
    polls.every(
      ({ method, path, headers }) =>
        method === "GET" && /\/operations\/[\w-]{36}\/$/.test(path) && headers["x-team-slug"] === "tm_acme",
    ),
  );

  at.saas.tracker.asynchronous.set("run", {
    polls: 1,
    error: { error_code: "provider_down", message: "linear is down", retryable: true, source: "linear" },
  });
  const failed = await at.fastTracker(call.replace(" --json", ""));
  assert.deepEqual(
    [failed.code, failed.stdout, failed.stderr],
    [3, "", "error: linear is down\nhint: Try again in a moment\n"],
  );

  at.saas.tracker.asynchronous.set("run", { polls: Infinity });
  const endless = await at.fastTracker(call.replace(" --json", ""), 1000);
  assert.deepEqual([endless.code, endless.stdout], [6, ""]);
  assert.match(
    endless.stderr,
    /^error: operation "[\w-]{36}" did not finish within 300 s, and may still finish\nhint: See its state: spec-kitty tracker status --provider PROVIDER\n$/,
  );
});

test("after a 429 the request is sent once more when the service says, with the same key", async (t) => {
  const at = await tracked(t);
  for (const fault of [
    { body: { retry_after_seconds: 20 } },
    { body: {}, headers: { "Retry-After": "20" } },
    { body: "slow down" },
  ] satisfies Fault[]) {
    const before = at.asked().length;
    at.saas.faults.next(`${base}push/`, { status: 429, ...fault });
    const { code, stderr } = await at.fastTracker('push --provider linear --project kitty --items [{"id":1}]');
    assert.deepEqual([code, stderr], [0, ""]);
    const [first, second, ...more] = at.asked().slice(before);
    assert.deepEqual([first?.status, second?.status, more], [429, 200, []]);
    assert.equal(first?.headers["idempotency-key"], second?.headers["idempotency-key"]);
    // A hundred times faster: 20 s are 200 ms, 5 s are 50.
    assert.ok((second?.at ?? 0) - (first?.at ?? 0) >= (fault.body === "slow down" ? 45 : 190));
  }
  at.saas.faults.always(`${base}push/`, {
    status: 429,
    body: { error_code: "rate_limited", message: "too fast", retry_after_seconds: 7 },
  });
  const { code, stderr } = await at.fastTracker('push --provider linear --project kitty --items [{"id":1}]');
  assert.deepEqual([code, stderr], [3, "error: too fast\nhint: Try again in 7 seconds\n"]);
});

for (const [what, fault, code, error, hint] of [
  [
    "that the user has to fix",
    { status: 409, body: { error_code: "binding_stale", message: "the board is gone", user_action_required: true } },
    1,
    "the board is gone",
    "Fix this on the website of the service",
  ],
  [
    "of the request",
    { status: 422, body: { code: "bad_filter", message: "no such field" } },
    1,
    "no such field",
    "See its connection: spec-kitty tracker status --provider PROVIDER",
  ],
  [
    "that may pass",
    { status: 502, body: { error_code: "provider_down", message: "linear is down", retryable: true } },
    3,
    "linear is down",
    "Try again in a moment",
  ],
  [
    "that may pass, at a known time",
    { status: 503, body: { message: "maintenance", retry_after_seconds: 90 } },
    3,
    "maintenance",
    "Try again in 2 minutes",
  ],
  [
    "that denies the team",
    { status: 403, body: { error_code: "not_a_team_member", message: "not a member of this team" } },
    5,
    "not a member of this team",
    /tracker status/,
  ],
  [
    "that has a code and no words",
    { status: 409, body: { error_code: "binding_stale" } },
    1,
    'the tracker returned 409 "binding_stale"',
    /tracker status/,
  ],
  ["in HTML", { status: 502, body: "<html><h1>Bad Gateway</h1></html>" }, 3, "HTTP 502", "Try again in a moment"],
  [
    "in HTML, of the request",
    { status: 404, body: "<html><h1>Not Found</h1></html>" },
    1,
    "HTTP 404",
    /tracker status/,
  ],
  [
    "in HTML that calls itself a success",
    { status: 200, body: "<html>welcome</html>" },
    1,
    /responded without a JSON object$/,
    /auth status/,
  ],
  ["that breaks off", { malformed: true }, 1, /responded without a JSON object$/, /auth status/],
  ["that is no answer", { reset: "before" }, 3, /^cannot reach ".*\/tracker\/status\/"/, /Check the network/],
  [
    "S-008 that wants to draw on the terminal",
    { status: 400, body: { error_code: "x", message: "\u001b[2Jone\nerror: forged\r\u202etwo" } },
    1,
    "[2Jone error: forged two",
    /tracker status/,
  ],
] satisfies [string, Fault, number, string | RegExp, string | RegExp][]) {
  const [, number = "", rest = what] = /^(S-\d+ )?(.*)$/.exec(what) ?? [];
  test(`${number}a failure ${rest} is one error, one hint and exit ${code}`, async (t) => {
    const at = await tracked(t);
    at.saas.faults.next(`${base}status/`, fault);
    const result = await at.tracker("status --provider linear --project kitty");
    assert.deepEqual([result.code, result.stdout], [code, ""], result.stderr);
    const [, said = "", next = ""] = /^error: (.*)\nhint: (.*)\n$/.exec(result.stderr) ?? [];
    for (const [text, expected] of [
      [said, error],
      [next, hint],
    ] as const) {
      if (typeof expected === "string") assert.equal(text, expected);
      else assert.match(text, expected);
    }
    assert.equal(at.asked().length, 1);
  });
}

test("S-008 the content of a result stays text on its line", async (t) => {
  const at = await tracked(t);
  const hostile = "\u001b[2Ja\nerror: forged\r\u202eb";
  at.saas.faults.always(`${base}status/`, {
    body: {
      [hostile]: hostile,
      items: [hostile, { [hostile]: hostile, more: { a: hostile } }, null, 1, [hostile]],
      [`${hostile}s`]: [],
    },
  });
  const { code, stdout } = await at.tracker("status --provider linear --project kitty");
  assert.equal(code, 0);
  assert.doesNotMatch(stdout, /^\s*error:|(?!\n)[\p{Cc}\p{Cf}]/mu);
  assert.equal(stdout.split("\n").length, 9);
  const json = await at.tracker("status --provider linear --project kitty --json");
  assert.doesNotMatch(json.stdout, /(?!\n)[\p{Cc}\p{Cf}]/u);
});
