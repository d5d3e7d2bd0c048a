import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import type { JsonOutput } from "../../../../src/cli/json-output.ts";
import type { Fault } from "../../../fake-saas/faults.ts";
import type { FakeOptions } from "../../../fake-saas/options.ts";
import type { CommandEnvironment, CommandResult } from "../../../helpers/command.ts";
import { fastClock, scene, type Scene } from "../../../helpers/scene.ts";
import { sessionOf, signIn, storeSession } from "../../../helpers/stored-session.ts";
import { withWebSocket } from "../../../helpers/web-socket.ts";

interface Watched extends Scene {
  /** With waits of a hundredth. */
  watch(more?: CommandEnvironment): Promise<CommandResult>;
  /** In order. */
  tickets(): string[];
}

/** With alice logged in. */
async function watched(t: TestContext, options: Partial<FakeOptions> = {}): Promise<Watched> {
  const at = await scene(t, options);
  await signIn(at.saas, at.env);
  return {
    ...at,
    watch: (more) => at.here("sync watch", more, { clock: fastClock(100) }),
    tickets: () =>
      at.saas.requests
        .filter(({ path }) => path === "/ws")
        .map(({ headers }) => /^Bearer (\S+)$/.exec(headers.authorization ?? "")?.[1] ?? ""),
  };
}

/** By a refusal. */
async function end({ saas }: Scene, running: Promise<CommandResult>): Promise<void> {
  saas.faults.always("/api/v1/ws-token", { status: 403 });
  saas.closeSockets();
  assert.equal((await running).code, 5);
}

withWebSocket(import.meta.url, () => {
  for (const [what, fault, code, error, hint] of [
    [
      "403",
      { status: 403, body: { error: "not_a_team_member" } },
      5,
      'you are not a member of team "tm_acme"',
      "See your teams: spec-kitty auth team",
    ],
    [
      "404",
      { status: 404, body: { error: "team_not_found" } },
      1,
      'the service does not know the team "tm_acme"',
      "See your teams: spec-kitty auth team",
    ],
    [
      "401 again and again",
      { status: 401, body: { error: "access_token_expired" }, times: 2 },
      4,
      "the service rejects the access token, even after a refresh",
      "Run: spec-kitty auth login",
    ],
    [
      "a revoked session",
      { status: 401, body: { error: "session_invalid" } },
      4,
      /session .*(expired|revoked|over)/i,
      "Run: spec-kitty auth login",
    ],
    [
      "something that is not a ticket",
      { body: { ws_token: "a b" } },
      1,
      /responded without a usable "ws_token"/,
      /auth status/,
    ],
    ["HTML", { body: "<html>welcome</html>" }, 1, /responded without a usable "ws_token"/, /auth status/],
    [
      "a remote address without encryption",
      { edit: (answer) => ({ ...answer, ws_url: "ws://live.example/ws" }) },
      1,
      /would send the ticket unencrypted to live\.example$/,
      /spec-kitty sync now/,
    ],
    [
      "an address with a token in its query",
      {
        edit: (answer) => ({
          ...answer,
          ws_url: `${String(answer["ws_url"])}?access_token=${String(answer["ws_token"])}`,
        }),
      },
      1,
      /contains a token in its query$/,
      /spec-kitty sync now/,
    ],
  ] satisfies [string, Fault, number, string | RegExp, string | RegExp][]) {
    test(`a ticket request that is answered with ${what} ends the watch with exit ${code}, without a connection`, async (t) => {
      const at = await watched(t);
      at.saas.faults.next("/api/v1/ws-token", fault);
      const result = await at.here("sync watch --json");
      assert.equal(result.code, code, result.stderr);
      const [, said = "", next = ""] = /^error: (.*)\nhint: (.*)\n$/.exec(result.stderr) ?? [];
      const { error: told } = JSON.parse(result.stdout) as JsonOutput["error"];
      assert.deepEqual([told.message, told.hint], [said, next]);
      for (const [text, expected] of [
        [said, error],
        [next, hint],
      ] as const) {
        if (typeof expected === "string") assert.equal(text, expected);
        else assert.match(text, expected);
      }
      for (const secret of at.saas.issued.keys()) assert.ok(!result.stderr.includes(secret));
      assert.deepEqual(at.tickets(), []);
    });
  }

  test("a ticket that expired before it was used is replaced, and two in a row end the watch", async (t) => {
    const at = await watched(t);
    const late: Fault = {
      edit: (answer) => {
        const ticket = at.saas.tickets.get(String(answer["ws_token"]));
        if (ticket) ticket.expiresAt = 0;
        return answer;
      },
    };
    at.saas.faults.next("/api/v1/ws-token", late);
    const running = at.watch();
    await at.saas.until(() => at.saas.sockets.size === 1);
    assert.equal(new Set(at.tickets()).size, 2);
    at.saas.faults.next("/api/v1/ws-token", { ...late, times: 2 });
    at.saas.closeSockets();
    const { code, stderr } = await running;
    assert.equal(code, 5);
    assert.match(stderr, /^Reconnecting … \(".*\/ws" rejected a new ticket with 401\)\nConnected\.\n/);
    assert.match(stderr, /error: ".*\/ws" rejected a new ticket with 401\nhint: .*spec-kitty auth login --force\n$/);
    assert.equal(new Set(at.tickets()).size, 4);
  });

  test("an upgrade that is answered with 503, a redirect or nothing is tried again, and a forbidden one is not", async (t) => {
    const at = await watched(t);
    at.saas.faults.next("/ws", { status: 503 });
    at.saas.faults.next("/ws", { status: 302, headers: { Location: "http://127.0.0.1:1/ws" } });
    at.saas.faults.next("/ws", { reset: "before" });
    const running = at.watch();
    await at.saas.until(() => at.saas.sockets.size === 1);
    assert.equal(new Set(at.tickets()).size, 4);
    at.saas.faults.next("/ws", { status: 403 });
    at.saas.closeSockets();
    const { code, stderr } = await running;
    assert.equal(code, 5);
    assert.match(stderr, /error: ".*\/ws" rejected a new ticket with 403/);
  });

  test("a session that is revoked while a watch runs ends it once the connection is lost", async (t) => {
    const at = await watched(t);
    const running = at.watch();
    await at.saas.until(() => at.saas.sockets.size === 1);
    for (const id of at.saas.sessions.keys()) at.saas.revoke(id);
    at.saas.closeSockets();
    const { code, stderr } = await running;
    assert.equal(code, 4);
    assert.match(stderr, /error: .*\nhint: Run: spec-kitty auth login\n$/);
  });

  test("without a login a watch fails with exit 4, and sends no request", async (t) => {
    const { saas, here } = await scene(t);
    const { code, stdout, stderr } = await here("sync watch");
    assert.deepEqual([code, stdout], [4, ""]);
    assert.match(stderr, /^error: not logged in.*\nhint: Run: spec-kitty auth login\n$/);
    assert.equal(saas.requests.length, 0);
  });

  test("without a team a watch fails with exit 5", async (t) => {
    const { saas, env, here } = await scene(t);
    saas.users.alice.teams = [];
    await signIn(saas, env);
    const { code, stderr } = await here("sync watch");
    assert.equal(code, 5);
    assert.match(stderr, /^error: this account has no team/);
  });

  test("FR-016 SPEC_KITTY_ACCESS_TOKEN is used as is, for the team of its own user", async (t) => {
    const at = await watched(t);
    const token = at.saas.issue({ user: "bob" }).access_token;
    const running = at.watch({ SPEC_KITTY_ACCESS_TOKEN: token });
    await at.saas.until(() => at.saas.sockets.size === 1);
    const asked = at.saas.requests.find(({ path }) => path.startsWith("/api/v1/ws-token"));
    assert.deepEqual([asked?.headers.authorization, asked?.body], [`Bearer ${token}`, '{"team_id":"tm_bolt"}']);
    assert.equal(at.saas.counters.refreshes, 0);
    await end(at, running);
  });

  test("from the next connection on, a watch follows a changed default team", async (t) => {
    const at = await watched(t, { privateTeamspace: true });
    const running = at.watch();
    await at.saas.until(() => at.saas.sockets.size === 1);
    assert.deepEqual(
      [...at.saas.sockets].map(({ team }) => team),
      ["tm_alice"],
    );
    assert.equal((await at.here("auth team tm_acme")).code, 0);
    at.saas.closeSockets();
    await at.saas.until(() => at.tickets().length === 2 && at.saas.sockets.size === 1);
    assert.deepEqual(
      [...at.saas.sockets].map(({ team }) => team),
      ["tm_acme"],
    );
    await end(at, running);
  });

  test("after another login on its profile, the next connection belongs to the new account", async (t) => {
    const at = await watched(t);
    at.saas.users.bob.teams = at.saas.users.alice.teams;
    const running = at.watch();
    await at.saas.until(() => at.saas.sockets.size === 1);
    await storeSession(at.saas, at.env, {
      ...sessionOf(at.saas, { user: "bob", leftMs: 3_600_000 }),
      teams: [{ id: "tm_acme", name: "Acme Corp" }],
    });
    at.saas.closeSockets();
    await at.saas.until(() => at.tickets().length === 2 && at.saas.sockets.size === 1);
    const asked = at.saas.requests
      .filter(({ path }) => path === "/api/v1/ws-token")
      .map(
        ({ headers }) => at.saas.accessTokens.get(headers.authorization?.slice("Bearer ".length) ?? "")?.session.user,
      );
    await end(at, running);
    assert.deepEqual(asked, ["alice", "bob"]);
  });
});
