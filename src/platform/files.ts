import { randomBytes } from "node:crypto";
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
  type Stats,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { AuthError } from "../base/errors.ts";
import { reasonOf, systemErrorCode } from "../base/system-error.ts";

/**
 * Files that only their owner can read, replaced whole.
 *
 * Everything here is synchronous on purpose: between the service's answer to a refresh and the rename below lies the one
 * moment in which a killed process loses a session, and no other work of this process may come in between.
 *
 * On Windows modes say nothing: the profile folder's access list, which new files inherit, keeps others out.
 */
const posix = process.platform !== "win32";
const O_NOFOLLOW = constants.O_NOFOLLOW ?? 0;
const maxBytes = 16 * 1024 * 1024;

/**
 * Makes sure that a folder exists and belongs to this user alone, creating it with mode 0700.
 *
 * @param path - the folder
 * @throws {@link AuthError} `storage_unsafe` when it is another user's or others may write in it,
 * `storage_unwritable` when it cannot be made
 */
export function ensurePrivateFolder(path: string): void {
  try {
    makeFolder(path);
  } catch (cause) {
    throw unwritable(path, cause);
  }
  checkFolder(path);
}

/** Not `recursive`: that never comes back where a parent is there and making a folder in it says ENOENT all the same (/proc). */
function makeFolder(path: string): void {
  if (statSync(path, { throwIfNoEntry: false }) !== undefined) return;
  if (path !== dirname(path)) makeFolder(dirname(path));
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    // Another process made it just now.
    if (systemErrorCode(error) !== "EEXIST") throw error;
  }
}

/** A link to a folder is the user's own arrangement (dot files under version control); what counts is where it leads. */
function checkFolder(path: string): void {
  const stats = statsOf(path);
  if (stats === undefined) return;
  if (!stats.isDirectory()) throw unsafe(path, "is not a folder", `Move it away: mv ${quoted(path)} ${quoted(`${path}.old`)}`);
  if (!posix) return;
  if (stats.uid !== process.geteuid?.()) throw foreign(path, stats);
  // Who can write in the folder can put another file in place of ours, whatever that file's mode is.
  if ((stats.mode & 0o022) !== 0) throw unsafe(path, `can be changed by others (mode ${octal(stats)})`, `Run: chmod 700 ${quoted(path)}`);
}

function statsOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (cause) {
    // Such as ENOTDIR: one of the folders above it is a file.
    throw new AuthError("storage_unreadable", `"${path}" cannot be looked at (${reasonOf(cause)})`, {
      hint: `Look at what is there: ls -ld ${quoted(dirname(path))}`,
      cause,
    });
  }
}

/**
 * Reads a private file, after checking on the opened file itself (so that nothing can be swapped in between) that it is
 * a plain file, this user's, and closed to everybody else.
 *
 * @param path - the file; a symbolic link is refused
 * @returns its bytes, or undefined when there is no such file
 * @throws {@link AuthError} `storage_unsafe` with the `chmod` that mends it, or `storage_unreadable`
 * @internal
 */
export function readPrivateFile(path: string): Buffer | undefined {
  checkFolder(dirname(path));
  let fd: number;
  try {
    // O_NONBLOCK: a named pipe put in the file's place must not hang the command before it is refused.
    fd = openSync(path, constants.O_RDONLY | O_NOFOLLOW | (constants.O_NONBLOCK ?? 0));
  } catch (cause) {
    const code = reasonOf(cause);
    if (code === "ENOENT") return undefined;
    if (code === "ELOOP" || code === "EMLINK") throw unsafe(path, "is a symbolic link", `Remove the link: rm ${quoted(path)}`);
    throw new AuthError("storage_unreadable", `"${path}" cannot be read (${code})`, {
      hint: `Look at what is there: ls -ld ${quoted(dirname(path))} ${quoted(path)}`,
      cause,
    });
  }
  try {
    const stats = fstatSync(fd);
    if (!stats.isFile()) throw unsafe(path, "is not a plain file", `Move it away: mv ${quoted(path)} ${quoted(`${path}.old`)}`);
    if (posix && stats.uid !== process.geteuid?.()) throw foreign(path, stats);
    if (posix && (stats.mode & 0o077) !== 0) {
      throw unsafe(path, `can be read by others (mode ${octal(stats)})`, `Run: chmod 600 ${quoted(path)}`);
    }
    if (stats.size > maxBytes) throw unsafe(path, `is ${stats.size} bytes long, far more than this program writes`, `Look at it: ls -la ${quoted(path)}`);
    return readFileSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Room on disk for a file's next content, taken before the content is known. */
export interface Reservation {
  /**
   * Puts the content in the file's place: a reader sees the old file or the new one, whole, also after a power cut.
   * @throws {@link AuthError} `storage_unwritable`; the old file is still there
   */
  commit(content: string): void;
  /** Gives the room back. Does nothing after {@link Reservation.commit}. */
  discard(): void;
}

/**
 * Takes the room that the next content of a private file needs, so that a full disk shows before a refresh token is
 * spent and not after. What earlier writers left when they were killed is removed.
 *
 * @param path - the file that will be replaced
 * @param bytes - how long the new content may become; more can still be written if the disk has it
 * @throws {@link AuthError} `storage_unwritable` when the folder or the disk does not take it
 */
export function reservePrivateFile(path: string, bytes: number): Reservation {
  const folder = dirname(path);
  ensurePrivateFolder(folder);
  const prefix = `.${basename(path)}.`;
  let temporary: string | undefined;
  let fd: number | undefined;
  const discard = (): void => {
    if (fd !== undefined) closeSync(fd);
    fd = undefined;
    if (temporary !== undefined) rmSync(temporary, { force: true });
    temporary = undefined;
  };
  try {
    for (const left of leftTemporaries(folder)) if (basename(left).startsWith(prefix)) rmSync(left, { force: true });
    temporary = join(folder, `${prefix}${process.pid}.${randomBytes(6).toString("hex")}.tmp`);
    fd = openSync(temporary, constants.O_CREAT | constants.O_EXCL | constants.O_RDWR | O_NOFOLLOW, 0o600);
    writeAll(fd, Buffer.alloc(bytes));
    fsyncSync(fd);
  } catch (cause) {
    discard();
    throw unwritable(path, cause);
  }
  return {
    discard,
    commit(content) {
      if (fd === undefined || temporary === undefined) throw new TypeError("this reservation is spent");
      const next = Buffer.from(content);
      // What would not be read again must not take the place of what can be.
      if (next.length > maxBytes) {
        discard();
        throw new AuthError("storage_unwritable", `"${path}" would be ${next.length} bytes long, and ${maxBytes} are the most that is read`, {
          hint: "Log out where you need no login any more: spec-kitty auth logout --profile NAME",
        });
      }
      try {
        ftruncateSync(fd, writeAll(fd, next));
        fsyncSync(fd);
        closeSync(fd);
        fd = undefined;
        renameSync(temporary, path);
        temporary = undefined;
        syncFolder(folder);
      } catch (cause) {
        discard();
        throw unwritable(path, cause);
      }
    },
  };
}

/** {@link reservePrivateFile} and {@link Reservation.commit} at once, for content that is known already. */
export function replacePrivateFile(path: string, content: string): void {
  reservePrivateFile(path, 0).commit(content);
}

/** Removes a private file. It is no error when there is none. */
export function removePrivateFile(path: string): void {
  try {
    rmSync(path, { force: true });
    syncFolder(dirname(path));
  } catch (cause) {
    throw unwritable(path, cause);
  }
}

/**
 * The temporary files in a folder whose writers are gone: killed between the first byte and the rename. The next write of
 * the same file removes its own.
 */
export function leftTemporaries(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => {
      const [, pid] = /^\..+\.(\d+)\.[0-9a-f]{12}\.tmp$/.exec(name) ?? [];
      return pid !== undefined && !isRunning(Number(pid));
    })
    .map((name) => join(folder, name));
}

/** A mark that changes whenever the file is replaced; undefined when there is no file. */
export function fileMark(path: string): string | undefined {
  const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  return stats && `${stats.ino}:${stats.mtimeNs}:${stats.size}`;
}

/** A number that has been given to another process by now keeps a small file a little longer; nothing else depends on it. */
function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return systemErrorCode(error) !== "ESRCH";
  }
}

function writeAll(fd: number, bytes: Buffer): number {
  let written = 0;
  while (written < bytes.length) written += writeSync(fd, bytes, written, bytes.length - written, written);
  return written;
}

/** Makes the rename itself durable. Where a folder cannot be opened (Windows), the file system's journal does that. */
function syncFolder(folder: string): void {
  if (!posix) return;
  let fd: number | undefined;
  try {
    fd = openSync(folder, constants.O_RDONLY);
    fsyncSync(fd);
  } catch (error) {
    if (systemErrorCode(error) !== "EINVAL" && systemErrorCode(error) !== "ENOENT") throw error;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

function unsafe(path: string, what: string, hint: string): AuthError {
  return new AuthError("storage_unsafe", `"${path}" ${what}, so it is not trusted`, { hint });
}

function foreign(path: string, stats: Stats): AuthError {
  return unsafe(path, `belongs to another user (uid ${stats.uid})`, "Set SPEC_KITTY_CONFIG_DIR to a folder of yours");
}

function unwritable(path: string, cause: unknown): AuthError {
  const code = reasonOf(cause);
  const hints: Record<string, string> = {
    ENOSPC: "Free some space, then try again",
    EDQUOT: "Free some space of your quota, then try again",
    ERR_FS_EISDIR: `A folder has its name. Move it away: mv ${quoted(path)} ${quoted(`${path}.old`)}`,
    EROFS: "Set SPEC_KITTY_CONFIG_DIR to a folder that can be written",
  };
  return new AuthError("storage_unwritable", `"${path}" cannot be written (${code})`, {
    hint: hints[code] ?? `Make the folder yours and writable, or set SPEC_KITTY_CONFIG_DIR to another: ls -ld ${quoted(dirname(path))}`,
    cause,
  });
}

function octal(stats: Stats): string {
  return (stats.mode & 0o777).toString(8).padStart(4, "0");
}

function quoted(path: string): string {
  return /^[\w./~-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
}
