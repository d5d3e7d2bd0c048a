/**
 * Where Node offers kernel locks (macOS, the BSDs, Windows), they come first: a file next to the lock, opened with an
 * exclusive lock in one call, and kept open. Its holder then takes the directory too, the lock that all systems
 * respect: a container on a Mac or Windows machine sees its host's directory. The file adds the immediate proof that a
 * holder of the same machine is dead, and that only one process of the machine contends for the directory.
 *
 * - macOS and the BSDs: `O_EXLOCK` of open(2), as flock(2): it belongs to this one opening, so two in one process
 *   exclude each other too. With `O_NONBLOCK` a held lock is EAGAIN at once.
 * - Windows: libuv's `UV_FS_O_EXLOCK`, CreateFileW with share mode 0: while the file is open, every other open fails
 *   with EBUSY (ERROR_SHARING_VIOLATION).
 *
 * Both kernels close the file when its process ends, and never before: a stopped one keeps its lock. A browser started
 * meanwhile does not inherit it: libuv opens with O_CLOEXEC, on Windows with a handle that is not inheritable. Where a
 * network file system does not enforce it between machines, the directory does.
 *
 * The file stays as long as what the lock guards. Locking a file that was removed meanwhile holds nothing, and `held`
 * says so.
 */
import { closeSync, constants, fstatSync, openSync, statSync, unlinkSync } from "node:fs";
import { systemErrorCode } from "../../base/errors.ts";
import type { Clock } from "../clock.ts";
import { contendForDirectory } from "./directory.ts";
import { judgeByKernelLock, type Contender, type Judge, type ProcessLock } from "./holder.ts";

/** The locking flag of open(2), a number that `fs.constants` lacks; undefined where there is none. */
export function exclusiveOpenFlag(platform: NodeJS.Platform): number | undefined {
  if (platform === "win32") return 0x1000_0000;
  return platform === "darwin" || platform.endsWith("bsd") ? 0x20 : undefined;
}

/** Replaced by tests that simulate another system. */
type Open = (path: string, flags: number, mode: number) => number;

export function contendForFile(path: string, clock: Clock, flag: number, open: Open = openSync): Contender {
  // Only the process with the file contends for the directory.
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
    // Removed between opening and locking: excludes nobody.
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

/** After what it guarded is gone; not while a process has it. */
export function removeLockFile(path: string, flag: number, open: Open = openSync): void {
  try {
    const fd = tryOpen(path, flag, constants.O_RDONLY, open);
    if (fd === undefined) return;
    // While locked, so that it is not the next holder's. Windows removes no open file, neither this nor the next
    // holder's.
    if (process.platform === "win32") closeSync(fd);
    unlinkSync(`${path}file`);
    if (process.platform !== "win32") closeSync(fd);
  } catch {
    // None there, or another process just opened it.
  }
}

/** Undefined while another process has it open. */
function tryOpen(path: string, flag: number, flags: number, open: Open): number | undefined {
  try {
    return open(`${path}file`, flags | flag | (constants.O_NONBLOCK ?? 0), 0o600);
  } catch (error) {
    if (["EAGAIN", "EWOULDBLOCK", "EBUSY"].includes(systemErrorCode(error) ?? "")) return undefined;
    throw error;
  }
}

/** Windows cannot remove a file opened without sharing, and its file IDs may exceed a JavaScript number. */
function isStillAt(path: string, fd: number): boolean {
  if (process.platform === "win32") return true;
  try {
    const [there, ours] = [statSync(`${path}file`), fstatSync(fd)];
    return there.ino === ours.ino && there.dev === ours.dev;
  } catch {
    return false;
  }
}
