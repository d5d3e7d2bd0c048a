import { closeSync, constants, fstatSync, lstatSync, openSync, readFileSync, statSync, type Stats } from "node:fs";
import { dirname } from "node:path";
import { AuthError, reasonOf, systemErrorCode } from "../base/errors.ts";
import { hint, type Hint, type SystemCommand, type ToolVariable } from "../base/hint.ts";

/**
 * Reading files that only their owner can read, in a folder that only their owner can change. Anything
 * else is not trusted. How they are changed is in private-file-changes.ts, which a command that only reads does not load.
 *
 * On Windows modes say nothing: the access list of the profile folder, which new files inherit, keeps others out.
 */
const posix = process.platform !== "win32";
/** The largest file that is read, in bytes. */
export const maxBytes: number = 16 * 1024 * 1024;

/** Names another folder, where this one cannot be used. */
export const folderVariable: ToolVariable = { variable: "CONFIG_DIR" };

/**
 * Checks that only this user can change a folder, if there is one. A link to a folder is the user's own arrangement (dot files
 * under version control); what counts is where it leads.
 *
 * @throws {@link AuthError} `storage_unsafe` or `storage_unreadable`
 */
export function checkFolder(path: string): void {
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

function unsafe(path: string, what: string, next: Hint): AuthError {
  return new AuthError("storage_unsafe", `"${path}" ${what}, so it is not trusted`, { hint: next });
}

function foreign(path: string, stats: Stats): AuthError {
  return unsafe(path, `belongs to another user (uid ${stats.uid})`, hint`Set ${folderVariable} to a folder that you own`);
}

/** What to do about something else in the place of a file or folder. */
export function moveAway(path: string): Hint {
  return hint`Move it away: ${{ run: ["mv", path, `${path}.old`] }}`;
}

/** The command that shows who may change something. */
export function list(...paths: string[]): SystemCommand {
  return { run: ["ls", "-ld", ...paths] };
}

function octal(stats: Stats): string {
  return (stats.mode & 0o777).toString(8).padStart(4, "0");
}
