import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { loggedInScene, queueFiles } from "../helpers/queue.ts";
import { noTerminal, startOnTerminal } from "../helpers/pseudo-terminal.ts";
import type { Scene } from "../helpers/scene.ts";

const uploadPath = "/api/dossier/push-content/";
const belongs = "--project 6b0ed5a2-2a4c-4d83-9c3a-b5f0d4f7a111 --mission login";

/** A scene with a file in it, which is queued. */
async function queued(t: TestContext, content = "# Plan\n"): Promise<Scene> {
  const at = await loggedInScene(t);
  const path = join(at.folder, "plan.md");
  writeFileSync(path, content);
  const { code, stdout, stderr } = await at.here(`sync upload ${path} ${belongs} --as docs/plan.md`);
  assert.deepEqual([code, stdout, stderr], [0, "✓ Queued 1 artifact.\n", ""]);
  assert.equal(at.saas.requests.length, 0, "queued, and nothing asked");
  return at;
}

test("on a terminal a line shows how many artifacts were sent, and how fast", { skip: noTerminal }, async (t) => {
  const at = await queued(t);
  const running = startOnTerminal(t, ["sync", "now"], at.env);
  await running.shows(/Sent 0 events and 1 artifact, \d+(\.\d)? per second …/);
  assert.match((await running.ended).stdout, /✓[^\n]* Sent 0 events and 1 artifact\./);
});

test("an artifact is stored once (201), and one that the service already has counts as delivered (200)", async (t) => {
  const at = await queued(t, "\ufeff# Plän\n");
  assert.equal((await at.run("sync now")).stdout, "✓ Sent 0 events and 1 artifact.\n");
  const stored = at.saas.artifacts.get("docs/plan.md");
  assert.equal(stored?.body["content_body"], "\ufeff# Plän\n");
  assert.deepEqual([stored?.body["mission_slug"], stored?.body["target_branch"], stored?.user], ["login", "main", "alice"]);
  await at.run(`sync upload ${join(at.folder, "plan.md")} ${belongs} --as docs/plan.md`);
  assert.equal((await at.here("sync now --strict")).code, 0);
  assert.deepEqual(at.saas.requests.filter(({ path }) => path === uploadPath).map(({ status }) => status), [201, 200]);
  assert.deepEqual(queueFiles(at, /artifacts/), []);
});
