/**
 * Where Node offers a lock of the kernel's (macOS, the BSDs, Windows), it comes first: a file next to the lock, opened with an exclusive
 * lock in the same call, and kept open. Its holder then takes the directory too, which is the lock that all systems respect: a
 * container on a Mac or a Windows machine sees the folder of its host. What the file adds is the proof that a holder of the same
 * machine is dead, at once, and that only one process of the machine contends for the directory.
 *
 * - macOS and the BSDs: `O_EXLOCK` of open(2), which has the semantics of flock(2) and belongs to this one opening, so that
 *   two openings in one process exclude each other too. With `O_NONBLOCK` a held lock is EAGAIN at once.
 * - Windows: libuv's `UV_FS_O_EXLOCK`, which asks CreateFileW for share mode 0: while the file is open, every other attempt to
 *   open it fails with EBUSY (ERROR_SHARING_VIOLATION).
 *
 * In both cases the kernel closes the file when its process ends, however it ends, and never before: a stopped one keeps its lock. A
 * browser that is started meanwhile does not inherit it: libuv opens with O_CLOEXEC, and on Windows with a handle that is not inheritable.
 * Where a network file system does not enforce it between machines, the directory does.
 *
 * The file stays where it is for as long as what the lock guards. A process that locked a file which was removed meanwhile does not hold
 * the lock, and `held` says so.
 */
import { closeSync, constants, fstatSync, openSync, statSync, unlinkSync } from "node:fs";
import { systemErrorCode } from "../../base/errors.ts";
import type { Clock } from "../clock.ts";
import { contendForDirectory } from "./directory.ts";
import { judgeByKernelLock, type Contender, type Judge, type ProcessLock } from "./holder.ts";

/** The flag that locks in open(2), a number of the platform's C interface that `fs.constants` lacks; undefined where there is none. */
export function exclusiveOpenFlag(platform: NodeJS.Platform): number | undefined {
  if (platform === "win32") return 0x1000_0000;
  return platform === "darwin" || platform.endsWith("bsd") ? 0x20 : undefined;
}

/** open(2), the system's own unless a test simulates another system. */
type Open = (path: string, flags: number, mode: number) => number;

/** See the head of this file. */
export function contendForFile(path: string, clock: Clock, flag: number, open: Open = openSync): Contender {
  // Only the process that has the file looks at the directory.
  const directory = contendForDirectory(
    path,
    clock,
    judgeByKernelLock(() => false),
  );
  let fd: number | undefined;
  let isTaken = false;
  const close = (): void => {
    if (fd !== undefined) closeSync(fd);
    fd = undefined;
  };
  const hasFile = (): boolean => {
    fd ??= tryOpen(path, flag, constants.O_RDWR | constants.O_CREAT, open);
    // Removed between opening and locking: this lock excludes no one.
    if (fd !== undefined && !isStillAt(path, fd)) close();
    return fd !== undefined;
  };
  const both = (lock: ProcessLock | undefined): ProcessLock | undefined => {
    if (lock === undefined) return undefined;
    isTaken = true;
    return {
      held: () => fd !== undefined && isStillAt(path, fd) && lock.held(),
      release() {
        lock.release();
        close();
      },
    };
  };
  return {
    ...directory,
    attempt: () => (hasFile() ? both(directory.attempt()) : undefined),
    takeOver: async () => (hasFile() ? both(await directory.takeOver()) : undefined),
    withdraw() {
      directory.withdraw();
      if (!isTaken) close();
    },
  };
}

/** For an onlooker. */
export function judgeByFile(path: string, flag: number, open: Open = openSync): Judge {
  return judgeByKernelLock(() => {
    try {
      const fd = tryOpen(path, flag, constants.O_RDONLY, open);
      if (fd !== undefined) closeSync(fd);
      return fd === undefined;
    } catch (error) {
      if (systemErrorCode(error) === "ENOENT") return false;
      throw error;
    }
  });
}

/** Removes the file, if no process has it, once what the lock guarded is gone. */
export function removeLockFile(path: string, flag: number, open: Open = openSync): void {
  try {
    const fd = tryOpen(path, flag, constants.O_RDONLY, open);
    if (fd === undefined) return;
    // While it is locked, so that it is not the next holder's. Windows removes no open file, neither this nor that of a next holder.
    if (process.platform === "win32") closeSync(fd);
    unlinkSync(`${path}file`);
    if (process.platform !== "win32") closeSync(fd);
  } catch {
    // There is none, or another process has just opened it.
  }
}

/** The file, or undefined while another has it open. */
function tryOpen(path: string, flag: number, flags: number, open: Open): number | undefined {
  try {
    return open(`${path}file`, flags | flag | (constants.O_NONBLOCK ?? 0), 0o600);
  } catch (error) {
    if (["EAGAIN", "EWOULDBLOCK", "EBUSY"].includes(systemErrorCode(error) ?? "")) return undefined;
    throw error;
  }
}

/** On Windows a file that is open without sharing cannot be removed, and file IDs may be too large for a JavaScript number. */
function isStillAt(path: string, fd: number): boolean {
  if (process.platform === "win32") return true;
  try {
    const [there, ours] = [statSync(`${path}file`), fstatSync(fd)];
    return there.ino === ours.ino && there.dev === ours.dev;
  } catch {
    return false;
  }
}
