import assert from "node:assert/strict";
import { test } from "node:test";
import { startCommand } from "../helpers/command.ts";
import { batchPath, deliveries, fill, full, loggedInScene, thirdBatch, waitingEvents } from "../helpers/queue.ts";

test("5,000 events whose drain is killed twice reach the service exactly once", async (t) => {
  const at = await loggedInScene(t);
  const { saas, env } = at;
  const ids = await fill(env, 5000);
  // Once between the service's commit of a batch and its response; once after the responses, during removal.
  saas.faults.next(batchPath, { hang: "after", when: () => saas.count(batchPath) === 3 });
  const first = startCommand(t, ["sync", "now"], env);
  await saas.until(() => saas.events.size > 0 && saas.count(batchPath) === 3 && saas.requests.at(-1)?.status === 0);
  first.child.kill("SIGKILL");
  assert.equal((await first.ended).signal, "SIGKILL");
  const second = startCommand(t, ["sync", "now"], env);
  await saas.until(() => saas.count(batchPath, ({ status }) => status === 200) >= 5);
  second.child.kill("SIGKILL");
  assert.equal((await second.ended).signal, "SIGKILL");
  const { code, stderr } = await at.run("sync now");
  assert.deepEqual([code, stderr], [0, ""]);
  assert.deepEqual(new Set(saas.events.keys()), new Set(ids));
  assert.ok([...saas.events.values()].every(({ taken }) => taken));
  // At most the batches in progress at a kill were sent twice, and recognized.
  const repeats = deliveries(saas).filter((count) => count > 1).length;
  assert.ok(repeats > 0 && repeats < 3000, `${repeats} repeats`);
  assert.equal(await waitingEvents(at), 0);
});

test("two drains at once send nothing twice, and both report what they did", async (t) => {
  const at = await loggedInScene(t);
  await fill(at.env, 2000);
  const both = await Promise.all([at.run("sync now --json"), at.run("sync now --json")]);
  assert.deepEqual(
    both.map(({ code, stderr }) => [code, stderr]),
    [
      [0, ""],
      [0, ""],
    ],
  );
  const delivered = both.map(
    ({ stdout }) => (JSON.parse(stdout) as { events: { delivered: number } }).events.delivered,
  );
  assert.equal(
    delivered.reduce((sum, count) => sum + count),
    2000,
  );
  assert.ok(deliveries(at.saas).every((count) => count === 1));
});

test("Ctrl-C in the middle of a drain ends it with 130, and the rest waits", async (t) => {
  const at = await loggedInScene(t);
  await fill(at.env, full, { large: true });
  thirdBatch(at, { hang: true });
  const running = startCommand(t, ["sync", "now"], at.env);
  await at.saas.until(() => at.saas.count(batchPath) === 3);
  running.child.kill("SIGINT");
  assert.equal((await running.ended).code, 130);
  assert.equal((await waitingEvents(at)) + at.saas.events.size, full);
  assert.equal((await at.here("sync now")).code, 0);
  assert.equal(at.saas.events.size, full);
});
