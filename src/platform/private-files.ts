import type { Stats } from "node:fs";
import { dirname } from "node:path";
import { AuthError, reasonOf, systemErrorCode, hint, type Hint } from "../base/errors.ts";
import type { SystemCommand, ToolVariable } from "../base/hint.ts";

// Not imported: Node would evaluate every property of the module and load streams, promises and readline.
const { closeSync, constants, fstatSync, lstatSync, openSync, readFileSync, statfsSync, statSync } =
  process.getBuiltinModule("node:fs");

/**
 * Reads files that only their owner can read, in a directory that only its owner can change; trusts no others.
 * private-file-changes.ts changes them, and is not loaded for reading.
 *
 * On Windows modes say nothing: the profile directory's access control list, inherited by new files, keeps others out.
 */
const posix = process.platform !== "win32";
export const maxBytes: number = 16 * 1024 * 1024;

export const folderVariable: ToolVariable = { variable: "CONFIG_DIR" };

/**
 * Checks that only this user can change a directory, if it exists. A link to one is the user's own (dot files under
 * version control); its target counts.
 *
 * @throws {@link AuthError} `storage_unsafe` or `storage_unreadable`
 */
export function checkFolder(path: string): void {
  const stats = statsOf(path);
  if (stats === undefined) return;
  // It may be precious: no advice that would change it.
  if (!stats.isDirectory()) throw unsafe(path, "is not a directory", otherFolder);
  if (!posix) return;
  if (stats.uid !== process.geteuid?.()) throw foreign(path, stats);
  // Anyone who can write in the directory can replace our file. A sticky one, such as /tmp, is meant for all.
  const fix = (stats.mode & 0o1000) !== 0 ? otherFolder : modeRemedy(path, "700");
  if ((stats.mode & 0o022) !== 0)
    throw unsafe(path, `can be changed by others (mode ${octal(stats.mode & 0o777)})`, fix);
}

function statsOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (cause) {
    // Such as ENOTDIR: a parent is a file.
    throw new AuthError("storage_unreadable", `cannot examine "${path}" (${reasonOf(cause)})`, {
      hint: hint`Look at it: ${list(dirname(path))}`,
      cause,
    });
  }
}

/**
 * Checks the opened file, so that nothing can be swapped in between: plain, this user's, closed to all others.
 *
 * @returns undefined when there is no such file
 * @throws {@link AuthError} `storage_unsafe` with the `chmod` that fixes it, also for a symbolic link; or
 *   `storage_unreadable`
 */
export function readPrivateFile(path: string): Buffer | undefined {
  const fd = openPrivateFile(path, constants.O_RDONLY);
  if (fd === undefined) return undefined;
  try {
    const { size } = fstatSync(fd);
    if (size > maxBytes) {
      throw unsafe(
        path,
        `is ${size} bytes long, far more than this program writes`,
        hint`Look at it: ${{ run: ["ls", "-la", path] }}`,
      );
    }
    const bytes = readFileSync(fd);
    // For a second, sshfs has the size of the replaced file. Reading up to it refreshes the size.
    const rest = readFileSync(fd);
    return rest.length === 0 ? bytes : Buffer.concat([bytes, rest]);
  } finally {
    closeSync(fd);
  }
}

/** Not through a link, and without waiting at a named pipe. */
export const safeFlags: number = (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

/**
 * Opens a plain file, or says what else it is. The flags are enough, where the system has them. Windows has none, and
 * Deno follows links unless it has every permission: so lstat comes first, and on Deno the opened file must be the
 * same.
 *
 * @throws the file system's error
 */
export function openPlainFile(path: string, flags: number): number | "a symbolic link" | "not a regular file" {
  for (let left = 10; left > 0; left -= 1) {
    const seen = lstatSync(path, { bigint: true });
    if (seen.isSymbolicLink()) return "a symbolic link";
    if (!seen.isFile()) return "not a regular file";
    let fd: number;
    try {
      fd = openSync(path, flags | safeFlags);
    } catch (error) {
      if (["ELOOP", "EMLINK"].includes(systemErrorCode(error) ?? "")) return "a symbolic link";
      throw error;
    }
    if (!("Deno" in globalThis)) return fd;
    const { ino, dev } = fstatSync(fd, { bigint: true });
    if (ino === seen.ino && dev === seen.dev) return fd;
    // Most likely a file of ours, just replaced.
    closeSync(fd);
  }
  throw Object.assign(new Error("it keeps being replaced"), { code: "EBUSY" });
}

/** As {@link readPrivateFile} checks; undefined when there is no such file. */
export function openPrivateFile(path: string, flags: number): number | undefined {
  checkFolder(dirname(path));
  let fd: ReturnType<typeof openPlainFile>;
  try {
    fd = openPlainFile(path, flags);
  } catch (cause) {
    if (systemErrorCode(cause) === "ENOENT") return undefined;
    throw unreadable(path, cause);
  }
  if (typeof fd === "string")
    throw unsafe(
      path,
      `is ${fd}`,
      fd === "not a regular file" ? moveAway(path) : hint`Remove the link: ${{ run: ["rm", path] }}`,
    );
  try {
    checkPrivateFile(path, fstatSync(fd));
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

export function checkPrivateFile(path: string, stats: Stats): void {
  if (posix && stats.uid !== process.geteuid?.()) throw foreign(path, stats);
  if (!stats.isFile()) throw unsafe(path, "is not a regular file", moveAway(path));
  if (posix && (stats.mode & 0o077) !== 0) {
    throw unsafe(path, `can be read by others (mode ${octal(stats.mode & 0o777)})`, modeRemedy(path, "600"));
  }
}

/** f_type of statfs(2): exFAT, FAT and NTFS, where the mount sets every mode. */
const typesWithoutModes = new Set([0x2011bab0, 0x4d44, 0x7366746e]);

export function modeRemedy(
  path: string,
  mode: string,
  typeOf: (path: string) => number = (at) => statfsSync(at).type,
): Hint {
  let type: number | undefined;
  try {
    type = typeOf(path);
  } catch {
    // It has modes, like most.
  }
  return type !== undefined && typesWithoutModes.has(type)
    ? ["Mount its file system with the option umask=077"]
    : hint`Run: ${{ run: ["chmod", mode, path] }}`;
}

/** Changes when the file is replaced; undefined when there is none. */
export function fileMark(path: string): string | undefined {
  const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  return stats && `${stats.ino}:${stats.mtimeNs}:${stats.size}`;
}

export function unreadable(path: string, cause: unknown): AuthError {
  return new AuthError("storage_unreadable", `cannot read "${path}" (${reasonOf(cause)})`, {
    hint: hint`Look at it: ${list(dirname(path), path)}`,
    cause,
  });
}

function unsafe(path: string, what: string, next: Hint): AuthError {
  return new AuthError("storage_unsafe", `"${path}" ${what}: not trusted`, { hint: next });
}

function foreign(path: string, stats: Stats): AuthError {
  return unsafe(path, `belongs to another user (uid ${stats.uid})`, otherFolder);
}

const otherFolder: Hint = hint`Set ${folderVariable} to a directory you own`;

/** For something else in place of our file. */
export function moveAway(path: string): Hint {
  return hint`Move it: ${{ run: ["mv", path, `${path}.old`] }}`;
}

function list(...paths: string[]): SystemCommand {
  return { run: ["ls", "-ld", ...paths] };
}

export function octal(mode: number): string {
  return mode.toString(8).padStart(4, "0");
}
