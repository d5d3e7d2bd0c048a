import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { AuthError } from "../../src/base/errors.ts";
import { artifactItem, type ArtifactInput } from "../../src/sync/artifacts.ts";
import type { SyncRuntime } from "../../src/sync/runtime.ts";
import type { FakeSaas } from "../fake-saas/server.ts";
import { alice, fakeSaas, filesIn, runtimeFor, standingClock, temporaryFolder } from "./support.ts";

const path = "/api/dossier/push-content/";

function artifact(content: string | Uint8Array = "# Plan\n", artifact_path = "docs/plan.md"): ArtifactInput {
  return {
    project_uuid: "6f2b8f6e-3a4e-4a57-9d0c-2f6f4c0f2a11",
    mission_slug: "first",
    target_branch: "main",
    mission_type: "software",
    manifest_version: "1",
    artifact_path,
    content: typeof content === "string" ? Buffer.from(content) : content,
  };
}

interface Stage {
  saas: FakeSaas;
  folder: string;
  runtime: SyncRuntime;
  clock: ReturnType<typeof standingClock>;
  waiting: () => number;
  dead: () => number;
}

async function stage(t: TestContext): Promise<Stage> {
  const saas = await fakeSaas(t);
  const folder = temporaryFolder(t);
  const clock = standingClock();
  const runtime = runtimeFor(folder, saas, alice(saas.url), { clock });
  const scope = runtime.queue.scopeOf({ profile: "default", service: saas.url, account: alice(saas.url) });
  return {
    saas,
    folder,
    runtime,
    clock,
    waiting: () => scope.artifacts.count(),
    dead: () => scope.artifacts.countDead(),
  };
}

for (const [title, input, expected] of [
  ["an ending that the service does not take", artifact("x", "plan.exe"), /"plan.exe" has no known extension/],
  ["one byte too many", artifact("x".repeat(524_289)), /is 524289 bytes long/],
  ["bytes that are no UTF-8", artifact(Buffer.from([0x61, 0xff])), /is not valid UTF-8/],
] as const) {
  test(`an artifact with ${title} is refused before it is queued`, () => {
    assert.throws(
      () => artifactItem(input, "A", 0),
      (error) => error instanceof AuthError && error.code === "usage_invalid" && expected.test(error.message),
    );
  });
}

test("an artifact of 524,288 bytes is accepted, and its hash is that of the raw bytes, including a byte order mark", () => {
  const { text } = artifactItem(artifact(`\ufeff${"x".repeat(524_285)}`), "A", 0);
  const { content_hash, content_body, hash_algorithm } = JSON.parse(text);
  assert.equal(hash_algorithm, "sha256");
  assert.equal(content_hash, createHash("sha256").update(content_body).digest("hex"));
  assert.equal(content_body.codePointAt(0), 0xfeff);
});

test("an artifact is uploaded once, and one that the service already has counts as delivered", async (t) => {
  const { saas, runtime, waiting } = await stage(t);
  await runtime.upload(artifact());
  assert.equal((await runtime.flush()).artifacts.delivered, 1);
  assert.equal(saas.artifacts.get("docs/plan.md")?.body["content_body"], "# Plan\n");
  await runtime.upload(artifact());
  assert.equal((await runtime.flush()).artifacts.delivered, 1);
  assert.deepEqual(
    saas.requests.filter((request) => request.path === path).map(({ status }) => status),
    [201, 200],
  );
  assert.equal(waiting(), 0);
});

for (const [title, answer] of [
  ["400", { status: 400, body: { error: "bad" } }],
  ["422", { status: 422 }],
  ["404 namespace_not_found", { status: 404, body: { error: "namespace_not_found" } }],
] as const) {
  test(`${title} is final: the artifact goes to the dead-letter directory with the reason`, async (t) => {
    const { saas, folder, runtime, waiting, dead } = await stage(t);
    await runtime.upload(artifact());
    saas.faults.next(path, answer);
    await runtime.flush();
    assert.deepEqual([waiting(), dead()], [0, 1]);
    const reason = filesIn(folder, "reason.txt")[0] ?? "";
    assert.match(readFileSync(join(folder, reason), "utf8"), new RegExp(`returned ${answer.status}`));
  });
}

for (const [title, answer, stops] of [
  ["404 index_entry_not_found", { status: 404, body: { error: "index_entry_not_found" } }, false],
  ["404 of another kind", { status: 404 }, false],
  ["429", { status: 429 }, true],
  ["500", { status: 500 }, true],
  ["a lost connection", { reset: "before" }, true],
] as const) {
  test(`after ${title} the artifact waits 2, 4, 8 … 300 s, and the others ${stops ? "wait for another drain" : "go on"}`, async (t) => {
    const { saas, runtime, clock, waiting } = await stage(t);
    await runtime.upload(artifact());
    clock.advance(1);
    await runtime.upload(artifact("a: 1\n", "docs/a.yaml"));
    saas.faults.always(path, { ...answer, when: ({ body }) => body.includes("plan.md") });
    const first = await runtime.flush();
    assert.equal(first.failure === undefined, !stops);
    assert.equal(first.artifacts.delivered, stops ? 0 : 1);
    await runtime.flush();
    assert.equal(waiting(), 1);
    for (const seconds of [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]) {
      const before = saas.count(path);
      clock.advance(seconds * 1000 - 1);
      await runtime.flush();
      assert.equal(saas.count(path), before, `tried before ${seconds} s`);
      clock.advance(1);
      await runtime.flush();
      assert.equal(saas.count(path), before + 1, `not tried after ${seconds} s`);
    }
  });
}

test("what the caller changes after uploading is not in the artifact", async (t) => {
  const { saas, runtime } = await stage(t);
  const content = Buffer.from("# Plan\n");
  const uploading = runtime.upload({ ...artifact(), content });
  content.fill("x");
  await uploading;
  await runtime.flush();
  assert.equal(
    (JSON.parse(saas.requests.find((request) => request.path === path)?.body ?? "{}") as { content_body?: string })
      .content_body,
    "# Plan\n",
  );
});

test("an artifact that is refused more than 20 times is given up", async (t) => {
  const { saas, runtime, clock, waiting, dead } = await stage(t);
  await runtime.upload(artifact());
  saas.faults.always(path, { status: 404 });
  for (let tries = 1; tries <= 20; tries++) {
    await runtime.flush();
    assert.equal(waiting(), 1);
    clock.advance(300_000);
  }
  await runtime.flush();
  assert.deepEqual([waiting(), dead(), saas.count(path)], [0, 1, 21]);
});

test("401 leaves an artifact untouched", async (t) => {
  const { saas, runtime, waiting } = await stage(t);
  await runtime.upload(artifact());
  saas.expireAccessTokens();
  assert.equal((await runtime.flush()).failure?.code, "session_ended");
  assert.equal(waiting(), 1);
});
