import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { belongs, queuedArtifact, queueFiles, uploadPath } from "../helpers/queue.ts";
import { noTerminal, startOnTerminal } from "../helpers/pseudo-terminal.ts";

test("on a terminal a line shows how many artifacts were sent, and how fast", { skip: noTerminal }, async (t) => {
  const at = await queuedArtifact(t);
  const running = startOnTerminal(t, ["sync", "now"], at.env);
  await running.shows(/Sent 0 events and 1 artifact, \d+(\.\d)? per second …/);
  assert.match((await running.ended).stdout, /✓[^\n]* Sent 0 events and 1 artifact\./);
});

test("an artifact is stored once (201), and one that the service already has counts as delivered (200)", async (t) => {
  const at = await queuedArtifact(t, "\ufeff# Plän\n");
  assert.equal((await at.run("sync now")).stdout, "✓ Sent 0 events and 1 artifact.\n");
  const stored = at.saas.artifacts.get("docs/plan.md");
  assert.equal(stored?.body["content_body"], "\ufeff# Plän\n");
  assert.deepEqual(
    [stored?.body["mission_slug"], stored?.body["target_branch"], stored?.user],
    ["login", "main", "alice"],
  );
  await at.run(`sync upload ${join(at.folder, "plan.md")} ${belongs} --as docs/plan.md`);
  assert.equal((await at.here("sync now --strict")).code, 0);
  assert.deepEqual(
    at.saas.requests.filter(({ path }) => path === uploadPath).map(({ status }) => status),
    [201, 200],
  );
  assert.deepEqual(queueFiles(at, /artifacts/), []);
});
