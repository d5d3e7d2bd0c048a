import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { systemClock } from "../../../../src/platform/clock.ts";
import type { Fault } from "../../../fake-saas/faults.ts";
import { belongs, loggedInScene, queuedArtifact, queueFiles, uploadPath } from "../../../helpers/queue.ts";

const terminal: [title: string, fault: Fault][] = [
  ["400", { status: 400, body: { error: "content_hash_mismatch" } }],
  ["404 namespace_not_found", { status: 404, body: { error: "namespace_not_found" } }],
  ["413", { status: 413, body: { error: "content_too_large" } }],
];
for (const [title, fault] of terminal) {
  test(`after ${title} an artifact goes to the dead-letter directory with the reason, and is not tried again`, async (t) => {
    const at = await queuedArtifact(t);
    at.saas.faults.next(uploadPath, fault);
    const { code, stdout, stderr } = await at.here("sync now --strict");
    assert.deepEqual([code, stdout], [1, "✓ Sent 0 events and 0 artifacts; 1 rejected.\n"]);
    assert.match(stderr, /: the queue sets it aside\n$/);
    const [aside, reason] = queueFiles(at, /artifacts-dead-letter/);
    assert.equal((JSON.parse(aside?.[1] ?? "") as { content_body: string }).content_body, "# Plan\n");
    assert.match(reason?.[1] ?? "", new RegExp(title.slice(0, 3)));
    await at.here("sync now");
    assert.equal(at.saas.count(uploadPath), 1);
  });
}

const passing: [title: string, fault: Fault, code: number][] = [
  ["404 index_entry_not_found", { status: 404, body: { error: "index_entry_not_found" } }, 1],
  ["404 without a body", { status: 404 }, 1],
  ["429", { status: 429 }, 3],
  ["500", { status: 500 }, 3],
  ["no response", { reset: "before" }, 3],
];
for (const [title, fault, expected] of passing) {
  test(`after ${title} an artifact waits two seconds and is tried again`, async (t) => {
    const at = await queuedArtifact(t);
    at.saas.faults.next(uploadPath, fault);
    assert.equal((await at.here("sync now --strict")).code, expected);
    const [[path = ""] = []] = queueFiles(at, /\/artifacts\//);
    const [, due, retries] = /(\d{16})-\w+-1-(\d+)\.jsonl$/.exec(path) ?? [];
    assert.equal(retries, "1");
    const left = Number(due) - Date.now();
    assert.ok(left > -3000 && left <= 2000, `due in ${left} ms`);
    const afterwards = await at.here(
      "sync now",
      {},
      { clock: { ...systemClock, now: () => systemClock.now() + 2000 } },
    );
    assert.equal(afterwards.stdout, "✓ Sent 0 events and 1 artifact.\n");
    assert.equal(at.saas.artifacts.size, 1);
  });
}

test("FR-011 an expired access token is refreshed, and the artifact sent", async (t) => {
  const at = await queuedArtifact(t);
  at.saas.faults.next(uploadPath, {
    when: () => (at.saas.count(uploadPath) === 1 && at.saas.expireAccessTokens(), false),
  });
  assert.equal((await at.here("sync now")).stdout, "✓ Sent 0 events and 1 artifact.\n");
  assert.equal(at.saas.counters.refreshes, 1);
});

const refused: [title: string, name: string, content: Buffer, message: RegExp][] = [
  [
    "another extension",
    "plan.txt",
    Buffer.from("x"),
    /^error: "plan\.txt" has no known extension\nhint: Use one of: \.md, \.json, \.yaml, \.yml, \.csv\n$/,
  ],
  [
    "524,289 bytes",
    "plan.md",
    Buffer.alloc(524_289, "x"),
    /^error: "\S+plan\.md" is longer than 524288 bytes, the maximum\nhint: /,
  ],
  ["invalid UTF-8", "plan.md", Buffer.from([0x61, 0xff]), /^error: "plan\.md" is not valid UTF-8\nhint: /],
];
for (const [title, name, content, message] of refused) {
  test(`a file with ${title} is refused when it is queued`, async (t) => {
    const at = await loggedInScene(t);
    writeFileSync(join(at.folder, name), content);
    const { code, stdout, stderr } = await at.here(`sync upload ${join(at.folder, name)} ${belongs}`);
    assert.deepEqual([code, stdout], [2, ""]);
    assert.match(stderr, message);
    assert.deepEqual(queueFiles(at, /artifacts/), []);
  });
}

test("an artifact of 524,288 bytes is accepted", async (t) => {
  const at = await queuedArtifact(t, "x".repeat(524_288));
  assert.equal((await at.here("sync now --strict")).code, 0);
  assert.equal(at.saas.artifacts.size, 1);
});
