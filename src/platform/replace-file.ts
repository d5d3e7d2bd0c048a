/**
 * The one way in which a file is replaced: the new content goes to a temporary file in the same folder, which is then renamed
 * over the old one, atomically (rename(2)). A reader sees the old file or the new one and never a part of either, also after
 * the writer was killed.
 *
 * Everything here is synchronous on purpose: between the service's answer to a refresh and the rename lies the one moment in
 * which a killed process loses a session, and no other work of the process may come in between.
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

/** Room on disk for the next content of a file, taken before the content is known. */
export interface Reservation {
  /** Puts the content in the file's place. Throws what the file system says; the old file is still there then. */
  commit(content: string | Uint8Array): void;
  /** Releases the room. Does nothing after {@link Reservation.commit}. */
  discard(): void;
}

export interface ReplaceOptions {
  /**
   * Whether the new file has reached the disk when the call returns, which is the default. Otherwise a power cut may leave the
   * old file, or an empty one; a killed process never does.
   */
  readonly flush?: boolean;
}

/**
 * Node's permission model (`--permission`) refuses every fsync. Then the files themselves are opened so that each write waits for the
 * disk. Nothing does that for a folder: a power cut just after a rename may bring back the file before it.
 */
export const mayFlush: boolean = (process as { permission?: unknown }).permission === undefined;
/** A flag for the opening of a file that has to reach the disk, where it cannot be flushed afterwards. */
export const writesThrough: number = mayFlush ? 0 : (constants.O_DSYNC ?? 0);

/**
 * So that a full disk shows before something is done that cannot be undone. More than `bytes` can still be written if the disk has it. If
 * the file is a symbolic link, the link is replaced.
 */
export function reserveFile(path: string, bytes: number, { flush = true }: ReplaceOptions = {}): Reservation {
  const temporary = temporaryPath(path);
  // The name cannot be guessed. It must be new all the same, so that no link to another of the user's files is followed.
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
        // The length first: it reaches the disk with the content, also where there is no fsync.
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

/** For the next content of a file: next to it, and named as {@link leftTemporaries} knows it. */
export function temporaryPath(path: string): string {
  return join(dirname(path), `.${basename(path)}.${process.pid}.${randomBytes(6).toString("hex")}.tmp`);
}

/** {@link reserveFile} and {@link Reservation.commit} at once, for content that is known already. */
export function replaceFile(path: string, content: string | Uint8Array, options?: ReplaceOptions): void {
  reserveFile(path, 0, options).commit(content);
}

/** What Windows says of a file that another process has open: access denied, which libuv turns into EPERM, or a sharing violation. */
const inUse: readonly string[] = ["EPERM", "EACCES", "EBUSY"];

/**
 * On Windows again, every 10 ms for 2 s, while another process has the file open: Windows refuses to replace or rename such a file, and to
 * open one that was removed and is still open elsewhere.
 *
 * The content that is to be stored, such as a refreshed session, may exist nowhere else. It does not matter that this process waits
 * meanwhile, see the head of this file.
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

/** An error of ours has the system's as its cause. */
function isInUse(error: unknown): boolean {
  return inUse.includes(systemErrorCode(error instanceof AuthError ? error.cause : error) ?? "");
}

export function moveFile(from: string, to: string): void {
  retryWhileInUse(() => renameSync(from, to));
}

/**
 * Makes the renames into a folder durable. Windows cannot open folders, and some file systems cannot flush them (EINVAL): there
 * the journal does it.
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

/**
 * The paths of temporary files whose writers were killed between the first byte and the rename. `of`: only those of the file with this
 * name.
 */
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

/** A pid that belongs to another process by now only keeps a small file a little longer. */
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
