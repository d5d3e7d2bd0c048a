/**
 * The one way to replace a file: new content goes to a temporary file in the same directory, which is then renamed over
 * the old one, atomically (rename(2)). Readers see the old file or the new one, never a part, even after a kill.
 *
 * Synchronous on purpose: a process killed between the response to a refresh and the rename loses the session, so no
 * other work may come in between.
 */
import { randomBytes } from "node:crypto";
import {
  closeSync,
  constants,
  fsyncSync,
  ftruncateSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { AuthError, systemErrorCode } from "../base/errors.ts";

/** Disk space for the next content of a file, taken before it is known. */
export interface Reservation {
  /** Replaces the file. Throws the file system's error; the old file is then still there. */
  commit(content: string | Uint8Array): void;
  /** Releases the space. Does nothing after {@link Reservation.commit}. */
  discard(): void;
}

export interface ReplaceOptions {
  /**
   * Whether the file has reached the disk on return; true by default. Otherwise a power failure, but not a kill, may
   * leave the old file or an empty one.
   */
  readonly flush?: boolean;
}

/**
 * Node's permission model (`--permission`) refuses fsync, so files are opened for synchronous writes. Directories have
 * no such mode: a power failure right after a rename may restore the old file.
 */
export const mayFlush: boolean = (process as { permission?: unknown }).permission === undefined;
/** Opens a file for synchronous writes where it cannot be flushed. */
export const writesThrough: number = mayFlush ? 0 : (constants.O_DSYNC ?? 0);

/**
 * Reveals a full disk before anything irreversible. More than `bytes` can be written if there is space. A symbolic link
 * is itself replaced.
 */
export function reserveFile(path: string, bytes: number, { flush = true }: ReplaceOptions = {}): Reservation {
  const temporary = temporaryPath(path);
  // The name cannot be guessed, and must be new, so that no link is followed.
  const flags =
    constants.O_CREAT | constants.O_EXCL | constants.O_RDWR | (constants.O_NOFOLLOW ?? 0) | (flush ? writesThrough : 0);
  let fd: number | undefined = openSync(temporary, flags, 0o600);
  let isDone = false;
  const discard = (): void => {
    if (fd !== undefined) closeSync(fd);
    fd = undefined;
    if (!isDone) rmSync(temporary, { force: true });
    isDone = true;
  };
  try {
    writeAll(fd, Buffer.alloc(bytes));
    if (flush && mayFlush && bytes > 0) fsyncSync(fd);
  } catch (error) {
    discard();
    throw error;
  }
  return {
    discard,
    commit(content) {
      if (fd === undefined) throw new TypeError("this reservation is spent");
      try {
        const contentBytes = typeof content === "string" ? Buffer.from(content) : content;
        // The length first: it reaches the disk with the content, even without fsync.
        ftruncateSync(fd, contentBytes.length);
        writeAll(fd, contentBytes);
        if (flush && mayFlush) fsyncSync(fd);
        closeSync(fd);
        fd = undefined;
        moveFile(temporary, path);
        isDone = true;
        if (flush) syncFolder(dirname(path));
      } finally {
        discard();
      }
    },
  };
}

/** Named as {@link leftTemporaries} expects. */
export function temporaryPath(path: string): string {
  return join(dirname(path), `.${basename(path)}.${process.pid}.${randomBytes(6).toString("hex")}.tmp`);
}

/** {@link reserveFile} and {@link Reservation.commit} in one, for known content. */
export function replaceFile(path: string, content: string | Uint8Array, options?: ReplaceOptions): void {
  reserveFile(path, 0, options).commit(content);
}

/** Windows' errors for a file that another process has open: access denied (EPERM in libuv), or a sharing violation. */
const inUse: readonly string[] = ["EPERM", "EACCES", "EBUSY"];

/**
 * On Windows retries every 10 ms for 2 s while another process has the file open: Windows refuses to replace or rename
 * such a file, and to open a removed one that is still open elsewhere.
 *
 * The content, such as a refreshed session, may exist nowhere else, so blocking this process is fine.
 *
 * @internal
 */
export function retryWhileInUse<T>(action: () => T, platform: NodeJS.Platform = process.platform): T {
  for (let left = platform === "win32" ? 200 : 1; ; left -= 1) {
    try {
      return action();
    } catch (error) {
      if (left === 1 || !isInUse(error)) throw error;
    }
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
  }
}

/** Our errors have the system's as cause. */
function isInUse(error: unknown): boolean {
  return inUse.includes(systemErrorCode(error instanceof AuthError ? error.cause : error) ?? "");
}

export function moveFile(from: string, to: string): void {
  retryWhileInUse(() => renameSync(from, to));
}

/**
 * Makes renames in a directory durable. Windows cannot open directories, and some file systems cannot flush them
 * (EINVAL): there the journal does it.
 */
export function syncFolder(folder: string): void {
  if (process.platform === "win32" || !mayFlush) return;
  const fd = openSync(folder, constants.O_RDONLY);
  try {
    fsyncSync(fd);
  } catch (error) {
    if (systemErrorCode(error) !== "EINVAL") throw error;
  } finally {
    closeSync(fd);
  }
}

/** Temporary files of writers killed before the rename. `of`: only those of this file. */
export function leftTemporaries(
  folder: string,
  { recursive = false, of }: { recursive?: boolean; of?: string } = {},
): string[] {
  return readdirSync(folder, { recursive, encoding: "utf8" })
    .filter((path) => {
      const [, name, pid] = /^\.(.+)\.(\d+)\.[0-9a-f]{12}\.tmp$/.exec(basename(path)) ?? [];
      return pid !== undefined && (of === undefined || name === of) && !isRunning(Number(pid));
    })
    .map((path) => join(folder, path));
}

/** A reused pid only keeps a small file a little longer. */
function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return systemErrorCode(error) !== "ESRCH";
  }
}

function writeAll(fd: number, bytes: Uint8Array): void {
  for (let written = 0; written < bytes.length; )
    written += writeSync(fd, bytes, written, bytes.length - written, written);
}
