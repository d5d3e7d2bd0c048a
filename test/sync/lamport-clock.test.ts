import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { systemClock } from "../../src/platform/clock.ts";
import { acquireProcessLock } from "../../src/platform/process-lock/process-lock.ts";
import { createLamportClock } from "../../src/sync/lamport-clock.ts";
import { typescript } from "../helpers/command.ts";
import { temporaryFolder } from "./support.ts";

test("each event gets the next number, across clocks of the same directory", async (t) => {
  const folder = temporaryFolder(t);
  assert.equal(await createLamportClock(folder, systemClock).tick(1), 1);
  assert.equal(await createLamportClock(folder, systemClock).tick(3), 2);
  assert.equal(await createLamportClock(folder, systemClock).tick(1), 5);
});

test("a received event moves the clock to max(local, seen) + 1", async (t) => {
  const clock = createLamportClock(temporaryFolder(t), systemClock);
  await clock.observe(41);
  assert.equal(await clock.tick(1), 43);
  await clock.observe(7);
  assert.equal(await clock.tick(1), 45);
});

for (const seen of [Number.MAX_SAFE_INTEGER, 2 ** 53, -1, 1.5, NaN, Infinity]) {
  test(`a received ${seen} does not move the clock`, async (t) => {
    const clock = createLamportClock(temporaryFolder(t), systemClock);
    await clock.observe(seen);
    assert.equal(await clock.tick(1), 1);
  });
}

for (const damage of ["", "NaN", "-5", "99999999999999999999", "{}"]) {
  test(`after a file that holds ${JSON.stringify(damage)}, the clock continues from the time of day`, async (t) => {
    const folder = temporaryFolder(t);
    writeFileSync(join(folder, "lamport-clock"), damage, { mode: 0o600 });
    assert.ok((await createLamportClock(folder, systemClock).tick(1)) > 1_600_000_000_000);
  });
}

test("a number waits for another process that takes one", async (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, "lamport-clock");
  const lock = await acquireProcessLock(`${path}.lock`, { clock: systemClock, timeoutMs: 10_000 });
  const number = createLamportClock(folder, systemClock).tick(1);
  // All that a tick does without waiting for the lock is done then.
  await setImmediate();
  writeFileSync(path, "41\n", { mode: 0o600 });
  await lock.release();
  assert.equal(await number, 42);
});

test("three processes at once use each number once", async (t) => {
  const folder = temporaryFolder(t);
  const script = `
    import { createLamportClock } from ${JSON.stringify(import.meta.resolve("../../src/sync/lamport-clock.ts"))};
    import { systemClock } from ${JSON.stringify(import.meta.resolve("../../src/platform/clock.ts"))};
    const clock = createLamportClock(${JSON.stringify(folder)}, systemClock);
    for (let n = 0; n < 25; n++) console.log(await clock.tick(1));`;
  const outputs = Array.from({ length: 3 }, async () => {
    const child = spawn(process.execPath, [...typescript, "--input-type=module", "-e", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [chunks] = await Promise.all([child.stdout.toArray(), once(child, "exit")]);
    return chunks.join("").trim().split("\n").map(Number);
  });
  const numbers = (await Promise.all(outputs)).flat().sort((a, b) => a - b);
  assert.deepEqual(
    numbers,
    Array.from({ length: 75 }, (_, n) => n + 1),
  );
  assert.equal(readFileSync(join(folder, "lamport-clock"), "utf8"), "75\n");
});
