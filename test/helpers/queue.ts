import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { createApp } from "../../src/app/create-app.ts";
import { syncRuntimeOf } from "../../src/app/sync-runtime.ts";
import type { JsonOutput } from "../../src/cli/json-output.ts";
import type { Fault } from "../fake-saas/faults.ts";
import type { FakeOptions } from "../fake-saas/options.ts";
import type { FakeSaas } from "../fake-saas/server.ts";
import type { UserName } from "../fake-saas/users.ts";
import type { CommandEnvironment } from "./command.ts";
import { filesUnder, scene, type Scene } from "./scene.ts";
import { sessionOf, storeSession } from "./stored-session.ts";

export const batchPath = "/api/v1/events/batch/";
export const uploadPath = "/api/dossier/push-content/";
/** Required options of `sync upload`. */
export const belongs = "--project 6b0ed5a2-2a4c-4d83-9c3a-b5f0d4f7a111 --mission login";
export const emitLine = `sync emit HistoryAdded --aggregate WP01 --payload {"wp_id":"WP01","entry_type":"note","entry_content":"hello"}`;
/** A little more large events than three batches, each sent while the next is packed. */
export const full = 100;

/** With alice logged in. */
export async function loggedInScene(t: TestContext, options: Partial<FakeOptions> = {}): Promise<Scene> {
  const at = await scene(t, options);
  await logIn(at, "alice");
  return at;
}

/** A login of another program: the queue is not notified. */
export async function logIn({ saas, env }: Scene, user: UserName, profile = "default"): Promise<void> {
  const teams = saas.users[user].teams.map(({ id, name = id }) => ({ id, name }));
  await storeSession(saas, env, { ...sessionOf(saas, { user, leftMs: 3_600_000 }), teams }, { profile });
}

/** Queues events, many in one file or one by one; returns their ids. A batch has about 26 large ones. */
export async function fill(
  env: CommandEnvironment,
  count: number,
  { together = true, large = false }: { together?: boolean; large?: boolean } = {},
): Promise<string[]> {
  const sync = syncRuntimeOf(createApp({ env }));
  const emit = async (n: number): Promise<string> => {
    const report = await sync.emit({
      event_type: "HistoryAdded",
      aggregate_id: "WP01",
      payload: {
        wp_id: "WP01",
        entry_type: "note",
        entry_content: large ? `entry ${n} ${"x".repeat(9500)}` : `entry ${n}`,
      },
    });
    assert.ok(report.outcome === "queued", JSON.stringify(report));
    return report.event.event_id;
  };
  if (together) return Promise.all(Array.from({ length: count }, (_, n) => emit(n)));
  const ids: string[] = [];
  for (let n = 0; n < count; n++) ids.push(await emit(n));
  return ids;
}

/** Matching paths of the queue, with content. */
export function queueFiles({ config }: Scene, pattern: RegExp): [path: string, content: string][] {
  return [...filesUnder(join(config, "queue"))]
    .filter(([path]) => pattern.test(path))
    .map(([path, content]) => [path, content.toString("utf8")]);
}

/** How often each received event was sent. */
export function deliveries(saas: FakeSaas): number[] {
  return [...saas.events.values()].map((received) => received.deliveries);
}

/** With a queued file. */
export async function queuedArtifact(t: TestContext, content = "# Plan\n"): Promise<Scene> {
  const at = await loggedInScene(t);
  const path = join(at.folder, "plan.md");
  writeFileSync(path, content);
  const { code, stdout, stderr } = await at.here(`sync upload ${path} ${belongs} --as docs/plan.md`);
  assert.deepEqual([code, stdout, stderr], [0, "✓ Queued 1 artifact.\n", ""]);
  assert.equal(at.saas.requests.length, 0, "queued, and nothing asked");
  return at;
}

/** From `sync status --json`. */
export async function waitingScopes(
  at: Scene,
  more: CommandEnvironment = {},
): Promise<JsonOutput["sync status"]["scopes"]> {
  const { code, stdout } = await at.here("sync status --json", more);
  assert.equal(code, 0);
  return (JSON.parse(stdout) as JsonOutput["sync status"]).scopes;
}

/** Of all accounts. */
export async function waitingEvents(at: Scene): Promise<number> {
  return (await waitingScopes(at)).reduce((sum, { events }) => sum + events, 0);
}

/** By default for the third batch request. */
export function thirdBatch({ saas }: Scene, fault: Fault, number = 3): void {
  saas.faults.next(batchPath, {
    ...fault,
    when: (request) => saas.count(batchPath) === number && (fault.when?.(request) ?? true),
  });
}
