/**
 * The lock where Node offers one of the kernel's: a file opened with an exclusive lock in the same call, and kept open.
 *
 * - macOS and the BSDs: `O_EXLOCK` of open(2), which has the semantics of flock(2) and belongs to this one opening, so that
 *   two openings in one process exclude each other too. With `O_NONBLOCK` a held lock is EAGAIN at once.
 * - Windows: libuv's `UV_FS_O_EXLOCK`, which asks CreateFileW for share mode 0: while the file is open, every other attempt to
 *   open it fails with EBUSY (ERROR_SHARING_VIOLATION).
 *
 * In both cases the kernel closes the file when its process ends, however it ends, and never before: the lock of a dead holder
 * is free, a stopped one keeps its lock, and no pid is ever judged. A browser that is started meanwhile does not inherit the lock:
 * libuv opens with O_CLOEXEC, and on Windows with a handle that is not inheritable.
 *
 * The file stays where it is forever. Removing it would let one process lock the removed file and another the new one. If
 * something else removes it (with the whole folder, say), `held` says so.
 */
import { closeSync, constants, fstatSync, openSync, readFileSync, statSync, unlinkSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { systemErrorCode } from "../../base/errors.ts";
import type { LockHolder, LockMechanism, ProcessLock } from "./holder.ts";

/** The flag that locks in open(2), a number of the platform's C interface that `fs.constants` lacks; undefined where there is none. */
export function exclusiveOpenFlag(platform: NodeJS.Platform): number | undefined {
  if (platform === "win32") return 0x1000_0000;
  return platform === "darwin" || platform.endsWith("bsd") ? 0x20 : undefined;
}

/** See the head of this file. `open`: the system's own unless a test simulates another system. */
export function openFileLock(
  flag: number,
  open: (path: string, flags: number, mode: number) => number = openSync,
): LockMechanism {
  /** The file, or undefined while another has it open. */
  function tryOpen(path: string, flags: number): number | undefined {
    try {
      return open(path, flags | flag | (constants.O_NONBLOCK ?? 0), 0o600);
    } catch (error) {
      if (["EAGAIN", "EWOULDBLOCK", "EBUSY"].includes(systemErrorCode(error) ?? "")) return undefined;
      throw error;
    }
  }

  function attempt(path: string, since: string): ProcessLock | undefined {
    const fd = tryOpen(path, constants.O_RDWR | constants.O_CREAT);
    if (fd === undefined) return undefined;
    if (!isStillAt(path, fd)) return void closeSync(fd); // Removed between opening and locking: this lock excludes no one.
    quietly(() =>
      writeFileSync(`${path}.holder`, JSON.stringify({ pid: process.pid, host: hostname(), since }), { mode: 0o600 }),
    );
    let open = true;
    return {
      held: () => open && isStillAt(path, fd),
      release() {
        if (!open) return;
        open = false;
        quietly(() => unlinkSync(`${path}.holder`)); // Before the lock is released: afterwards it may be the next holder's.
        quietly(() => closeSync(fd));
      },
    };
  }

  return {
    contend: (path, clock) => ({
      attempt: () => attempt(path, new Date(clock.now()).toISOString()),
      evictDead: () => false,
      withdraw: () => {},
    }),
    inspect(path) {
      let fd: number | undefined;
      try {
        fd = tryOpen(path, constants.O_RDONLY);
      } catch (error) {
        if (systemErrorCode(error) === "ENOENT") return undefined;
        throw error;
      }
      if (fd === undefined) return readHolder(path);
      closeSync(fd);
      return undefined;
    },
    leftovers: () => [],
    removeDead: () => false,
  };
}

/**
 * For information only: a file next to the lock, since a locked file cannot be read on Windows. A holder that
 * was killed leaves it behind, and for a moment the next holder appears under that name.
 */
function readHolder(path: string): LockHolder {
  let seen: Partial<Record<keyof LockHolder, unknown>> = {};
  quietly(() => (seen = Object(JSON.parse(readFileSync(`${path}.holder`, "utf8")))));
  return {
    pid: Number(seen.pid) || 0,
    host: String(seen.host ?? ""),
    since: String(seen.since ?? ""),
    state: "running",
  };
}

/** On Windows a file that is open without sharing cannot be removed, and file IDs may be too large for a JavaScript number. */
function isStillAt(path: string, fd: number): boolean {
  if (process.platform === "win32") return true;
  try {
    const [there, ours] = [statSync(path), fstatSync(fd)];
    return there.ino === ours.ino && there.dev === ours.dev;
  } catch {
    return false;
  }
}

function quietly(action: () => void): void {
  try {
    action();
  } catch {}
}
