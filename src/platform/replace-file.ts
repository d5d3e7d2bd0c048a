/**
 * The one way to replace a file: a temporary file in the same directory is renamed over the old one, atomically
 * (rename(2)). Readers see the old file or the new one, never a part, even after a kill.
 *
 * Synchronous from the response to a refresh to the rename: a process killed in between loses the session, and a flush
 * in another thread takes longer on a busy machine. What comes before and after does not hold up the process: a server
 * that refreshes a thousand sessions flushes many of them at once.
 */
import { randomBytes } from "node:crypto";
import {
  closeSync,
  constants,
  fsync,
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

/** Disk space for the next content of a file. */
export interface Reservation {
  /** Rejects with the file system's error; the old file is then still there. */
  commit(content: string | Uint8Array): Promise<void>;
  /** Does nothing after {@link Reservation.commit}. */
  discard(): void;
}

export interface ReplaceOptions {
  /**
   * Whether the file has reached the disk on return; true by default. Otherwise a power failure, but not a kill, may
   * leave the old file or an empty one.
   */
  readonly flush?: boolean;
}

interface Temporary {
  readonly fd: number;
  fill(content: string | Uint8Array): void;
  /** A symbolic link is itself replaced. */
  moveInPlace(): void;
  discard(): void;
}

function openTemporary(path: string): Temporary {
  const temporary = temporaryPath(path);
  // The name cannot be guessed, and must be new: no link is followed.
  const ours = constants.O_CREAT | constants.O_EXCL | constants.O_RDWR | (constants.O_NOFOLLOW ?? 0);
  const fd = openSync(temporary, ours, 0o600);
  let isOpen = true;
  let isThere = true;
  const close = (): void => {
    if (isOpen) closeSync(fd);
    isOpen = false;
  };
  return {
    fd,
    fill(content) {
      const bytes = typeof content === "string" ? Buffer.from(content) : content;
      // The length first: it reaches the disk with the content, even without fsync.
      ftruncateSync(fd, bytes.length);
      writeAll(fd, bytes);
    },
    moveInPlace() {
      close();
      moveFile(temporary, path);
      isThere = false;
    },
    discard() {
      close();
      if (isThere) rmSync(temporary, { force: true });
      isThere = false;
    },
  };
}

/** Reveals a full disk before anything irreversible. Any more than `bytes` needs space on `commit`. */
export async function reserveFile(path: string, bytes: number): Promise<Reservation> {
  const file = openTemporary(path);
  let isSpent = false;
  const discard = (): void => {
    isSpent = true;
    file.discard();
  };
  try {
    file.fill(Buffer.alloc(bytes));
    await flush(file.fd);
  } catch (error) {
    discard();
    throw error;
  }
  return {
    discard,
    async commit(content) {
      if (isSpent) throw new TypeError("this reservation is spent");
      isSpent = true;
      try {
        file.fill(content);
        fsyncSync(file.fd);
        file.moveInPlace();
        await flushFolder(dirname(path));
      } finally {
        file.discard();
      }
    },
  };
}

export function replaceFile(
  path: string,
  content: string | Uint8Array,
  { flush: isFlushed = true }: ReplaceOptions = {},
): void {
  const file = openTemporary(path);
  try {
    file.fill(content);
    if (isFlushed) fsyncSync(file.fd);
    file.moveInPlace();
    if (isFlushed) syncFolder(dirname(path));
  } finally {
    file.discard();
  }
}

async function flush(fd: number): Promise<void> {
  await new Promise<void>((resolve, reject) => fsync(fd, (error) => (error ? reject(error) : resolve())));
}

/** Named as {@link leftTemporaries} expects. */
export function temporaryPath(path: string): string {
  return join(dirname(path), `.${basename(path)}.${process.pid}.${randomBytes(6).toString("hex")}.tmp`);
}

/** Windows' errors for a file that another process has open: access denied (EPERM in libuv), or a sharing violation. */
const inUse: readonly string[] = ["EPERM", "EACCES", "EBUSY"];

/**
 * Retries every 10 ms for 2 s while another process has the file open: Windows then refuses to replace or rename it,
 * and to open a removed one.
 *
 * The content, such as a refreshed session, may exist nowhere else, so blocking this process is fine.
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

function isInUse(error: unknown): boolean {
  return inUse.includes(systemErrorCode(error instanceof AuthError ? error.cause : error) ?? "");
}

export function moveFile(from: string, to: string): void {
  retryWhileInUse(() => renameSync(from, to));
}

/** Makes renames in a directory durable. */
export function syncFolder(folder: string): void {
  const fd = openFolder(folder);
  if (fd === undefined) return;
  try {
    fsyncSync(fd);
  } catch (error) {
    if (!isUnflushable(error)) throw error;
  } finally {
    closeSync(fd);
  }
}

async function flushFolder(folder: string): Promise<void> {
  const fd = openFolder(folder);
  if (fd === undefined) return;
  try {
    await flush(fd);
  } catch (error) {
    if (!isUnflushable(error)) throw error;
  } finally {
    closeSync(fd);
  }
}

/** Undefined where no directory can be opened (Windows) or flushed: there the journal does it. */
function openFolder(folder: string): number | undefined {
  return process.platform === "win32" ? undefined : openSync(folder, constants.O_RDONLY);
}

function isUnflushable(error: unknown): boolean {
  return systemErrorCode(error) === "EINVAL";
}

/**
 * Temporary files of writers killed before the rename. `of`: those of one file, for the holder of its lock. Otherwise those
 * of a locked file stay: its holder may be in another container, where pids mean other processes.
 */
export function leftTemporaries(
  folder: string,
  { recursive = false, of }: { recursive?: boolean; of?: string } = {},
): string[] {
  const paths = readdirSync(folder, { recursive, encoding: "utf8" });
  const all = new Set(paths);
  return paths
    .filter((path) => {
      const [, name, pid] = /^\.(.+)\.(\d+)\.[0-9a-f]{12}\.tmp$/.exec(basename(path)) ?? [];
      const isOpen = of === undefined ? !all.has(join(dirname(path), `${name}.lock`)) : name === of;
      return pid !== undefined && isOpen && !isRunning(Number(pid));
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
