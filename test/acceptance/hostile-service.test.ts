import assert from "node:assert/strict";
import { test } from "node:test";
import { startCommand } from "../helpers/command.ts";
import { rawService, scene } from "../helpers/scene.ts";
import { sessionOf, storeSession } from "../helpers/stored-session.ts";

for (const bytes of [100_000, 3_000_000]) {
  test(`S-014 S-015 a 401 with a body of ${bytes} bytes is a failure of every command, and never a silent success`, async (t) => {
    const { saas, env, run } = await scene(t);
    await storeSession(saas, env, sessionOf(saas, { leftMs: 3_600_000 }));
    await run("sync emit WPStatusChanged --aggregate WP01 --payload {\"wp_id\":\"WP01\",\"from_lane\":\"planned\",\"to_lane\":\"claimed\"}");
    saas.faults.always("/api/v1/me", { status: 401, bytes });
    saas.faults.always("/api/v1/events/batch/", { status: 401, bytes });
    const api = await run("api GET /api/v1/me");
    assert.notEqual(api.code, 0);
    assert.match(api.stderr, /HTTP 401/);
    assert.ok(api.stdout.length >= bytes, `${api.stdout.length} bytes of the answer`);
    const now = await run("sync now --strict");
    assert.notEqual(now.code, 0);
    assert.match(now.stderr, /\nhint: |^error: /);
    assert.equal((await run("auth token")).code, 0, "the session is still there");
  });
}

test("S-015 a command that runs out of work before it has an outcome is a failure that says so", async (t) => {
  const { saas, env, run } = await scene(t);
  await storeSession(saas, env, sessionOf(saas));
  // A fetch that never settles and keeps nothing alive, as an abandoned stream does.
  const broken = "data:text/javascript,globalThis.fetch=()=>new%20Promise(()=>{})";
  const { code, stdout, stderr } = await run("auth token", { NODE_OPTIONS: `--import=${broken}` });
  assert.deepEqual([code, stdout], [1, ""]);
  assert.match(stderr, /^error: the command ended before its work was done\nhint: [^\n]+\n$/m);
});

test("S-005 --debug shows nothing of an answer that is not HTTP and quotes what was sent", async (t) => {
  const { run } = await scene(t);
  const service = await rawService(t, (socket, request) => socket.end(`HTTP/1.1 200 OK\r\nno header ${request.toString().replaceAll("\r\n", " ")}\r\n\r\n`));
  const { code, stdout, stderr } = await run("api POST /x -d {\"pin\":\"4711-hidden\"} --debug", { SPEC_KITTY_SAAS_URL: service, SPEC_KITTY_ACCESS_TOKEN: "at_very-hidden" });
  assert.deepEqual([code, stdout], [3, ""]);
  // Node 20 names the parser's code as well.
  assert.match(stderr, /caused by HTTPParserError( \[HPE_\w+\])?: /);
  assert.doesNotMatch(stderr, /hidden/);
});

for (const [args, path, fault] of [
  ["api POST /api/v1/echo -d {}", "/api/v1/echo", { hang: "after" }],
  ["api DELETE /api/v1/echo", "/api/v1/echo", { hang: true }],
  ["sync now", "/api/v1/events/batch/", { hang: "after" }],
  ["tracker run --provider linear --project kitty", "/api/v1/tracker/run/", { hang: "after" }],
  ["auth logout", "/api/v1/logout", { hang: "after" }],
  ["auth refresh", "/oauth/token", { hang: true }],
] as const) {
  test(`S-015 Ctrl-C in "${args}" after the request was sent says that the service may have done it`, { skip: process.platform === "win32" && "needs signals" }, async (t) => {
    const { saas, env, run } = await scene(t);
    await run("auth login");
    await run("sync emit WPStatusChanged --aggregate WP01 --payload {\"wp_id\":\"WP01\",\"from_lane\":\"planned\",\"to_lane\":\"claimed\"}");
    saas.faults.next(path, fault);
    const before = saas.count(path);
    const running = startCommand(t, args.split(" "), env);
    await saas.until(() => saas.count(path) > before);
    running.child.kill("SIGINT");
    await running.shows(/hint: /);
    assert.match(running.stderr(), /^error: interrupted \(SIGINT\)\nhint: The service may have done it: check before you run it again$/m);
    // A refresh is waited for, so that its answer is not lost; the service gives none here.
    if (args === "auth refresh") running.child.kill("SIGINT");
    assert.equal((await running.ended).code, 130);
  });
}

for (const [args, path, status] of [
  ["api GET /api/v1/me", "/api/v1/me", 0],
  ["api GET /api/v1/me", "/api/v1/me", 401],
  ["auth status --check", "/api/v1/me", 0],
] as const) {
  test(`Ctrl-C in "${args}" says that nothing was changed${status ? ", also after a refresh" : ""}`, { skip: process.platform === "win32" && "needs signals" }, async (t) => {
    const { saas, env, run } = await scene(t);
    await run("auth login");
    if (status) saas.faults.next(path, { status, body: { error: "invalid_token" } });
    saas.faults.next(path, { hang: true });
    const before = saas.count(path);
    const running = startCommand(t, args.split(" "), env);
    await saas.until(() => saas.count(path) === before + (status ? 2 : 1));
    running.child.kill("SIGINT");
    const { code, stderr } = await running.ended;
    assert.deepEqual([code, stderr], [130, "error: interrupted (SIGINT)\nhint: Nothing was changed\n"]);
  });
}
