import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { test } from "node:test";
import type { FakeSaas } from "../fake-saas/server.ts";
import { typescript } from "../helpers/command.ts";
import { alice, fakeSaas, history, runtimeFor, temporaryFolder } from "./support.ts";

const batchPath = "/api/v1/events/batch/";

function drain(folder: string, saas: FakeSaas): ChildProcess {
  const script = fileURLToPath(import.meta.resolve("./drain-process.ts"));
  const token = saas.issue().access_token;
  return spawn(process.execPath, [...typescript, script, folder, saas.url, token], { stdio: ["ignore", "pipe", "inherit"] });
}

async function end(child: ChildProcess): Promise<{ delivered: number; duplicates: number }> {
  const [chunks] = await Promise.all([child.stdout?.toArray(), once(child, "close")]);
  return JSON.parse((chunks ?? []).join("") || '{"delivered":0,"duplicates":0}') as { delivered: number; duplicates: number };
}

async function fill(folder: string, saas: FakeSaas, count: number): Promise<void> {
  const runtime = runtimeFor(folder, saas, alice(saas.url));
  const reports = await Promise.all(Array.from({ length: count }, (_, n) => runtime.emit(history(`entry ${n}`))));
  assert.ok(reports.every(({ outcome }) => outcome === "queued"));
}

test("6,000 events whose drain is killed twice reach the service exactly once", async (t) => {
  const saas = await fakeSaas(t);
  const folder = temporaryFolder(t);
  await fill(folder, saas, 6_000);
  // Once before the answer is sent, once after it was sent and during the removal.
  const first = drain(folder, saas);
  saas.faults.next(batchPath, { hang: "after", when: () => saas.count(batchPath) === 3 });
  await saas.until(() => saas.count(batchPath) === 3 && saas.events.size > 1000);
  first.kill("SIGKILL");
  await end(first);
  const second = drain(folder, saas);
  await saas.until(() => saas.count(batchPath, ({ status }) => status === 200) === 5);
  second.kill("SIGKILL");
  await end(second);
  const last = await end(drain(folder, saas));
  assert.equal(saas.events.size, 6_000);
  assert.ok([...saas.events.values()].every(({ taken }) => taken));
  assert.ok(last.delivered > 0);
  // At most the batches in progress when a process was killed were sent twice: three.
  const repeats = [...saas.events.values()].filter(({ deliveries }) => deliveries > 1).length;
  assert.ok(repeats > 0 && repeats < 3 * 1000, `${repeats} repeats`);
  assert.equal(runtimeFor(folder, saas, alice(saas.url)).queue.scopes().length, 0);
});

test("four processes that drain at once send nothing twice", async (t) => {
  const saas = await fakeSaas(t);
  const folder = temporaryFolder(t);
  await fill(folder, saas, 3000);
  const counts = await Promise.all(Array.from({ length: 4 }, () => end(drain(folder, saas))));
  assert.equal(counts.reduce((sum, { delivered }) => sum + delivered, 0), 3000);
  assert.ok([...saas.events.values()].every(({ deliveries }) => deliveries === 1));
});
