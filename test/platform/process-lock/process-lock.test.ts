import assert from "node:assert/strict";
import fs, {
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Worker } from "node:worker_threads";
import type { AuthError } from "../../../src/base/errors.ts";
import { systemClock, type Clock } from "../../../src/platform/clock.ts";
import { newName } from "../../../src/platform/process-lock/entry.ts";
import { judgeBySocket } from "../../../src/platform/process-lock/holder.ts";
import { listen, placeOfLifeSocket, sweepMemory } from "../../../src/platform/process-lock/life-socket.ts";
import {
  acquireProcessLock,
  inspectProcessLock,
  removeDeadLock,
} from "../../../src/platform/process-lock/process-lock.ts";
import { hintOf } from "../../helpers/hint.ts";
import { replaced } from "../../helpers/replaced.ts";

const linux = process.platform === "linux" ? {} : { skip: "about the lock of Linux" };

/** Each wait ends at once, after `during`, and takes `lasting`. */
function jumpingClock(
  during: (waits: number) => void = () => {},
  lasting: (ms: number) => number = (ms) => ms,
): Clock & { waits: number[] } {
  let time = 0;
  const waits: number[] = [];
  return {
    ...systemClock,
    waits,
    monotonic: () => time,
    async sleep(ms, { signal } = {}) {
      signal?.throwIfAborted();
      time += lasting(ms);
      assert.ok(waits.push(ms) < 20_000, "it waits for ever");
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

interface Name {
  id: string;
  signs: string;
  pid: string;
  space: string;
  place: string;
  host: string;
}

/** The lock of an ended process: with changed parts of this process's name, and a dead socket. */
async function forge(path: string, change: Partial<Name>): Promise<string> {
  const lock = await acquireProcessLock(path, once);
  const [id = "", signs = "", pid = "", space = "", place = "", ...host] = (readdirSync(path)[0] ?? "").split(".");
  lock.release();
  const name: Name = { id, signs, pid, space, place, host: host.join("."), ...change };
  const socket = join(tmpdir(), `left-${process.pid}`);
  const server = createServer().listen({ path: socket, exclusive: true });
  linkSync(socket, `${path}.${id}.${place}`);
  server.close();
  mkdirSync(path);
  const entry = join(path, [name.id, name.signs, name.pid, name.space, name.place, name.host].join("."));
  writeFileSync(entry, "");
  return entry;
}

/** The entry after a sign of life. */
function shown(entry: string): string {
  return entry.replace(/(?<=\/[0-9a-f]{16}\.)\d+(?=\.[^/]*$)/, (signs) => String(Number(signs) + 1));
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

test("a lock is a directory that is closed to other users", linux, async () => {
  const { path } = place();
  const lock = await acquireProcessLock(path, once);
  const mode = statSync(path).mode & 0o777;
  lock.release();
  assert.equal(mode, 0o700);
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

test("a holder at work is waited for longer, in steps of 5 s, and the caller is told once", async () => {
  const { path } = place();
  const lock = await acquireProcessLock(path, once);
  const clock = jumpingClock();
  let told = 0;
  const patience = { clock, timeoutMs: 1_000, whileAtWorkMs: 8_000, onWait: () => (told += 1) };
  await assert.rejects(acquireProcessLock(path, patience), { code: "lock_unavailable" });
  assert.ok(clock.monotonic() >= 11_000 && clock.monotonic() < 12_000, `after ${clock.monotonic()} ms`);
  assert.equal(told, 1);
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

test("NFR-017 a holder whose socket is refused is dead, whatever its pid, pid namespace and host", linux, async () => {
  for (const change of [{}, { pid: "1" }, { space: "123456" }, { host: "elsewhere" }]) {
    const { path, folder } = place();
    await forge(path, change);
    assert.equal((await inspectProcessLock(path))?.state, "dead");
    const lock = await acquireProcessLock(path, once);
    assert.equal((await inspectProcessLock(path))?.state, "running");
    lock.release();
    assert.deepEqual(readdirSync(folder), []);
  }
});

test(
  "NFR-017 a holder is not dead because its socket is not found: it may have just shown life, under another name",
  linux,
  async () => {
    const { path } = place();
    mkdirSync(path);
    const { device } = placeOfLifeSocket(path) ?? assert.fail("no file system here has sockets");
    const judge = judgeBySocket();
    assert.equal(await judge.judge(path, newName(device)), "unknown");
    judge.end();
  },
);

test("NFR-017 a thread that ends while it holds the lock leaves it to the next one", linux, async () => {
  const { path } = place();
  // The build: not every Node compiles TypeScript in a thread.
  const module = new URL("../../../dist/platform/process-lock/process-lock.js", import.meta.url).href;
  const clock = new URL("../../../dist/platform/clock.js", import.meta.url).href;
  const code = `
    Promise.all([import(${JSON.stringify(module)}), import(${JSON.stringify(clock)})]).then(async ([locks, { systemClock }]) => {
      await locks.acquireProcessLock(${JSON.stringify(path)}, { clock: systemClock, timeoutMs: 0 });
      require("node:worker_threads").parentPort.postMessage("held");
      setInterval(() => {}, 1000);
    });`;
  const worker = new Worker(code, { eval: true });
  await new Promise((resolve, reject) => worker.once("message", resolve).once("error", reject));
  await assert.rejects(acquireProcessLock(path, once), { code: "lock_unavailable" });
  await worker.terminate();
  (await acquireProcessLock(path, once)).release();
});

for (const [where, change] of [
  ["on another file system, or on another machine", { place: "abc" }],
  ["that could not listen", { place: "0" }],
  ["whose socket somebody has removed", {}],
] as const) {
  test(
    `NFR-017 a holder ${where} keeps the lock until it was watched in silence for 27 s, however old it is`,
    linux,
    async () => {
      const { path, folder } = place();
      const entry = await forge(path, change);
      if (!("place" in change)) for (const name of readdirSync(folder)) if (name !== "lock") rmSync(join(folder, name));
      utimesSync(entry, 1, 1);
      utimesSync(path, 1, 1);
      const seen = await inspectProcessLock(path);
      assert.deepEqual([seen?.state, seen?.since], ["unknown", "1970-01-01T00:00:01.000Z"]);
      assert.equal(await removeDeadLock(path), false, "no command takes it: it is not proved dead");
      await assert.rejects(acquireProcessLock(path, once), (error: AuthError) => {
        assert.match(error.message, /is on another machine or in another container$/);
        assert.match(hintOf(error), /if it is dead, wait 30 s$/);
        return true;
      });
      // A too short wait continues until it knows: a hundred of them would not.
      const clock = jumpingClock();
      const lock = await acquireProcessLock(path, { clock: { ...clock, now: () => 9e15 }, timeoutMs: 1000 });
      assert.ok(clock.monotonic() >= 27_000 && clock.monotonic() < 30_000, `after ${clock.monotonic()} ms`);
      lock.release();
      assert.deepEqual(readdirSync(folder), []);
    },
  );
}

test(
  "NFR-017 a holder that cannot be judged and shows life keeps the lock, and the wait ends with its first sign after the limit",
  linux,
  async () => {
    const { path } = place();
    let entry = await forge(path, { place: "0" });
    const clock = jumpingClock((waits) => {
      if (waits % 2000 === 0) renameSync(entry, (entry = shown(entry)));
    });
    await assert.rejects(acquireProcessLock(path, { clock, timeoutMs: 100_000 }), { code: "lock_unavailable" });
    assert.ok(clock.waits.length % 2000 < 40, `${clock.waits.length} waits`);
    assert.ok(clock.monotonic() >= 100_000 && clock.monotonic() < 125_000);
    assert.ok(lstatSync(entry));
  },
);

test(
  "NFR-017 time in which a waiter does not look counts for two seconds: it was asleep, and so may the holder's server",
  linux,
  async () => {
    const { path } = place();
    const entry = await forge(path, { place: "0" });
    const clock = jumpingClock(
      (waits) => waits === 13 && renameSync(entry, shown(entry)),
      () => 3_600_000,
    );
    (await acquireProcessLock(path, { clock, timeoutMs: 1e12 })).release();
    // The look that sees a sign starts over; fourteen more are 28 s.
    assert.equal(clock.waits.length, 13 + 14);
  },
);

test(
  "NFR-017 a holder shows life by itself every few seconds, and whenever it asks whether the lock is still its own",
  linux,
  async () => {
    const { path } = place();
    const lock = await acquireProcessLock(path, once);
    const [first = ""] = readdirSync(path);
    assert.equal(lock.held(), true);
    const [second = ""] = readdirSync(path);
    assert.equal(second, shown(`/${first}`).slice(1));
    const limit = systemClock.monotonic() + 20_000;
    while (readdirSync(path)[0] === second) {
      assert.ok(systemClock.monotonic() < limit, "no sign in 20 s");
      await systemClock.sleep(50);
    }
    assert.deepEqual(readdirSync(path), [shown(`/${second}`).slice(1)]);
    lock.release();
  },
);

test("NFR-017 a lock in a directory with a long path is as good as any", linux, async () => {
  const { folder } = place();
  const deep = join(folder, ...Array<string>(12).fill("a-folder-with-a-long-name"));
  mkdirSync(deep, { recursive: true });
  const lock = await acquireProcessLock(join(deep, "lock"), once);
  assert.equal((await inspectProcessLock(join(deep, "lock")))?.state, "running");
  lock.release();
  await forge(join(deep, "lock"), {});
  assert.equal((await inspectProcessLock(join(deep, "lock")))?.state, "dead");
  (await acquireProcessLock(join(deep, "lock"), once)).release();
  assert.deepEqual(readdirSync(deep), []);
});

test("NFR-009 the lock is whose name is in it, whatever a network file system says of the rename", linux, async (t) => {
  const { path } = place();
  type Rename = (from: string, to: string) => void;
  let answer: (rename: Rename, from: string, to: string) => void = (rename, from, to) => rename(from, to);
  replaced(t, fs, "renameSync", (rename) => (from: string, to: string) => answer(rename, from, to));
  // A lost response: the rename was repeated and reports failure, but it was done.
  const lost = (code: string) => (rename: Rename, from: string, to: string) => {
    rename(from, to);
    throw Object.assign(new Error(code), { code });
  };
  answer = lost("ENOTEMPTY");
  const lock = await acquireProcessLock(path, once);
  answer = lost("ENOENT");
  assert.equal(lock.held(), true, "nor does a lost answer to a sign of life cost the lock");
  lock.release();
  // Reports success, but the name is another's.
  const other = await forge(path, { place: "0" });
  answer = () => undefined;
  await assert.rejects(acquireProcessLock(path, once), { code: "lock_unavailable" });
  assert.ok(lstatSync(other));
});

test("a lock that was taken by another is not held, though its holder was only asleep", linux, async () => {
  const { path } = place();
  const lost = await acquireProcessLock(path, once);
  // As a machine does that has watched it for long enough.
  unlinkSync(join(path, readdirSync(path)[0] ?? ""));
  const next = await acquireProcessLock(path, once);
  assert.equal(lost.held(), false);
  lost.release();
  assert.equal(next.held(), true);
  next.release();
});

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

test(
  "what a process left that died between two steps is no obstacle, and goes with the next dead holder",
  linux,
  async () => {
    const { path, folder } = place();
    mkdirSync(path); // It died between releasing the lock and removing the directory,
    mkdirSync(`${path}.0123456789abcdef`); // another between making its directory and its entry,
    mkdirSync(`${path}.fedcba9876543210`); // a third before taking the lock,
    writeFileSync(join(`${path}.fedcba9876543210`, "entry"), "");
    (await acquireProcessLock(path, once)).release();
    await forge(path, {}); // and the last between releasing the lock and removing its socket.
    rmSync(path, { recursive: true });
    await forge(path, {});
    (await acquireProcessLock(path, once)).release();
    assert.deepEqual(readdirSync(folder), []);
  },
);

test("a dead holder's lock can be removed by command, a living one's cannot", linux, async () => {
  const { path, folder } = place();
  assert.equal(await removeDeadLock(path), false, "there is none");
  const lock = await acquireProcessLock(path, once);
  assert.equal(await removeDeadLock(path), false);
  lock.release();
  await forge(path, {});
  assert.equal(await removeDeadLock(path), true);
  assert.deepEqual(readdirSync(folder), []);
});

/** Lets a call fail with `code`, `times` times; returns a function that ends it. */
function failing(call: "renameSync" | "mkdirSync", code: string, times: number): () => void {
  const before = fs[call];
  let left = times;
  Object.assign(fs, {
    [call]: (...all: unknown[]) => {
      left -= 1;
      if (left >= 0) throw Object.assign(new Error(`${code}: ${call}`), { code, syscall: call });
      return Reflect.apply(before, fs, all);
    },
  });
  syncBuiltinESMExports();
  return () => {
    Object.assign(fs, { [call]: before });
    syncBuiltinESMExports();
  };
}

for (const [call, code, says] of [
  ["renameSync", "EPERM", /not permitted/],
  ["renameSync", "EBUSY", /EBUSY/],
  ["renameSync", "ESTALE", /no longer exists on the file server/],
  ["mkdirSync", "ESTALE", /no longer exists on the file server/],
  ["mkdirSync", "EIO", /input\/output error/],
] as const) {
  test(
    `${code} of a network file system (${call}) is tried again, and if it stays, the error says what to do`,
    linux,
    async () => {
      const { path, folder } = place();
      let restore = failing(call, code, 5);
      try {
        (await acquireProcessLock(path, { clock: jumpingClock(), timeoutMs: 1000 })).release();
      } finally {
        restore();
      }
      restore = failing(call, code, Number.POSITIVE_INFINITY);
      const clock = jumpingClock();
      try {
        await assert.rejects(acquireProcessLock(path, { clock, timeoutMs: 1000 }), (error: AuthError) => {
          assert.equal(error.code, "storage_unwritable");
          assert.match(error.message, says);
          assert.match(hintOf(error), /^(Make it yours|Try again|Set SPEC_KITTY_CONFIG_DIR)/);
          return true;
        });
      } finally {
        restore();
      }
      assert.ok(clock.monotonic() >= 1000);
      assert.deepEqual(readdirSync(folder), []);
    },
  );
}

test("a lock whose sign of life the file system refuses is held for as long as its entry is there", linux, async () => {
  const { path } = place();
  const lock = await acquireProcessLock(path, once);
  const restore = failing("renameSync", "EPERM", Number.POSITIVE_INFINITY);
  try {
    assert.equal(lock.held(), true);
    rmSync(path, { recursive: true });
    assert.equal(lock.held(), false);
  } finally {
    restore();
  }
  lock.release();
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
      assert.equal(error.code, "storage_unwritable");
      assert.match(error.message, /exists and is not a lock of this program/);
      assert.equal(hintOf(error), `Move it: mv ${path} ${path}.old`);
      return true;
    });
    assert.equal(clock.waits.length, 0);
    assert.ok(lstatSync(path), "and it is left alone");
  }
});

test(
  "a directory that is missing, is a file or may not be written is storage that cannot be written",
  linux,
  async () => {
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
    // Root may write everywhere, so it becomes another user for a moment.
    const superuser = process.getuid?.() === 0;
    mkdirSync(join(folder, "closed"), { mode: 0o555 });
    if (superuser) process.seteuid?.(65534);
    try {
      await refused(join(folder, "closed", "lock"), "EACCES", /^Make it yours/);
    } finally {
      if (superuser) process.seteuid?.(0);
    }
    assert.equal(await inspectProcessLock(path), undefined);
  },
);

test(
  "of what is in memory, only an old socket goes that is this user's, with a name of a lock, and nobody's",
  linux,
  async () => {
    const { folder } = place();
    const at = (name: string): string => join(folder, name);
    const sockets = {
      old: at("0123456789abcdef.1b"),
      half: at("1123456789abcdef.1b~"),
      young: at("2123456789abcdef.1b"),
      alive: at("3123456789abcdef.1b"),
      other: at("session-0123456789abcdef.1b"),
    };
    const stops = new Map<string, () => void>();
    for (const path of Object.values(sockets)) stops.set(path, listen(path) ?? assert.fail("it does not listen"));
    for (const [path, stop] of stops) {
      // As a killed process leaves it.
      if (path === sockets.alive) continue;
      renameSync(path, `${path}.kept`);
      stop();
      renameSync(`${path}.kept`, path);
    }
    const [file, link] = [at("4123456789abcdef.1b"), at("5123456789abcdef.1b")];
    writeFileSync(file, "");
    symlinkSync(sockets.other, link);
    for (const name of readdirSync(folder)) if (at(name) !== sockets.young) lutimesSync(at(name), 0, 0);
    await sweepMemory(folder);
    const { young, alive, other } = sockets;
    assert.deepEqual(readdirSync(folder).sort().map(at), [young, alive, file, link, other]);
    await sweepMemory(folder);
    stops.get(alive)?.();
  },
);
