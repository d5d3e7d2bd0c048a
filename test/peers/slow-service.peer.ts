// A service that really takes 35 s.
import assert from "node:assert/strict";
import { test } from "node:test";
import { startCommand } from "../helpers/command.ts";
import { scene } from "../helpers/scene.ts";
import { sessionOf, storeSession } from "../helpers/stored-session.ts";
import { until } from "../helpers/until.ts";

test("NFR-016 auth token waits 35 s for a service that takes so long, says so after a second, and prints the token for all who wait", async (t) => {
  const { saas, env } = await scene(t);
  await storeSession(saas, env, sessionOf(saas));
  saas.faults.next("/oauth/token", { delayAnswerMs: 35_000 });
  const first = startCommand(t, ["auth", "token"], env);
  await first.shows(new RegExp(`^Waiting for ${new URL(saas.url).host} to refresh the session …$`, "m"));
  const second = startCommand(t, ["auth", "token"], env);
  await second.shows(new RegExp(`^Waiting for process ${first.child.pid} to refresh the session …$`, "m"));
  const results = await until("both end", Promise.all([first.ended, second.ended]), 50_000);
  const [token = ""] = results.map(({ stdout }) => stdout.trim());
  assert.equal(saas.accessTokens.get(token)?.session.user, "alice");
  for (const { code, stdout, stderr } of results)
    assert.deepEqual([code, stdout, stderr.split("\n").length], [0, `${token}\n`, 2], stderr);
  const { refreshes, reuses, revocations } = saas.counters;
  assert.deepEqual([refreshes, reuses, revocations], [1, 0, 0]);
});
