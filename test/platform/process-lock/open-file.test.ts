import assert from "node:assert/strict";
import {
  closeSync,
  fstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { systemClock } from "../../../src/platform/clock.ts";
import { inspectDirectory } from "../../../src/platform/process-lock/directory.ts";
import { newName } from "../../../src/platform/process-lock/entry.ts";
import type { Contender } from "../../../src/platform/process-lock/holder.ts";
import {
  contendForFile,
  exclusiveOpenFlag,
  judgeByFile,
  removeLockFile,
} from "../../../src/platform/process-lock/open-file.ts";

/** One lock per file until the descriptor is closed; `code` for a held one. */
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

  test(`on ${platform} a file opened with the lock excludes every other opening, and its holder takes the directory too`, async () => {
    const path = place();
    const { open, asked } = kernel(flag, code);
    const contend = (): Contender => contendForFile(path, systemClock, flag, open);
    const first = contend().attempt();
    assert.equal(first?.held(), true);
    assert.ok(["lock", "lockfile"].every((name) => readdirSync(join(path, "..")).includes(name)));
    const waiting = contend();
    assert.equal(waiting.attempt(), undefined);
    assert.equal(await waiting.takeOver(), undefined);
    const holder = await inspectDirectory(path, judgeByFile(path, flag, open));
    assert.equal(holder?.pid, process.pid);
    first?.release();
    assert.equal(first?.held(), false);
    assert.equal(await inspectDirectory(path, judgeByFile(path, flag, open)), undefined);
    assert.deepEqual(readdirSync(join(path, "..")), ["lockfile"], "the file stays");
    const second = waiting.attempt();
    first?.release();
    assert.equal(second?.held(), true);
    second?.release();
    assert.ok(asked.every((flags) => (flags & flag) === flag));
  });

  test(`on ${platform} a lock that a process of another system holds is respected, and so is its silence`, async () => {
    const path = place();
    const { open } = kernel(flag, code);
    mkdirSync(path);
    let entry = join(path, "0123456789abcdef.0.1.123.0.elsewhere");
    writeFileSync(entry, "");
    let now = 0;
    const contender = contendForFile(path, { ...systemClock, monotonic: () => now }, flag, open);
    assert.equal(contender.attempt(), undefined);
    assert.equal(await contender.takeOver(), undefined);
    assert.equal(contender.isUndecided(0), true);
    const behind = contendForFile(path, systemClock, flag, open);
    assert.equal(behind.attempt() ?? (await behind.takeOver()), undefined);
    assert.equal(behind.isUndecided(0), false, "one process of a machine watches");
    for (now = 2_000; now <= 26_000; now += 2_000) assert.equal(await contender.takeOver(), undefined);
    renameSync(entry, (entry = entry.replace(".0.1.", ".1.1.")));
    for (; now <= 54_000; now += 2_000) assert.equal(await contender.takeOver(), undefined);
    const lock = await contender.takeOver();
    assert.equal(lock?.held(), true);
    lock?.release();
    contender.withdraw();
    assert.deepEqual(readdirSync(join(path, "..")), ["lockfile"]);
  });

  test(`NFR-017 on ${platform} the lock of a dead process of the same machine is free at once`, async () => {
    const path = place();
    const { open } = kernel(flag, code);
    mkdirSync(path);
    writeFileSync(join(path, newName().name), "");
    const contender = contendForFile(path, systemClock, flag, open);
    assert.equal(contender.attempt(), undefined);
    const lock = await contender.takeOver();
    assert.equal(lock?.held(), true);
    lock?.release();
    contender.withdraw();
  });

  test(`on ${platform} a waiter that gives up leaves the file to the next one`, () => {
    const path = place();
    const { open } = kernel(flag, code);
    mkdirSync(join(path, "0123456789abcdef.0.1.123.0.elsewhere"), { recursive: true });
    const contender = contendForFile(path, systemClock, flag, open);
    assert.equal(contender.attempt(), undefined);
    contender.withdraw();
    rmSync(path, { recursive: true });
    const next = contendForFile(path, systemClock, flag, open).attempt();
    assert.equal(next?.held(), true);
    next?.release();
  });

  test(`on ${platform} the file of a lock without a holder can be removed, and no other`, () => {
    const path = place();
    const { open } = kernel(flag, code);
    const lock = contendForFile(path, systemClock, flag, open).attempt();
    removeLockFile(path, flag, open);
    assert.equal(lock?.held(), true);
    lock?.release();
    removeLockFile(path, flag, open);
    removeLockFile(path, flag, open);
    assert.deepEqual(readdirSync(join(path, "..")), []);
  });

  test(`on ${platform} a failure other than a held lock is an error`, () => {
    const { open } = kernel(flag, code);
    const contender = contendForFile(join(place(), "missing", "lock"), systemClock, flag, open);
    assert.throws(() => contender.attempt(), { code: "ENOENT" });
  });
}

test("a holder whose file was removed no longer holds the lock, and a lock on a removed file is not one", () => {
  const path = place();
  const flag = exclusiveOpenFlag("darwin") ?? 0;
  const { open } = kernel(flag, "EAGAIN");
  const first = contendForFile(path, systemClock, flag, open).attempt();
  rmSync(`${path}file`);
  assert.equal(first?.held(), false);
  first?.release();
  const second = contendForFile(path, systemClock, flag, open).attempt();
  assert.equal(second?.held(), true);
  first?.release();
  assert.equal(second?.held(), true);
  second?.release();
  const late = contendForFile(path, systemClock, flag, (...all: Parameters<typeof open>) => {
    const fd = open(...all);
    rmSync(`${path}file`);
    return fd;
  });
  assert.equal(late.attempt(), undefined);
});
