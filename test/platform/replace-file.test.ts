import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import crypto from "node:crypto";
import fs, { mkdirSync, readdirSync, readFileSync, renameSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { test, type TestContext } from "node:test";
import { leftTemporaries, retryWhileInUse, replaceFile, reserveFile } from "../../src/platform/replace-file.ts";
import { unreadable } from "../../src/platform/private-files.ts";
import { scratchFolder } from "../helpers/command.ts";
import { replaced } from "../helpers/replaced.ts";

test("a file is replaced as a whole, and nothing else is left in its directory", (t) => {
  const path = join(scratchFolder(t), "file");
  for (const content of ["a long first content", "short", ""]) {
    replaceFile(path, content, { flush: content !== "short" });
    assert.equal(readFileSync(path, "utf8"), content);
  }
  assert.deepEqual(readdirSync(join(path, "..")), ["file"]);
});

test("a new file is closed to others", { skip: process.platform === "win32" && "there are no modes" }, (t) => {
  const folder = scratchFolder(t);
  replaceFile(join(folder, "private"), "x");
  assert.equal(statSync(join(folder, "private")).mode & 0o777, 0o600);
});

test("reserved room may turn out too large or too small, and can be used once", async (t) => {
  const path = join(scratchFolder(t), "file");
  for (const content of ["tiny", "x".repeat(5000)]) {
    const reservation = await reserveFile(path, 1000);
    await reservation.commit(content);
    assert.equal(readFileSync(path, "utf8"), content);
    await assert.rejects(reservation.commit("again"), TypeError);
    reservation.discard();
    assert.equal(readFileSync(path, "utf8"), content);
  }
});

test("a file that cannot be replaced stays as it is, and no temporary file stays either", (t) => {
  const folder = scratchFolder(t);
  mkdirSync(join(folder, "taken", "inside"), { recursive: true });
  assert.throws(() => replaceFile(join(folder, "taken"), "x"));
  assert.throws(() => replaceFile(join(folder, "missing", "file"), "x"));
  assert.deepEqual(readdirSync(folder), ["taken"]);
});

/** Changes of files in a directory. */
function doneTo(t: TestContext, folder: string): string[] {
  const done: string[] = [];
  const names = new Map<number, string>();
  replaced(t, fs, "openSync", (open) => (...args: Parameters<typeof open>) => {
    const fd = open(...args);
    const path = String(args[0]);
    names.set(
      fd,
      path === folder ? "the directory" : basename(path).endsWith(".tmp") ? "the new file" : basename(path),
    );
    return fd;
  });
  replaced(t, fs, "fsyncSync", (flush) => (fd: number) => {
    done.push(`flush ${names.get(fd)}`);
    flush(fd);
  });
  replaced(t, fs, "fsync", (flush) => (fd: number, then: fs.NoParamCallback) => {
    done.push(`flush ${names.get(fd)}`);
    flush(fd, then);
  });
  replaced(
    t,
    fs,
    "writeSync",
    (write) => (fd: number, bytes: Buffer, offset: number, length: number, position: number) => {
      done.push(`write ${names.get(fd)}`);
      return write(fd, bytes, offset, length, position);
    },
  );
  replaced(t, fs, "renameSync", (rename) => (from: string, to: string) => {
    done.push("rename");
    rename(from, to);
  });
  return done;
}

test("NFR-010 room is on disk before it counts as taken, the content before it is in its place, and the name when the call returns", async (t) => {
  const folder = scratchFolder(t);
  const done = doneTo(t, folder);
  const reservation = await reserveFile(join(folder, "file"), 1000);
  const [temporary = ""] = readdirSync(folder);
  assert.equal(statSync(join(folder, temporary)).size, 1000);
  assert.deepEqual(done.splice(0), ["write the new file", "flush the new file"]);
  await reservation.commit("content");
  assert.deepEqual(done.splice(0), ["write the new file", "flush the new file", "rename", "flush the directory"]);
  replaceFile(join(folder, "file"), "other content");
  assert.deepEqual(done, ["write the new file", "flush the new file", "rename", "flush the directory"]);
});

test("NFR-011 a write of which the disk takes a part at a time is continued, and what is read is the old or the new content", (t) => {
  const path = join(scratchFolder(t), "file");
  writeFileSync(path, "the old content");
  const seen = new Set<string>();
  replaced(
    t,
    fs,
    "writeSync",
    (write) => (fd: number, bytes: Buffer, offset: number, length: number, position: number) => {
      seen.add(readFileSync(path, "utf8"));
      return write(fd, bytes, offset, Math.min(length, 3), position);
    },
  );
  replaceFile(path, "the new content");
  assert.deepEqual([...seen, readFileSync(path, "utf8")], ["the old content", "the new content"]);
});

test("what is there under the name of the next temporary file is neither written to nor followed", {
  skip: process.platform === "win32" && "links need a privilege there",
}, (t) => {
  const folder = scratchFolder(t);
  // Cannot be guessed, except here.
  replaced(t, crypto, "randomBytes", () => (length: number) => Buffer.alloc(length));
  const temporary = join(folder, `.file.${process.pid}.000000000000.tmp`);
  const precious = join(folder, "precious");
  writeFileSync(precious, "precious");
  for (const plant of [() => writeFileSync(temporary, "precious"), () => symlinkSync(precious, temporary)]) {
    plant();
    assert.throws(() => replaceFile(join(folder, "file"), "x"), { code: "EEXIST" });
    assert.equal(readFileSync(temporary, "utf8"), "precious");
    fs.rmSync(temporary);
  }
  assert.equal(readFileSync(precious, "utf8"), "precious");
});

/** A rename that first fails with these, one a call. */
function reluctant(from: string, to: string, ...answers: string[]): { rename: () => void; calls: () => number } {
  let calls = 0;
  return {
    calls: () => calls,
    rename() {
      const code = answers[calls];
      calls += 1;
      if (code !== undefined) throw Object.assign(new Error(`${code}: ${from} -> ${to}`), { code });
      renameSync(from, to);
    },
  };
}

for (const code of ["EPERM", "EACCES", "EBUSY"]) {
  test(`NFR-014 on Windows a file is put in its place even if another process has it open (${code})`, (t) => {
    const folder = scratchFolder(t);
    const [from, to] = [join(folder, "new"), join(folder, "file")];
    writeFileSync(to, "old");
    writeFileSync(from, "new");
    const { rename, calls } = reluctant(from, to, code, code, code);
    retryWhileInUse(rename, "win32");
    assert.equal(calls(), 4);
    assert.deepEqual(
      readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), "utf8")]),
      [["file", "new"]],
    );
    const elsewhere = reluctant(to, from, code);
    assert.throws(() => retryWhileInUse(elsewhere.rename, "linux"), { code });
    assert.equal(elsewhere.calls(), 1);
  });
}

test("NFR-014 on Windows a file is read again while the system says that it is in use, through an error that explains it too", (t) => {
  const folder = scratchFolder(t);
  const [from, to] = [join(folder, "new"), join(folder, "file")];
  writeFileSync(from, "new");
  const { rename, calls } = reluctant(from, to, "EPERM", "EBUSY");
  const explained = (): void => {
    try {
      rename();
    } catch (cause) {
      throw unreadable(from, cause);
    }
  };
  retryWhileInUse(explained, "win32");
  assert.equal(calls(), 3);
});

test("NFR-014 on Windows a file that stays open is given up after 2 s, and any other failure is one at once", (t) => {
  const path = join(scratchFolder(t), "file");
  let waitedMs = 0;
  t.mock.method(
    Atomics,
    "wait",
    (_array: Int32Array, _index: number, _value: number, ms: number) => void (waitedMs += ms),
  );
  for (const [code, tries] of [
    ["ENOENT", 1],
    ["EISDIR", 1],
    ["EPERM", 200],
  ] as const) {
    const { rename, calls } = reluctant(path, `${path}.new`, ...Array.from({ length: 1000 }, () => code));
    assert.throws(() => retryWhileInUse(rename, "win32"), { code });
    assert.equal(calls(), tries);
    assert.equal(waitedMs, (tries - 1) * 10);
  }
});

test("a link in the file's place is replaced, and what it leads to is not touched", {
  skip: process.platform === "win32" && "links need a privilege there",
}, (t) => {
  const folder = scratchFolder(t);
  writeFileSync(join(folder, "precious"), "precious");
  symlinkSync(join(folder, "precious"), join(folder, "file"));
  replaceFile(join(folder, "file"), "new");
  assert.deepEqual(
    ["precious", "file"].map((name) => readFileSync(join(folder, name), "utf8")),
    ["precious", "new"],
  );
});

test("what killed writers left is found, in directories below too, and what a living one writes is not", (t) => {
  const folder = scratchFolder(t);
  const { pid: dead } = spawnSync(process.execPath, ["-e", ""]);
  mkdirSync(join(folder, "queue"));
  const left = [`.credentials.json.${dead}.0123456789ab.tmp`, join("queue", `.lamport-clock.${dead}.0123456789ab.tmp`)];
  for (const name of [...left, `.credentials.json.${process.pid}.0123456789ab.tmp`, "notes.tmp", ".credentials.json"])
    writeFileSync(join(folder, name), "");
  const paths = left.map((name) => join(folder, name));
  assert.deepEqual(leftTemporaries(folder, { recursive: true }).sort(), paths.sort());
  assert.deepEqual(leftTemporaries(folder), [join(folder, left[0] ?? "")]);
  assert.deepEqual(leftTemporaries(folder, { of: "other" }), []);
  // Another user's process, which signals cannot reach, is alive.
  t.mock.method(process, "kill", () => {
    throw Object.assign(new Error("not permitted"), { code: "EPERM" });
  });
  assert.deepEqual(leftTemporaries(folder), []);
});
