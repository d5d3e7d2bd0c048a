import assert from "node:assert/strict";
import { test } from "node:test";
import { startCommand } from "../helpers/command.ts";
import { batchPath, fill, loggedInScene } from "../helpers/queue.ts";
import { scene } from "../helpers/scene.ts";
import { sessionOf, storeSession } from "../helpers/stored-session.ts";

test("S-014 S-015 a 401 with a long body, of which a part is left unread, does not end the process as if it had succeeded", async (t) => {
  const { saas, env, run } = await loggedInScene(t);
  await fill(env, 1);
  for (const path of ["/api/v1/me", batchPath]) saas.faults.always(path, { status: 401, bytes: 3_000_000 });
  for (const [args, error] of [
    ["api GET /api/v1/me", /^error: HTTP 401/m],
    ["sync now --strict", /^error: /m],
  ] as const) {
    const { code, stderr } = await run(args);
    assert.notEqual(code, 0, args);
    assert.match(stderr, error);
  }
});

test("S-015 a command that runs out of work before it has an outcome is a failure that says so", async (t) => {
  const { saas, env, run } = await scene(t);
  await storeSession(saas, env, sessionOf(saas));
  // Never settles and keeps nothing alive, as an abandoned stream.
  const broken = "data:text/javascript,globalThis.fetch=()=>new%20Promise(()=>{})";
  const { code, stdout, stderr } = await run("auth token", { NODE_OPTIONS: `--import=${broken}` });
  assert.deepEqual([code, stdout], [1, ""]);
  assert.match(stderr, /^error: the command ended early\nhint: [^\n]+\n$/m);
});

for (const [args, path, fault] of [
  ["api POST /api/v1/echo -d {}", "/api/v1/echo", { hang: "after" }],
  ["api DELETE /api/v1/echo", "/api/v1/echo", { hang: true }],
  ["sync now", "/api/v1/events/batch/", { hang: "after" }],
  ["tracker run --provider linear --project kitty", "/api/v1/tracker/run/", { hang: "after" }],
  ["auth logout", "/api/v1/logout", { hang: "after" }],
  ["auth refresh", "/oauth/token", { hang: true }],
] as const) {
  test(`S-015 Ctrl-C in "${args}" after the request was sent says that the request may have taken effect`, {
    skip: process.platform === "win32" && "needs signals",
  }, async (t) => {
    const { saas, env } = await loggedInScene(t);
    if (args === "sync now") await fill(env, 1);
    saas.faults.next(path, fault);
    const before = saas.count(path);
    const running = startCommand(t, args.split(" "), env);
    await saas.until(() => saas.count(path) > before);
    running.child.kill("SIGINT");
    await running.shows(/hint: /);
    assert.match(
      running.stderr(),
      /^error: interrupted \(SIGINT\)\nhint: Check whether the request took effect before you try again$/m,
    );
    // A refresh waits for its response; the service gives none.
    if (args === "auth refresh") running.child.kill("SIGINT");
    assert.equal((await running.ended).code, 130);
  });
}

for (const [args, path, status] of [
  ["api GET /api/v1/me", "/api/v1/me", 0],
  ["api GET /api/v1/me", "/api/v1/me", 401],
  ["auth status --check", "/api/v1/me", 0],
] as const) {
  test(`Ctrl-C in "${args}" says that nothing was changed${status ? ", also after a refresh" : ""}`, {
    skip: process.platform === "win32" && "needs signals",
  }, async (t) => {
    const { saas, env } = await loggedInScene(t);
    if (status) saas.faults.next(path, { status, body: { error: "invalid_token" } });
    saas.faults.next(path, { hang: true });
    const before = saas.count(path);
    const running = startCommand(t, args.split(" "), env);
    await saas.until(() => saas.count(path) === before + (status ? 2 : 1));
    running.child.kill("SIGINT");
    const { code, stderr } = await running.ended;
    assert.deepEqual([code, stderr], [130, "error: interrupted (SIGINT)\nhint: Run the command again\n"]);
  });
}
