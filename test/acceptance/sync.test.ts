import assert from "node:assert/strict";
import { writeFileSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { runCommand } from "../helpers/command.ts";
import { noTerminal, startOnTerminal } from "../helpers/pseudo-terminal.ts";
import { deliveries, fill, loggedInScene, logIn, queueFiles } from "../helpers/queue.ts";
import { scene, type Scene } from "../helpers/scene.ts";

const emit = `sync emit HistoryAdded --aggregate WP01 --payload {"wp_id":"WP01","entry_type":"note","entry_content":"hello"}`;
const asBob = { FAKE_SAAS_USER: "bob" };

interface Status {
  scopes: { user?: string; team?: string | null; events: number; artifacts: number; putAside: number }[];
}

async function waiting(at: Scene, more = {}): Promise<Status["scopes"]> {
  const { code, stdout } = await at.run("sync status --json", more);
  assert.equal(code, 0);
  return (JSON.parse(stdout) as Status).scopes;
}

test("events that are emitted without a service and a login wait, and are sent after the first login", async (t) => {
  const at = await scene(t);
  const offline = { SPEC_KITTY_SAAS_URL: undefined };
  for (let n = 0; n < 3; n++) {
    const { code, stdout, stderr } = await at.run(emit, offline);
    assert.deepEqual([code, stderr], [0, ""]);
    assert.match(stdout, /^✓ Queued HistoryAdded [0-9A-Z]{26}\.\n$/);
  }
  assert.match((await at.run("sync status", offline)).stdout, /no account yet +3 events, 0 artifacts queued/);
  const early = await at.run("sync now", offline);
  assert.equal(early.code, 4);
  assert.match(early.stderr, /^error: nobody is logged in, and 3 entries are still queued\nhint: Run: spec-kitty auth login\n$/);
  assert.equal((await at.run("auth login")).code, 0);
  const { code, stdout, stderr } = await at.run("sync now");
  assert.deepEqual([code, stdout, stderr], [0, "✓ Sent 3 events and 0 artifacts.\n", ""]);
  assert.deepEqual([...at.saas.events.values()].map(({ user, team, deliveries }) => [user, team, deliveries]), Array(3).fill(["alice", "tm_acme", 1]));
  assert.deepEqual([...at.saas.events.values()].map(({ event }) => event["lamport_clock"]), [1, 2, 3]);
  assert.deepEqual(await waiting(at), []);
});

test("a user without a name in the system, as in a container, can synchronize too", async (t) => {
  const at = await loggedInScene(t);
  // As `os.userInfo()` does for a user id without a user.
  const code = `import os from "node:os"; import { syncBuiltinESMExports } from "node:module";
    os.userInfo = () => { throw new Error("uv_os_get_passwd returned ENOENT"); }; syncBuiltinESMExports();`;
  const nodeArgs = ["--import", `data:text/javascript,${encodeURIComponent(code)}`];
  for (const args of [emit, "sync status", "sync now"]) {
    const { code: exit, stderr } = await runCommand(t, args.split(" "), at.env, { nodeArgs });
    assert.deepEqual([exit, stderr], [0, ""], args);
  }
  assert.match(String([...at.saas.events.values()][0]?.event["node_id"]), /^[0-9a-f]{12}$/);
});

test("events from before the first login belong to the first account, even if it never sends them", async (t) => {
  const at = await scene(t);
  await at.run(emit);
  await at.run("auth login");
  await at.run("auth logout");
  await at.run("auth login", asBob);
  assert.equal((await at.run("auth whoami")).stdout, "bob@example.com\n");
  assert.equal((await at.run("sync now")).code, 0);
  assert.equal(at.saas.events.size, 0);
  assert.deepEqual((await waiting(at)).map(({ user, events }) => [user, events]), [["u_alice", 1]], "nobody who is logged in here");
  await at.run("auth login --force");
  assert.equal((await at.run("sync now")).code, 0);
  assert.deepEqual([...at.saas.events.values()].map(({ user }) => user), ["alice"]);
});

test("a queue that cannot be written is a warning of a login, and an error of sync emit", async (t) => {
  const at = await scene(t);
  await logIn(at, "alice");
  writeFileSync(join(at.config, "queue"), "");
  const { code, stdout, stderr } = await at.run("auth login --force");
  assert.equal(code, 0);
  assert.match(stdout, /^✓ Logged in as alice@example\.com \(Acme Corp\)\./);
  assert.match(stderr, /^warning: the queue cannot be written, .*queue" /m);
  const emitted = await at.run(emit);
  assert.equal(emitted.code, 1);
  assert.match(emitted.stderr, /^error: ".*queue.*" .*\nhint: /);
});

test("a file in the place of a folder is named, with a command to look at it", async (t) => {
  const at = await scene(t);
  const file = join(at.folder, "file");
  writeFileSync(file, "");
  for (const args of [emit, "sync now", "sync status", "auth status"]) {
    const { code, stderr } = await at.run(args, { SPEC_KITTY_CONFIG_DIR: join(file, "config") });
    assert.equal(code, 1);
    assert.match(stderr, /^error: ".*\/file\/config.*" cannot be .* \(ENOTDIR\)\nhint: .*ls -ld .*\/file.*\n$/);
  }
});

test("events emitted with a token from the environment are queued without a request, until the service has named its user", async (t) => {
  const at = await loggedInScene(t);
  const bob = { SPEC_KITTY_ACCESS_TOKEN: at.saas.issue({ user: "bob" }).access_token };
  const alice = { SPEC_KITTY_ACCESS_TOKEN: at.saas.issue({ user: "alice" }).access_token };
  assert.equal((await at.run(emit, bob)).code, 0);
  assert.equal(at.saas.requests.length, 0);
  for (const [path, content] of queueFiles(at, /./)) assert.ok(!`${path}${content}`.includes(bob.SPEC_KITTY_ACCESS_TOKEN));
  for (const other of [{}, alice]) assert.equal((await at.run("sync now", other)).code, 0);
  assert.equal(at.saas.events.size, 0, "nobody else sends it");
  // Once that is known, the following events are bob's at once, with whatever token.
  assert.equal((await at.run("sync now", bob)).code, 0);
  assert.equal((await at.run(emit, bob)).code, 0);
  const renewed = { SPEC_KITTY_ACCESS_TOKEN: at.saas.issue({ user: "bob" }).access_token };
  assert.equal((await at.run("sync now", renewed)).stdout, "✓ Sent 1 event and 0 artifacts.\n");
  assert.deepEqual([...at.saas.events.values()].map(({ user, team }) => [user, team]), [["bob", "tm_bolt"], ["bob", "tm_bolt"]]);
});

test("with a token from the environment and no service, the error is about the service, not about a login", async (t) => {
  const { run } = await scene(t);
  const given = { SPEC_KITTY_ACCESS_TOKEN: "at_given", SPEC_KITTY_SAAS_URL: undefined };
  assert.equal((await run(emit, given)).code, 0);
  for (const command of ["sync now", "sync watch"]) {
    const { code, stderr } = await run(command, given);
    assert.deepEqual([code, stderr], [2, "error: SPEC_KITTY_SAAS_URL is not set, so there is no service to ask who owns the token\nhint: export SPEC_KITTY_SAAS_URL=https://service.example\n"], command);
  }
});

test("a token from the environment that the service refuses leaves the queue as it is", async (t) => {
  const at = await scene(t);
  const dead = { SPEC_KITTY_ACCESS_TOKEN: "at_unknown" };
  await at.run(emit, dead);
  const { code, stderr } = await at.run("sync now", dead);
  assert.equal(code, 4);
  assert.match(stderr, /^error: the service refuses the access token from the environment/);
  assert.equal((await waiting(at))[0]?.events, 1);
});

test("after a switch, no event of the first account is sent as the second, and each account drains its own", async (t) => {
  const at = await loggedInScene(t);
  await fill(at.env, 1500);
  await logIn(at, "bob", "work");
  await fill({ ...at.env, SPEC_KITTY_PROFILE: "work" }, 700);
  assert.equal((await at.run("auth switch work")).code, 0);
  assert.equal((await at.run("sync now")).stdout, "✓ Sent 700 events and 0 artifacts.\n");
  assert.ok([...at.saas.events.values()].every(({ user, team }) => user === "bob" && team === "tm_bolt"));
  assert.deepEqual((await waiting(at)).map(({ user, events }) => [user, events]), [["alice@example.com", 1500]]);
  await at.run("auth switch default");
  assert.equal((await at.run("sync now")).stdout, "✓ Sent 1500 events and 0 artifacts.\n");
  assert.equal([...at.saas.events.values()].filter(({ user, team }) => user === "alice" && team === "tm_acme").length, 1500);
  assert.ok(deliveries(at.saas).every((count) => count === 1));
});

test("--report writes what was refused and why, and --strict turns that into an exit code", async (t) => {
  const at = await loggedInScene(t);
  const [first = "", second = ""] = await fill(at.env, 3);
  at.saas.judge = ({ event_id }) =>
    event_id === first ? { status: "rejected", error_category: "schema_mismatch", error_message: "no such lane" } : event_id === second ? { status: "rejected", error: "busy" } : undefined;
  const path = join(at.folder, "report.json");
  const { code, stdout, stderr } = await at.run(`sync now --strict --report ${path}`);
  assert.equal(code, 1);
  assert.equal(stdout, "✓ Sent 1 event and 0 artifacts; 2 refused, 1 still queued.\n");
  assert.equal(stderr, `warning: ${first} was refused (no such lane) and set aside\nwarning: ${second} was refused (busy) and stays queued\n`);
  assert.deepEqual(JSON.parse(readFileSync(path, "utf8")), {
    rejections: [
      { id: first, category: "schema_mismatch", reason: "no such lane", dead: true },
      { id: second, reason: "busy", dead: false },
    ],
  });
  // The dead letter is complete, with the reason next to it, and is sent once the user has moved it back.
  const [[aside = "", text = ""] = []] = queueFiles(at, /dead-letter.*\.jsonl$/);
  assert.equal((JSON.parse(text) as { event_id: string }).event_id, first);
  assert.deepEqual(queueFiles(at, /dead-letter.*\.txt$/), [[`${aside}.reason.txt`, "no such lane\n"]]);
  assert.deepEqual((await waiting(at)).map(({ events, putAside }) => [events, putAside]), [[1, 1]]);
  at.saas.judge = () => undefined;
  renameSync(join(at.config, "queue", aside), join(at.config, "queue", aside.replace("events-dead-letter", "events")));
  assert.equal((await at.run("sync now --strict")).stdout, "✓ Sent 2 events and 0 artifacts.\n");
});

test("a report that cannot be written is an error before anything is sent", async (t) => {
  const at = await loggedInScene(t);
  await fill(at.env, 1);
  const { code, stderr } = await at.run(`sync now --report ${join(at.folder, "nowhere", "report.json")}`);
  assert.equal(code, 2);
  assert.match(stderr, /^error: --report: cannot write .*ENOENT.*\nhint: /);
  assert.equal(at.saas.requests.length, 0);
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

test("S-005 no file of the queue holds a token", async (t) => {
  const at = await loggedInScene(t);
  await fill(at.env, 10);
  await at.run("sync now");
  await at.run(emit);
  const files = queueFiles(at, /./);
  assert.ok(files.length > 0);
  for (const [path, content] of files) for (const secret of at.saas.issued.keys()) assert.ok(!content.includes(secret), path);
});
