import assert from "node:assert/strict";
import { closeSync, fstatSync, mkdtempSync, openSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { systemClock } from "../../../src/platform/clock.ts";
import { exclusiveOpenFlag, openFileLock } from "../../../src/platform/process-lock/open-file.ts";

/** A kernel that keeps one lock per file until the descriptor that holds it is closed, and reports a held one by `code`. */
function kernel(
  lockFlag: number,
  code: string,
): { open: (path: string, flags: number, mode: number) => number; asked: number[] } {
  const holders = new Map<number, number>();
  const asked: number[] = [];
  return {
    asked,
    open(path, flags, mode) {
      asked.push(flags);
      const fd = openSync(path, flags & ~lockFlag, mode);
      const file = fstatSync(fd).ino;
      const holder = holders.get(file);
      if (holder !== undefined && holder !== fd && isOpenOn(holder, file)) {
        closeSync(fd);
        throw Object.assign(new Error(`${code}: open`), { code, syscall: "open" });
      }
      holders.set(file, fd);
      return fd;
    },
  };
}

function isOpenOn(fd: number, file: number): boolean {
  try {
    return fstatSync(fd).ino === file;
  } catch {
    return false;
  }
}

function place(): string {
  const folder = mkdtempSync(join(tmpdir(), "process-lock-"));
  after(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, "lock");
}

test("the kernel's lock in open(2) is used where there is one", () => {
  assert.equal(exclusiveOpenFlag("darwin"), 0x20);
  assert.equal(exclusiveOpenFlag("freebsd"), 0x20);
  assert.equal(exclusiveOpenFlag("win32"), 0x10000000);
  assert.equal(exclusiveOpenFlag("linux"), undefined);
  assert.equal(exclusiveOpenFlag("android"), undefined);
});

for (const [platform, code] of [
  ["darwin", "EAGAIN"],
  ["win32", "EBUSY"],
] as const) {
  const flag = exclusiveOpenFlag(platform) ?? 0;

  test(`on ${platform} a file opened with the lock excludes every other opening until it is closed`, () => {
    const path = place();
    const { open, asked } = kernel(flag, code);
    const lock = openFileLock(flag, open);
    assert.equal(lock.inspect(path), undefined);
    const first = lock.contend(path, systemClock).attempt();
    assert.equal(first?.held(), true);
    const waiting = lock.contend(path, systemClock);
    assert.equal(waiting.attempt(), undefined);
    assert.equal(waiting.evictDead(), false);
    assert.equal(lock.removeDead(path), false);
    const holder = lock.inspect(path);
    assert.equal(holder?.pid, process.pid);
    assert.equal(holder?.state, "running");
    first?.release();
    assert.equal(first?.held(), false);
    assert.equal(lock.inspect(path), undefined);
    assert.deepEqual(readdirSync(join(path, "..")), ["lock"], "the file stays");
    const second = waiting.attempt();
    first?.release();
    assert.equal(second?.held(), true);
    second?.release();
    assert.ok(asked.every((flags) => (flags & flag) === flag));
  });

  test(`on ${platform} a failure other than a held lock is an error`, () => {
    const { open } = kernel(flag, code);
    const lock = openFileLock(flag, open);
    assert.throws(() => lock.contend(join(place(), "missing", "lock"), systemClock).attempt(), { code: "ENOENT" });
  });
}

test("a holder whose file was removed no longer holds the lock, and a lock on a removed file is not one", () => {
  const path = place();
  const flag = exclusiveOpenFlag("darwin") ?? 0;
  const { open } = kernel(flag, "EAGAIN");
  const lock = openFileLock(flag, open);
  const first = lock.contend(path, systemClock).attempt();
  rmSync(path);
  assert.equal(first?.held(), false);
  const second = lock.contend(path, systemClock).attempt();
  assert.equal(second?.held(), true);
  first?.release();
  assert.equal(second?.held(), true);
  second?.release();
  const late = openFileLock(flag, (...all) => {
    const fd = open(...all);
    rmSync(path);
    return fd;
  });
  assert.equal(late.contend(path, systemClock).attempt(), undefined);
});
