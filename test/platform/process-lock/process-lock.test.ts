import assert from "node:assert/strict";
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { AuthError } from "../../../src/base/errors.ts";
import { systemClock, type Clock } from "../../../src/platform/clock.ts";
import {
  acquireProcessLock,
  inspectProcessLock,
  removeDeadLock,
} from "../../../src/platform/process-lock/process-lock.ts";
import { hintOf } from "../../helpers/hint.ts";

const linux = process.platform === "linux" ? {} : { skip: "about the lock of Linux" };

/** A clock that jumps: each wait ends at once, after what `during` does. */
function jumpingClock(during: (waits: number) => void = () => {}): Clock & { waits: number[] } {
  let time = 0;
  const waits: number[] = [];
  return {
    ...systemClock,
    waits,
    monotonic: () => time,
    async sleep(ms, { signal } = {}) {
      signal?.throwIfAborted();
      time += ms;
      waits.push(ms);
      during(waits.length);
      signal?.throwIfAborted();
    },
  };
}

function place(): { folder: string; path: string } {
  const folder = mkdtempSync(join(tmpdir(), "process-lock-"));
  after(() => rmSync(folder, { recursive: true, force: true }));
  return { folder, path: join(folder, "lock") };
}

const once = { clock: systemClock, timeoutMs: 0 };

/** A lock as another process would have left it: a name of this process with some fields replaced. */
async function forge(
  path: string,
  change: { pid?: string; start?: string; scope?: string; boot?: string; machine?: string },
): Promise<string> {
  const lock = await acquireProcessLock(path, once);
  const [id, pid, start, scope, boot, machine, host] = (readdirSync(path)[0] ?? "").split(".");
  lock.release();
  const changed = { pid, start, scope, boot, machine, ...change };
  const name = [id, changed.pid, changed.start, changed.scope, changed.boot, changed.machine, host].join(".");
  mkdirSync(path);
  writeFileSync(join(path, name), "");
  return join(path, name);
}

test("two openings of a lock in one process exclude each other", async () => {
  const { path, folder } = place();
  const first = await acquireProcessLock(path, once);
  assert.equal(first.held(), true);
  await assert.rejects(acquireProcessLock(path, once), { code: "lock_unavailable" });
  first.release();
  assert.equal(first.held(), false);
  const second = await acquireProcessLock(path, once);
  first.release();
  assert.equal(second.held(), true, "a second release does not release another's lock");
  second.release();
  if (process.platform === "linux") assert.deepEqual(readdirSync(folder), []);
});

test("a lock is a folder, and a file in it, that are closed to other users", linux, async () => {
  const { path } = place();
  const lock = await acquireProcessLock(path, once);
  const modes = [path, join(path, readdirSync(path)[0] ?? "")].map((entry) => lstatSync(entry).mode & 0o777);
  lock.release();
  assert.deepEqual(modes, [0o700, 0o600]);
});

test("waiting ends at its limit, and the error names the holder and the next step", async () => {
  const { path } = place();
  const lock = await acquireProcessLock(path, once);
  const clock = jumpingClock();
  await assert.rejects(acquireProcessLock(path, { clock, timeoutMs: 1000.0123 }), (error: AuthError) => {
    assert.equal(error.code, "lock_unavailable");
    assert.match(
      error.message,
      new RegExp(`^waited 1 s for the lock ".*": process ${process.pid} on ".+" has held it since \\d{4}-.*Z$`),
    );
    assert.match(hintOf(error), new RegExp(`process ${process.pid}`));
    return true;
  });
  assert.ok(clock.waits.every((ms) => ms >= 6 && ms <= 18));
  assert.ok(clock.waits.length > 50);
  lock.release();
});

test("NFR-006 a waiter ends without the lock, at its next look, when its purpose has been fulfilled", async () => {
  const { path, folder } = place();
  const lock = await acquireProcessLock(path, once);
  let done = false;
  const clock = jumpingClock((waits) => (done = waits === 3));
  assert.equal(await acquireProcessLock(path, { clock, timeoutMs: 1000, unless: () => done }), undefined);
  assert.equal(clock.waits.length, 3);
  lock.release();
  if (process.platform === "linux") assert.deepEqual(readdirSync(folder), []);
});

test("a waiter that is aborted rejects with the signal's reason and leaves nothing behind", async () => {
  const { path, folder } = place();
  const lock = await acquireProcessLock(path, once);
  const controller = new AbortController();
  const reason = new Error("enough");
  const clock = jumpingClock(() => controller.abort(reason));
  const aborted = acquireProcessLock(path, { clock, timeoutMs: 1000, signal: controller.signal });
  await assert.rejects(aborted, (error) => error === reason);
  await assert.rejects(
    acquireProcessLock(path, { clock, timeoutMs: 1000, signal: controller.signal }),
    (error) => error === reason,
  );
  assert.equal(lock.held(), true);
  lock.release();
  if (process.platform === "linux") assert.deepEqual(readdirSync(folder), []);
});

test("a holder whose pid now belongs to a younger process is dead", linux, async () => {
  const { path, folder } = place();
  await forge(path, { start: "1" });
  assert.equal(inspectProcessLock(path)?.state, "dead");
  const lock = await acquireProcessLock(path, once);
  assert.deepEqual(inspectProcessLock(path)?.state, "running");
  lock.release();
  assert.deepEqual(readdirSync(folder), []);
});

test("a holder from before this machine's last start is dead", linux, async () => {
  const { path } = place();
  await forge(path, { scope: "aaaaaaaaaaaa", boot: "bbbbbbbbbbbb" });
  assert.equal(inspectProcessLock(path)?.state, "dead");
  (await acquireProcessLock(path, once)).release();
});

for (const [where, change] of [
  ["in another container", { scope: "aaaaaaaaaaaa" }],
  ["on another machine", { scope: "aaaaaaaaaaaa", boot: "bbbbbbbbbbbb", machine: "cccccccccccc" }],
  ["where nothing is known of it", { scope: "0", boot: "0", machine: "0" }],
] as const) {
  test(
    `a holder ${where} keeps the lock for ten minutes by the file system's clock, and no longer`,
    linux,
    async () => {
      const { path } = place();
      const entry = await forge(path, change);
      const clock = jumpingClock();
      await assert.rejects(
        acquireProcessLock(path, { clock: { ...clock, now: () => 9e15 }, timeoutMs: 500_000 }),
        (error: AuthError) => {
          assert.match(error.message, /cannot be seen from this machine or container$/);
          assert.match(hintOf(error), /10 minutes.*rm -r/);
          return true;
        },
      );
      assert.equal(removeDeadLock(path), false, "and no command takes it: it is not proved dead");
      const before = Date.now() / 1000;
      utimesSync(entry, before - 590, before - 590);
      await assert.rejects(acquireProcessLock(path, once), { code: "lock_unavailable" });
      utimesSync(entry, before - 601, before - 601);
      (await acquireProcessLock(path, once)).release();
    },
  );
}

test("a holder that lost its lock can see it, and its late release does no harm", linux, async () => {
  const { path, folder } = place();
  const lost = await acquireProcessLock(path, once);
  rmSync(path, { recursive: true });
  assert.equal(lost.held(), false);
  const next = await acquireProcessLock(path, once);
  lost.release();
  assert.equal(next.held(), true);
  next.release();
  assert.deepEqual(readdirSync(folder), []);
});

test("what a process left that died between two steps is no obstacle", linux, async () => {
  const { path, folder } = place();
  const entry = await forge(path, { start: "1" });
  const name = entry.slice(path.length + 1);
  rmSync(entry); // It died after it gave the lock up and before it removed the directory,
  mkdirSync(`${path}.${name}`); // another between making its directory and the file in it,
  const other = name.replace(/^./, (digit) => (digit === "0" ? "1" : "0"));
  mkdirSync(`${path}.${other}`); // and a third before it took the lock.
  writeFileSync(join(`${path}.${other}`, other), "");
  (await acquireProcessLock(path, once)).release();
  assert.deepEqual(readdirSync(folder), []);
});

test("a waiter whose own directory is taken from it makes another", linux, async () => {
  const { path, folder } = place();
  const lock = await acquireProcessLock(path, once);
  const clock = jumpingClock((waits) => {
    for (const name of readdirSync(folder)) if (name !== "lock") rmSync(join(folder, name), { recursive: true });
    if (waits === 3) lock.release();
  });
  const next = await acquireProcessLock(path, { clock, timeoutMs: 1000 });
  assert.equal(next.held(), true);
  next.release();
  assert.deepEqual(readdirSync(folder), []);
});

test("a dead holder's lock can be removed by command, a living one's cannot", linux, async () => {
  const { path, folder } = place();
  assert.equal(removeDeadLock(path), false, "there is none");
  const lock = await acquireProcessLock(path, once);
  assert.equal(removeDeadLock(path), false);
  lock.release();
  await forge(path, { start: "1" });
  assert.equal(removeDeadLock(path), true);
  assert.deepEqual(readdirSync(folder), []);
});

test("something else where the lock should be is an error that says what to do, at once", linux, async () => {
  const makers: ((path: string) => void)[] = [
    (path) => writeFileSync(path, "a regular file"),
    (path) => symlinkSync("/nowhere", path),
    (path) => symlinkSync(tmpdir(), path),
    (path) => {
      mkdirSync(path);
      writeFileSync(join(path, "garbage"), "");
    },
  ];
  for (const make of makers) {
    const { path } = place();
    make(path);
    const clock = jumpingClock();
    await assert.rejects(acquireProcessLock(path, { clock, timeoutMs: 1000 }), (error: AuthError) => {
      assert.equal(error.code, "lock_unavailable");
      assert.match(error.message, /was not made by this program/);
      assert.equal(hintOf(error), `Move it away: mv ${path} ${path}.old`);
      return true;
    });
    assert.equal(clock.waits.length, 0);
    assert.ok(lstatSync(path), "and it is left alone");
  }
});

test("a folder that is missing, is a file or may not be written is storage that cannot be written", linux, async () => {
  const { path, folder } = place();
  writeFileSync(join(folder, "file"), "");
  const refused = async (at: string, cause: string, hint: RegExp): Promise<void> => {
    await assert.rejects(acquireProcessLock(at, once), (error: AuthError) => {
      assert.equal(error.code, "storage_unwritable");
      assert.equal((error.cause as NodeJS.ErrnoException).code, cause);
      assert.match(hintOf(error), hint);
      return true;
    });
  };
  await refused(join(folder, "missing", "lock"), "ENOENT", /^Create it: mkdir -p/);
  await refused(join(folder, "file", "lock"), "ENOTDIR", /^Set SPEC_KITTY_CONFIG_DIR/);
  // The superuser may write everywhere, so for this one it becomes another user for a moment.
  const superuser = process.getuid?.() === 0;
  mkdirSync(join(folder, "closed"), { mode: 0o555 });
  if (superuser) process.seteuid?.(65534);
  try {
    await refused(join(folder, "closed", "lock"), "EACCES", /^Make it yours/);
  } finally {
    if (superuser) process.seteuid?.(0);
  }
  assert.equal(inspectProcessLock(path), undefined);
});
