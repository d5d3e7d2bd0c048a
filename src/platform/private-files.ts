import { closeSync, constants, fstatSync, lstatSync, mkdirSync, openSync, readFileSync, rmSync, statSync, type Stats } from "node:fs";
import { basename, dirname } from "node:path";
import { AuthError, reasonOf, systemErrorCode } from "../base/errors.ts";
import { hint, type Hint, type SystemCommand, type ToolVariable } from "../base/hint.ts";
import { leftTemporaries, replaceFile, reserveFile, syncFolder, type ReplaceOptions, type Reservation } from "./files.ts";

/**
 * Files that only their owner can read, in a folder that only their owner can change. What is found is trusted only if it is so.
 *
 * On Windows modes say nothing: the access list of the profile folder, which new files inherit, keeps others out.
 */
const posix = process.platform !== "win32";
const maxBytes = 16 * 1024 * 1024;

/**
 * Makes sure that a folder exists and that only this user can change it, creating it with mode 0700.
 *
 * @throws {@link AuthError} `storage_unsafe` when it is another user's or others may write in it,
 * `storage_unwritable` when it cannot be created
 */
export function ensurePrivateFolder(path: string): void {
  explained(path, () => makeFolder(path));
  checkFolder(path);
}

/** Not `recursive`: that never returns where a parent exists and making a folder in it says ENOENT all the same (/proc). */
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
  if (!stats.isDirectory()) throw unsafe(path, "is not a folder", moveAway(path));
  if (!posix) return;
  if (stats.uid !== process.geteuid?.()) throw foreign(path, stats);
  // A user who can write in the folder can put another file in place of ours, whatever that file's mode is.
  if ((stats.mode & 0o022) !== 0) throw unsafe(path, `can be changed by others (mode ${octal(stats)})`, hint`Run: ${{ run: ["chmod", "700", path] }}`);
}

function statsOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (cause) {
    // Such as ENOTDIR: one of the folders above it is a file.
    throw new AuthError("storage_unreadable", `"${path}" cannot be looked at (${reasonOf(cause)})`, {
      hint: hint`Look at what is there: ${list(dirname(path))}`,
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
 * @throws {@link AuthError} `storage_unsafe` with the `chmod` that fixes it, or `storage_unreadable`
 */
export function readPrivateFile(path: string): Buffer | undefined {
  checkFolder(dirname(path));
  let fd: number;
  try {
    // O_NONBLOCK: a named pipe put in the file's place must not hang the command before it is refused.
    fd = openSync(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0));
  } catch (cause) {
    const code = systemErrorCode(cause);
    if (code === "ENOENT") return undefined;
    if (code === "ELOOP" || code === "EMLINK") throw unsafe(path, "is a symbolic link", hint`Remove the link: ${{ run: ["rm", path] }}`);
    throw unreadable(path, cause);
  }
  try {
    const stats = fstatSync(fd);
    if (!stats.isFile()) throw unsafe(path, "is not a plain file", moveAway(path));
    if (posix && stats.uid !== process.geteuid?.()) throw foreign(path, stats);
    if (posix && (stats.mode & 0o077) !== 0) {
      throw unsafe(path, `can be read by others (mode ${octal(stats)})`, hint`Run: ${{ run: ["chmod", "600", path] }}`);
    }
    if (stats.size > maxBytes) {
      throw unsafe(path, `is ${stats.size} bytes long, far more than this program writes`, hint`Look at it: ${{ run: ["ls", "-la", path] }}`);
    }
    return readFileSync(fd);
  } finally {
    closeSync(fd);
  }
}

/**
 * Takes the room that the next content of a private file needs, so that a full disk shows before a refresh token is
 * spent and not after. What earlier writers left when they were killed is removed.
 *
 * @param path - the file that will be replaced
 * @param bytes - how long the new content may become; more can still be written if the disk has it
 * @throws {@link AuthError} `storage_unwritable` when the folder or the disk does not take it; so does its `commit`
 */
export function reservePrivateFile(path: string, bytes: number): Reservation {
  const folder = dirname(path);
  ensurePrivateFolder(folder);
  const reservation = explained(path, () => {
    for (const left of leftTemporaries(folder, { of: basename(path) })) rmSync(left, { force: true });
    return reserveFile(path, bytes);
  });
  return {
    discard: reservation.discard,
    commit(content) {
      const length = Buffer.byteLength(content);
      // What could not be read again must not take the place of what can be.
      if (length > maxBytes) {
        reservation.discard();
        throw new AuthError("storage_unwritable", `"${path}" would be ${length} bytes long, and ${maxBytes} are the most that is read`, {
          hint: hint`Log out where you no longer need a login: ${{ command: "auth logout", profile: "NAME" }}`,
        });
      }
      explained(path, () => reservation.commit(content));
    },
  };
}

/**
 * {@link reservePrivateFile} and its `commit` at once, for content that is known already and in a folder that was checked.
 * @throws {@link AuthError} `storage_unwritable`; the old file is still there
 */
export function replacePrivateFile(path: string, content: string, options?: ReplaceOptions): void {
  explained(path, () => replaceFile(path, content, options));
}

/** Removes a private file. It is no error when there is none. */
export function removePrivateFile(path: string): void {
  explained(path, () => {
    rmSync(path, { force: true });
    if (statSync(dirname(path), { throwIfNoEntry: false }) !== undefined) syncFolder(dirname(path));
  });
}

/** A mark that changes whenever the file is replaced; undefined when there is no file. */
export function fileMark(path: string): string | undefined {
  const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  return stats && `${stats.ino}:${stats.mtimeNs}:${stats.size}`;
}

/** A failure to read or list, with what to do about it. */
export function unreadable(path: string, cause: unknown): AuthError {
  return new AuthError("storage_unreadable", `"${path}" cannot be read (${reasonOf(cause)})`, {
    hint: hint`Look at what is there: ${list(dirname(path), path)}`,
    cause,
  });
}

/** A failure to write, with what to do about it. An error that says so already is returned as it is. */
export function unwritable(path: string, cause: unknown): AuthError {
  if (cause instanceof AuthError) return cause;
  const code = systemErrorCode(cause) ?? "";
  const hints: Partial<Record<string, Hint>> = {
    ENOSPC: hint`Free some space, then try again`,
    EDQUOT: hint`Free some space of your quota, then try again`,
    ERR_FS_EISDIR: hint`A folder has its name. ${moveAway(path)}`,
    EROFS: hint`Set ${folderVariable} to a folder that can be written`,
  };
  return new AuthError("storage_unwritable", `"${path}" cannot be written (${reasonOf(cause)})`, {
    hint: hints[code] ?? hint`Make the folder yours and writable, or set ${folderVariable} to another. To see it: ${list(dirname(path))}`,
    cause,
  });
}

/** Does what touches the file at `path`, and explains what the system says to it. A defect of ours stays what it is. */
function explained<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    throw systemErrorCode(cause) === undefined ? cause : unwritable(path, cause);
  }
}

const folderVariable: ToolVariable = { variable: "CONFIG_DIR" };

function unsafe(path: string, what: string, next: Hint): AuthError {
  return new AuthError("storage_unsafe", `"${path}" ${what}, so it is not trusted`, { hint: next });
}

function foreign(path: string, stats: Stats): AuthError {
  return unsafe(path, `belongs to another user (uid ${stats.uid})`, hint`Set ${folderVariable} to a folder of yours`);
}

function moveAway(path: string): Hint {
  return hint`Move it away: ${{ run: ["mv", path, `${path}.old`] }}`;
}

function list(...paths: string[]): SystemCommand {
  return { run: ["ls", "-ld", ...paths] };
}

function octal(stats: Stats): string {
  return (stats.mode & 0o777).toString(8).padStart(4, "0");
}
