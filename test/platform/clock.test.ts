import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { systemClock } from "../../src/platform/clock.ts";
import { until } from "../helpers/until.ts";

/** Responds on order, whatever this process does: 1 asked, 2 ordered, 3 answered. */
const server = `
  const { createServer } = require("node:http");
  const { parentPort, workerData } = require("node:worker_threads");
  const tell = (state) => { Atomics.store(workerData, 0, state); Atomics.notify(workerData, 0); };
  createServer((request, response) => {
    tell(1);
    Atomics.wait(workerData, 0, 1);
    response.on("finish", () => tell(3)).end("an answer");
  }).listen(0, "127.0.0.1", function () { parentPort.postMessage(this.address().port); });
`;

test("what came while a process was stopped is read before a time limit strikes that has passed meanwhile", async (t) => {
  const state = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(server, { eval: true, workerData: state });
  t.after(() => worker.terminate());
  const [port] = (await once(worker, "message")) as [number];
  const ended = new AbortController();
  const asked = fetch(`http://127.0.0.1:${port}/`, { signal: ended.signal });
  await until("the request arrives", () => Atomics.load(state, 0) === 1);
  const limit = systemClock.timeout(20);
  limit.addEventListener("abort", () => ended.abort(limit.reason));
  const startedAt = performance.now();
  Atomics.store(state, 0, 2);
  Atomics.notify(state, 0);
  // As in a stopped process, this thread runs only after response and limit.
  Atomics.wait(state, 0, 2);
  Atomics.wait(state, 0, 3, startedAt + 40 - performance.now());
  assert.equal(await (await asked).text(), "an answer");
});

test("a time limit ends what takes longer", async () => {
  const signal = systemClock.timeout(20);
  // The limit alone does not keep this process alive.
  await Promise.all([once(signal, "abort"), systemClock.sleep(30)]);
  assert.equal((signal.reason as Error).name, "TimeoutError");
});
