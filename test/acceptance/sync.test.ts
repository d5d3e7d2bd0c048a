import assert from "node:assert/strict";
import { readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { runCommand } from "../helpers/command.ts";
import { noTerminal, startOnTerminal } from "../helpers/pseudo-terminal.ts";
import { emitLine, fill, loggedInScene, queueFiles, waitingScopes } from "../helpers/queue.ts";
import { scene } from "../helpers/scene.ts";

test("events that are emitted without a service and a login wait, and are sent after the first login", async (t) => {
  const at = await scene(t);
  const offline = { SPEC_KITTY_SAAS_URL: undefined };
  for (let n = 0; n < 3; n++) {
    const { code, stdout, stderr } = await (n === 0 ? at.run : at.here)(emitLine, offline);
    assert.deepEqual([code, stderr], [0, ""]);
    assert.match(stdout, /^✓ Queued HistoryAdded [0-9A-Z]{26}\.\n$/);
  }
  assert.match((await at.here("sync status", offline)).stdout, /no account yet +3 events, 0 artifacts queued/);
  const early = await at.run("sync now", offline);
  assert.equal(early.code, 4);
  assert.match(
    early.stderr,
    /^error: not logged in, and 3 entries are still queued\nhint: Run: spec-kitty auth login\n$/,
  );
  assert.equal((await at.here("auth login")).code, 0);
  const { code, stdout, stderr } = await at.run("sync now");
  assert.deepEqual([code, stdout, stderr], [0, "✓ Sent 3 events and 0 artifacts.\n", ""]);
  assert.deepEqual(
    [...at.saas.events.values()].map(({ user, team, deliveries }) => [user, team, deliveries]),
    Array(3).fill(["alice", "tm_acme", 1]),
  );
  assert.deepEqual(
    [...at.saas.events.values()].map(({ event }) => event["lamport_clock"]),
    [1, 2, 3],
  );
  assert.deepEqual(await waitingScopes(at), []);
});

test("with an empty queue sync now says that there is nothing to send, and sends nothing", async (t) => {
  const at = await loggedInScene(t);
  const before = at.saas.requests.length;
  assert.deepEqual(await at.run("sync now"), { code: 0, signal: null, stdout: "Nothing to send.\n", stderr: "" });
  assert.equal((await at.here("sync now --strict")).stdout, "Nothing to send.\n");
  assert.equal(at.saas.requests.length, before);
  await fill(at.env, 1);
  assert.equal((await at.here("sync now")).stdout, "✓ Sent 1 event and 0 artifacts.\n");
  assert.equal((await at.here("sync now")).stdout, "Nothing to send.\n");
});

test("a user without a name in the system, as in a container, can synchronize too", async (t) => {
  const at = await loggedInScene(t);
  // As `os.userInfo()` for a user id without a user.
  const code = `import os from "node:os"; import { syncBuiltinESMExports } from "node:module";
    os.userInfo = () => { throw new Error("uv_os_get_passwd returned ENOENT"); }; syncBuiltinESMExports();`;
  const nodeArgs = ["--import", `data:text/javascript,${encodeURIComponent(code)}`];
  for (const args of [emitLine, "sync status", "sync now"]) {
    const { code: exit, stderr } = await runCommand(t, args.split(" "), at.env, { nodeArgs });
    assert.deepEqual([exit, stderr], [0, ""], args);
  }
  assert.match(String([...at.saas.events.values()][0]?.event["node_id"]), /^[0-9a-f]{12}$/);
});

test("--report writes what was refused and why, and --strict turns that into an exit code", async (t) => {
  const at = await loggedInScene(t);
  const [first = "", second = ""] = await fill(at.env, 3);
  at.saas.judge = ({ event_id }) =>
    event_id === first
      ? { status: "rejected", error_category: "schema_mismatch", error_message: "no such lane" }
      : event_id === second
        ? { status: "rejected", error: "busy" }
        : undefined;
  const path = join(at.folder, "report.json");
  const { code, stdout, stderr } = await at.run(`sync now --strict --report ${path}`);
  assert.equal(code, 1);
  assert.equal(stdout, "✓ Sent 1 event and 0 artifacts; 2 rejected, 1 still queued.\n");
  assert.equal(
    stderr,
    `warning: the service rejected ${first} (no such lane): the queue sets it aside\nwarning: the service rejected ${second} (busy): the queue keeps it\n`,
  );
  assert.deepEqual(JSON.parse(readFileSync(path, "utf8")), {
    rejections: [
      { id: first, category: "schema_mismatch", reason: "no such lane", givenUp: true },
      { id: second, reason: "busy", givenUp: false },
    ],
  });
  // The dead letter is complete, with its reason, and is sent once moved back.
  const [[aside = "", text = ""] = []] = queueFiles(at, /dead-letter.*\.jsonl$/);
  assert.equal((JSON.parse(text) as { event_id: string }).event_id, first);
  assert.deepEqual(queueFiles(at, /dead-letter.*\.txt$/), [[`${aside}.reason.txt`, "no such lane\n"]]);
  assert.deepEqual(
    (await waitingScopes(at)).map(({ events, givenUp }) => [events, givenUp]),
    [[1, 1]],
  );
  at.saas.judge = () => undefined;
  renameSync(join(at.config, "queue", aside), join(at.config, "queue", aside.replace("events-dead-letter", "events")));
  assert.equal((await at.here("sync now --strict")).stdout, "✓ Sent 2 events and 0 artifacts.\n");
});

test("on a terminal a line shows the progress of a drain", { skip: noTerminal }, async (t) => {
  const at = await loggedInScene(t);
  await fill(at.env, 1500);
  const running = startOnTerminal(t, ["sync", "now"], at.env);
  await running.shows(/Sent \d+ events, \d+(\.\d)? per second …/);
  const { code, stdout } = await running.ended;
  assert.equal(code, 0);
  assert.match(stdout, /Sent 1500 events and 0 artifacts\./);
});
