import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { deliveries, emitLine, fill, loggedInScene, logIn, queueFiles, waitingScopes } from "../../../helpers/queue.ts";
import { scene } from "../../../helpers/scene.ts";

const asBob = { FAKE_SAAS_USER: "bob" };

test("events from before the first login belong to the first account, even if it never sends them", async (t) => {
  const at = await scene(t);
  await at.here(emitLine);
  await at.here("auth login");
  await at.here("auth logout");
  await at.here("auth login", asBob);
  assert.equal((await at.here("auth whoami")).stdout, "bob@example.com\n");
  assert.equal((await at.here("sync now")).code, 0);
  assert.equal(at.saas.events.size, 0);
  assert.deepEqual(
    (await waitingScopes(at)).map(({ user, events }) => [user, events]),
    [["u_alice", 1]],
    "nobody who is logged in here",
  );
  await at.here("auth login --force");
  assert.equal((await at.here("sync now")).code, 0);
  assert.deepEqual(
    [...at.saas.events.values()].map(({ user }) => user),
    ["alice"],
  );
});

test("a queue that cannot be written is a warning of a login, and an error of sync emit", async (t) => {
  const at = await scene(t);
  await logIn(at, "alice");
  writeFileSync(join(at.config, "queue"), "");
  const { code, stdout, stderr } = await at.here("auth login --force");
  assert.equal(code, 0);
  assert.match(stdout, /^✓ Logged in as alice@example\.com \(Acme Corp\)\./);
  assert.match(stderr, /^warning: cannot assign the queued events to this account: .*queue" /m);
  const emitted = await at.here(emitLine);
  assert.equal(emitted.code, 1);
  assert.match(emitted.stderr, /^error: cannot .* ".*queue.*" .*\nhint: /);
});

test("a file in the place of a directory is named, with a command to look at it", async (t) => {
  const at = await scene(t);
  const file = join(at.folder, "file");
  writeFileSync(file, "");
  for (const args of [emitLine, "sync now", "sync status", "auth status"]) {
    const { code, stderr } = await at.here(args, { SPEC_KITTY_CONFIG_DIR: join(file, "config") });
    assert.equal(code, 1);
    assert.match(stderr, /^error: cannot .* ".*\/file\/config.*" \(ENOTDIR\)\nhint: .*ls -ld .*\/file.*\n$/);
  }
});

test("events emitted with a token from the environment are queued without a request, until the service has named its user", async (t) => {
  const at = await loggedInScene(t);
  const bob = { SPEC_KITTY_ACCESS_TOKEN: at.saas.issue({ user: "bob" }).access_token };
  const alice = { SPEC_KITTY_ACCESS_TOKEN: at.saas.issue({ user: "alice" }).access_token };
  assert.equal((await at.here(emitLine, bob)).code, 0);
  assert.equal(at.saas.requests.length, 0);
  for (const [path, content] of queueFiles(at, /./))
    assert.ok(!`${path}${content}`.includes(bob.SPEC_KITTY_ACCESS_TOKEN));
  for (const other of [{}, alice]) assert.equal((await at.here("sync now", other)).code, 0);
  assert.equal(at.saas.events.size, 0, "nobody else sends it");
  // Once known, the next events are bob's at once, with any token.
  assert.equal((await at.here("sync now", bob)).code, 0);
  assert.equal((await at.here(emitLine, bob)).code, 0);
  const renewed = { SPEC_KITTY_ACCESS_TOKEN: at.saas.issue({ user: "bob" }).access_token };
  assert.equal((await at.here("sync now", renewed)).stdout, "✓ Sent 1 event and 0 artifacts.\n");
  assert.deepEqual(
    [...at.saas.events.values()].map(({ user, team }) => [user, team]),
    [
      ["bob", "tm_bolt"],
      ["bob", "tm_bolt"],
    ],
  );
});

test("sync status warns that nothing is sent only without a login and without a token from the environment", async (t) => {
  const at = await scene(t);
  const given = { SPEC_KITTY_ACCESS_TOKEN: at.saas.issue({ user: "alice" }).access_token };
  assert.equal((await at.here(emitLine, given)).code, 0);
  const warning = 'warning: not logged in (profile "default"), so nothing is sent; to log in: spec-kitty auth login\n';
  assert.equal((await at.here("sync status")).stderr, warning);
  const { stdout, stderr } = await at.here("sync status", given);
  assert.match(stdout, /1 event, 0 artifacts queued/);
  assert.equal(stderr, "");
  assert.equal((await at.here("sync now", given)).stdout, "✓ Sent 1 event and 0 artifacts.\n");
});

test("with a token from the environment and no service, the error is about the service, not about a login", async (t) => {
  const { run, here } = await scene(t);
  const given = { SPEC_KITTY_ACCESS_TOKEN: "at_given", SPEC_KITTY_SAAS_URL: undefined };
  assert.equal((await here(emitLine, given)).code, 0);
  for (const command of ["sync now", "sync watch"]) {
    // Node 20 has a WebSocket only behind a flag.
    const { code, stderr } = await (command === "sync watch" ? run : here)(command, given);
    assert.deepEqual(
      [code, stderr],
      [
        2,
        "error: SPEC_KITTY_SAAS_URL is not set: no service can name the owner of the token\nhint: Set it: export SPEC_KITTY_SAAS_URL=https://service.example\n",
      ],
      command,
    );
  }
});

test("a token from the environment that the service refuses leaves the queue as it is", async (t) => {
  const at = await scene(t);
  const dead = { SPEC_KITTY_ACCESS_TOKEN: "at_unknown" };
  await at.here(emitLine, dead);
  const { code, stderr } = await at.here("sync now", dead);
  assert.equal(code, 4);
  assert.match(stderr, /^error: the service rejects the access token from SPEC_KITTY_ACCESS_TOKEN/);
  assert.equal((await waitingScopes(at))[0]?.events, 1);
});

test("after a switch, no event of the first account is sent as the second, and each account drains its own", async (t) => {
  const at = await loggedInScene(t);
  await fill(at.env, 1500);
  await logIn(at, "bob", "work");
  await fill({ ...at.env, SPEC_KITTY_PROFILE: "work" }, 700);
  assert.equal((await at.here("auth switch work")).code, 0);
  assert.equal((await at.here("sync now")).stdout, "✓ Sent 700 events and 0 artifacts.\n");
  assert.ok([...at.saas.events.values()].every(({ user, team }) => user === "bob" && team === "tm_bolt"));
  assert.deepEqual(
    (await waitingScopes(at)).map(({ user, events }) => [user, events]),
    [["alice@example.com", 1500]],
  );
  await at.here("auth switch default");
  assert.equal((await at.here("sync now")).stdout, "✓ Sent 1500 events and 0 artifacts.\n");
  assert.equal(
    [...at.saas.events.values()].filter(({ user, team }) => user === "alice" && team === "tm_acme").length,
    1500,
  );
  assert.ok(deliveries(at.saas).every((count) => count === 1));
});

test("a report that cannot be written is an error before anything is sent", async (t) => {
  const at = await loggedInScene(t);
  await fill(at.env, 1);
  const { code, stderr } = await at.here(`sync now --report ${join(at.folder, "nowhere", "report.json")}`);
  assert.equal(code, 2);
  assert.match(stderr, /^error: --report: cannot write .*ENOENT.*\nhint: /);
  assert.equal(at.saas.requests.length, 0);
});

test("S-005 no file of the queue holds a token", async (t) => {
  const at = await loggedInScene(t);
  await fill(at.env, 10);
  await at.here("sync now");
  await at.here(emitLine);
  const files = queueFiles(at, /./);
  assert.ok(files.length > 0);
  for (const [path, content] of files)
    for (const secret of at.saas.issued.keys()) assert.ok(!content.includes(secret), path);
});
