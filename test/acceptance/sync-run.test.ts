import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import type { JsonOutput } from "../../src/cli/json-output.ts";
import { startFakeSaas } from "../fake-saas/server.ts";
import { startCommand, type CommandEnvironment } from "../helpers/command.ts";
import { batchPath, deliveries, fill, loggedInScene, logIn, queueFiles } from "../helpers/queue.ts";
import { accelerated, fastNow, hurried, type Scene } from "../helpers/scene.ts";
import { sessionOf, storeSession } from "../helpers/stored-session.ts";
import { until } from "../helpers/until.ts";

test("sync run drains while other processes emit, and Ctrl-C ends it with 130 and an empty queue", async (t) => {
  const at = await loggedInScene(t);
  const running = startCommand(t, ["sync", "run", "--interval", "1"], at.env);
  await running.shows(/Press Ctrl-C to stop/);
  for (let round = 1; round <= 3; round++) {
    await fill(at.env, 20, { together: false });
    await at.saas.until(() => at.saas.events.size === 20 * round);
  }
  assert.ok(deliveries(at.saas).every((count) => count === 1));
  // The flush at the end sends the last events.
  await fill(at.env, 5, { together: false });
  running.child.kill("SIGINT");
  const { code, signal } = await running.ended;
  assert.deepEqual([code, signal], [130, null]);
  assert.equal(at.saas.events.size, 65);
  assert.deepEqual(queueFiles(at, /\/events\/./), []);
});

test("sync run --json prints a line for what was sent and for each refusal", async (t) => {
  const at = await loggedInScene(t);
  const [first = ""] = await fill(at.env, 2);
  at.saas.faults.next(batchPath, {
    edit: (answer) => ({
      results: (answer["results"] as { event_id: string }[]).map((result, index) =>
        index === 0
          ? { ...result, status: "rejected", error_category: "schema_mismatch", error_message: "no such lane" }
          : result,
      ),
    }),
  });
  const running = startCommand(t, ["sync", "run", "--interval", "1", "--json"], at.env);
  await running.shows(/"type":"sent"/);
  running.child.kill("SIGINT");
  assert.equal((await running.ended).code, 130);
  const lines = running
    .stdout()
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as JsonOutput["sync run"]);
  const none = { delivered: 0, duplicates: 0, pending: 0, rejected: 0 };
  assert.deepEqual(lines.slice(0, 2), [
    { type: "rejected", id: first, reason: "no such lane", givenUp: true },
    { type: "sent", events: { ...none, delivered: 1, rejected: 1 }, artifacts: none, left: 0 },
  ]);
});

test("the flush at the end of sync run is bounded, and what it does not send waits", async (t) => {
  const at = await loggedInScene(t);
  const running = startCommand(t, ["sync", "run", "--interval", "1"], at.env, { nodeArgs: hurried(5000, 300) });
  await running.shows(/Press Ctrl-C to stop/);
  at.saas.faults.always(batchPath, { hang: true });
  await fill(at.env, 5);
  await at.saas.until(() => at.saas.count(batchPath) === 1);
  running.child.kill("SIGINT");
  assert.equal((await running.ended).code, 130);
  at.saas.faults.clear();
  assert.equal((await at.here("sync now")).stdout, "✓ Sent 5 events and 0 artifacts.\n");
});

test("FR-009 sync run keeps the token fresh", async (t) => {
  // Three hundred times faster for both: the token lives ten minutes.
  const at = await loggedInScene(t, { accessTokenSeconds: 600, now: fastNow(300) });
  await storeSession(at.saas, at.env, sessionOf(at.saas, { leftMs: 600_000 }));
  const running = startCommand(t, ["sync", "run"], at.env, { nodeArgs: accelerated(300) });
  await at.saas.until(() => at.saas.counters.refreshes >= 2);
  running.child.kill("SIGTERM");
  assert.equal((await running.ended).code, 130);
  assert.equal(at.saas.counters.reuses, 0);
});

test("after another login on its profile, sync run sends the new account's events with the new account's token", async (t) => {
  const at = await loggedInScene(t);
  // Both are in this team, so the service would notice nothing.
  at.saas.users.bob.teams = at.saas.users.alice.teams;
  await fill(at.env, 1);
  const running = startCommand(t, ["sync", "run", "--interval", "1"], at.env);
  await at.saas.until(() => at.saas.events.size === 1);
  await logIn(at, "bob");
  await fill(at.env, 1);
  await at.saas.until(() => at.saas.events.size === 2);
  assert.deepEqual(
    [...at.saas.events.values()].map(({ user }) => user),
    ["alice", "bob"],
  );
  running.child.kill("SIGINT");
  await running.ended;
});

test("S-001 after a switch to an account of another service, sync run sends none of its events to the first service", async (t) => {
  const at = await loggedInScene(t);
  const other = await startFakeSaas();
  t.after(() => other.close());
  // In a team of the same name, so the first service would notice nothing.
  other.users.bob.teams = at.saas.users.alice.teams;
  const env = { ...at.env, SPEC_KITTY_SAAS_URL: undefined };
  await logIn({ ...at, saas: other }, "bob", "work");
  await fill(env, 1);
  const running = startCommand(t, ["sync", "run", "--interval", "1"], env);
  await at.saas.until(() => at.saas.events.size === 1);
  assert.equal((await at.here("auth switch work", env)).code, 0);
  await fill(env, 1);
  await fill({ ...env, SPEC_KITTY_PROFILE: "default" }, 1);
  await at.saas.until(() => at.saas.events.size === 2);
  running.child.kill("SIGINT");
  await running.ended;
  assert.equal((await at.here("sync now", env)).code, 0);
  assert.deepEqual(
    [...other.events.values()].map(({ user }) => user),
    ["bob"],
  );
  assert.deepEqual([at.saas.events.size, queueFiles(at, /\/events\/./).length], [2, 0]);
});

test("sync run ends when the session is revoked, with a hint to log in", async (t) => {
  const at = await loggedInScene(t);
  for (const id of at.saas.sessions.keys()) at.saas.revoke(id);
  at.saas.expireAccessTokens();
  await storeSession(at.saas, at.env, { ...sessionOf(at.saas), refreshToken: undefined });
  const { code, stderr } = await at.here("sync run");
  assert.equal(code, 4);
  assert.match(stderr, /\nhint: .*spec-kitty auth login/);
});

test("sync run under a token from the environment sends that user's events", async (t) => {
  const at = await loggedInScene(t);
  const env = { ...at.env, SPEC_KITTY_ACCESS_TOKEN: at.saas.issue({ user: "bob" }).access_token };
  const running = startCommand(t, ["sync", "run", "--interval", "1"], env);
  await running.shows(/Press Ctrl-C to stop/);
  await fill(env, 3);
  await at.saas.until(() => at.saas.events.size === 3);
  running.child.kill("SIGINT");
  assert.equal((await running.ended).code, 130);
  assert.ok([...at.saas.events.values()].every(({ user }) => user === "bob"));
});

const root = fileURLToPath(new URL("../..", import.meta.url));

/** In a directory with this package installed, as far as imports can tell. */
async function runScript(
  t: TestContext,
  at: Scene,
  text: string,
  more: CommandEnvironment = {},
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const project = join(at.folder, "project");
  mkdirSync(join(project, "node_modules"), { recursive: true });
  symlinkSync(root, join(project, "node_modules", "spec-kitty"));
  writeFileSync(join(project, "script.mjs"), text);
  const child = spawn(process.execPath, ["script.mjs"], {
    cwd: project,
    env: { ...at.env, ...more },
    stdio: ["ignore", "pipe", "pipe"],
  });
  t.after(() => void child.kill("SIGKILL"));
  const [stdout, stderr, [code]] = await Promise.all([
    child.stdout.toArray(),
    child.stderr.toArray(),
    // A service may hold it up for 5 s.
    until("the script ends", once(child, "close") as Promise<[number | null]>, 15_000),
  ]);
  return { code, stdout: stdout.join(""), stderr: stderr.join("") };
}

const library = `
  import { createSyncRuntime } from "spec-kitty/sync";
  const sync = createSyncRuntime();
  sync.start();
  const report = await sync.emit({ event_type: "HistoryAdded", aggregate_id: "WP01", payload: { wp_id: "WP01", entry_type: "note", entry_content: "hello" } });
  if (report.outcome !== "queued") throw report;
  process.exitCode = 42;`;

test("a program that simply ends has its events sent, and keeps its exit code", async (t) => {
  const at = await loggedInScene(t);
  assert.deepEqual((await runScript(t, at, library)).code, 42);
  assert.equal(at.saas.events.size, 1);
});

test("a service that hangs holds up the end of a program for 5 s at most, prints nothing, and does not change its exit code", async (t) => {
  const at = await loggedInScene(t);
  at.saas.faults.always(batchPath, { hang: true });
  const { code, stdout, stderr } = await runScript(t, at, library);
  assert.deepEqual([code, stdout, stderr], [42, "", ""]);
  assert.equal(at.saas.count(batchPath), 1);
  at.saas.faults.clear();
  assert.equal((await at.here("sync now")).stdout, "✓ Sent 1 event and 0 artifacts.\n");
});

test("a program without a service or a login ends at once, keeps its exit code, and its events wait", async (t) => {
  const at = await loggedInScene(t);
  const more = { SPEC_KITTY_SAAS_URL: undefined, SPEC_KITTY_CONFIG_DIR: join(at.folder, "other") };
  const { code, stderr } = await runScript(t, at, library, more);
  assert.deepEqual([code, stderr], [42, ""]);
  assert.match((await at.here("sync status", more)).stdout, /no account yet +1 event/);
});

test("the sync script of the documents runs unchanged", async (t) => {
  const blocks = [
    ...readFileSync(join(root, "src", "docs", "service.md"), "utf8").matchAll(/^```ts\n(.*?)^```$/gms),
  ].map(([, text = ""]) => text);
  const script = blocks.find((text) => text.includes("createSyncRuntime")) ?? "";
  assert.ok(script.split("\n").length <= 18, "some fifteen lines");
  const at = await loggedInScene(t);
  const { code, stdout, stderr } = await runScript(t, at, script);
  assert.deepEqual([code, stdout, stderr], [0, "sent 1, 0 left\n", ""]);
  assert.deepEqual(
    [...at.saas.events.values()].map(({ event, user }) => [event["event_type"], user]),
    [["WPStatusChanged", "alice"]],
  );
});
