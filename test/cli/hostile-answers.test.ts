import assert from "node:assert/strict";
import { test } from "node:test";
import { batchPath, fill, loggedInScene } from "../helpers/queue.ts";
import { rawService, scene } from "../helpers/scene.ts";

for (const bytes of [100_000, 3_000_000]) {
  test(`S-014 S-015 a 401 with a body of ${bytes} bytes is a failure of every command, and never a silent success`, async (t) => {
    const { saas, env, here } = await loggedInScene(t);
    await fill(env, 1);
    saas.faults.always("/api/v1/me", { status: 401, bytes });
    saas.faults.always(batchPath, { status: 401, bytes });
    const api = await here("api GET /api/v1/me");
    assert.notEqual(api.code, 0);
    assert.match(api.stderr, /HTTP 401/);
    assert.ok(api.stdout.length >= bytes, `${api.stdout.length} bytes of the answer`);
    const now = await here("sync now --strict");
    assert.notEqual(now.code, 0);
    assert.match(now.stderr, /\nhint: |^error: /);
    assert.equal((await here("auth token")).code, 0, "the session is still there");
  });
}

test("S-005 --debug shows nothing of a response that is not HTTP and quotes what was sent", async (t) => {
  const { here } = await scene(t);
  const service = await rawService(t, (socket, request) =>
    socket.end(`HTTP/1.1 200 OK\r\nno header ${request.toString().replaceAll("\r\n", " ")}\r\n\r\n`),
  );
  const { code, stdout, stderr } = await here('api POST /x -d {"pin":"4711-hidden"} --debug', {
    SPEC_KITTY_SAAS_URL: service,
    SPEC_KITTY_ACCESS_TOKEN: "at_very-hidden",
  });
  assert.deepEqual([code, stdout], [3, ""]);
  // Node 20 names the parser's code as well.
  assert.match(stderr, /caused by HTTPParserError( \[HPE_\w+\])?: /);
  assert.doesNotMatch(stderr, /hidden/);
});
