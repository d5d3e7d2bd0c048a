// Faults of a real disk: each cell has its own file system. Needs root, for mounts.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { everyCell, type Fault } from "../helpers/fault-matrix.ts";

const mounts: string[] = [];
after(() => {
  for (const path of mounts) {
    execFileSync("umount", ["-l", path]);
    rmdirSync(path);
  }
});

/** 256 KiB and 64 files. */
function smallDisk(): string {
  const path = mkdtempSync(join(tmpdir(), "spec-kitty-disk-"));
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=256k,nr_inodes=64,mode=700", "tmpfs", path]);
  mounts.push(path);
  return path;
}

const remount = (path: string, how: "ro" | "rw"): string =>
  spawnSync("mount", ["-o", `remount,${how}`, path], { encoding: "utf8" }).stderr;

function untilFull(add: (count: number) => void): void {
  try {
    for (let count = 0; ; count += 1) add(count);
  } catch {}
}

const makeRoom: Fault["end"] = ({ config }) => {
  for (const name of readdirSync(config)) if (name.startsWith("ballast")) rmSync(join(config, name));
};

const faults: Record<string, Fault> = {
  "read-only": {
    place: smallDisk,
    begin({ config, moment, command }) {
      const refusal = remount(config, "ro");
      // A refresh holds a file open for its response, which keeps the disk writable.
      const isOpen = moment !== "before sending" && command !== "login";
      assert.equal(/busy/.test(refusal), isOpen, refusal);
    },
    end: ({ config }) => void remount(config, "rw"),
    codes: { "before sending": "1 1 1 1 1 1", "after sending": "0 0 0 0 0 s", "while storing": "0 0 0 1 0 s" },
    says: { 1: /read-only|EROFS/ },
  },
  full: {
    place: smallDisk,
    begin: ({ config }) =>
      [65_536, 4_096, 1].forEach((size) =>
        untilFull(() => writeFileSync(join(config, "ballast"), Buffer.alloc(size), { flag: "a" })),
      ),
    end: makeRoom,
    codes: { "before sending": "1 1 1 1 1 1", "after sending": "0 0 0 0 0 s", "while storing": "0 0 0 1 0 s" },
    says: { 1: /full|ENOSPC/ },
  },
  "out of files": {
    place: smallDisk,
    begin: ({ config }) => untilFull((count) => writeFileSync(join(config, `ballast-${count}`), "", { flag: "wx" })),
    end: makeRoom,
    codes: { "before sending": "1 1 1 1 1 1", "after sending": "0 0 0 0 0 s", "while storing": "0 0 0 1 0 s" },
    says: { 1: /full|ENOSPC/ },
  },
};

for (const [what, fault] of Object.entries(faults))
  test(
    `NFR-010 NFR-016 a real disk that is ${what} ends no session, whenever that comes and whatever is done`,
    {
      skip: process.getuid?.() !== 0 && "needs root",
    },
    (t) => everyCell(t, fault),
  );
