import type { Stats } from "node:fs";
import { dirname } from "node:path";
import { AuthError, reasonOf, systemErrorCode, hint, type Hint } from "../base/errors.ts";
import type { SystemCommand, ToolVariable } from "../base/hint.ts";

// Not imported: for that, Node evaluates every property of the module, and so loads streams, promises and readline, which takes longer
// than reading the file.
const { closeSync, constants, fstatSync, lstatSync, openSync, readFileSync, statfsSync, statSync } =
  process.getBuiltinModule("node:fs");

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
  // Whatever it is, it may be precious: nothing is advised that would change it.
  if (!stats.isDirectory()) throw unsafe(path, "is not a directory", otherFolder);
  if (!posix) return;
  if (stats.uid !== process.geteuid?.()) throw foreign(path, stats);
  // A user who can write in the folder can put another file in place of ours, whatever that file's mode is. A sticky one, as /tmp is,
  // is meant for everybody.
  const fix = (stats.mode & 0o1000) !== 0 ? otherFolder : modeRemedy(path, "700");
  if ((stats.mode & 0o022) !== 0) throw unsafe(path, `can be changed by others (mode ${octal(stats)})`, fix);
}

function statsOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (cause) {
    // Such as ENOTDIR: one of the folders above it is a file.
    throw new AuthError("storage_unreadable", `"${path}" cannot be examined (${reasonOf(cause)})`, {
      hint: hint`Look at it: ${list(dirname(path))}`,
      cause,
    });
  }
}

/**
 * Reads a private file, after checking on the opened file itself (so that nothing can be swapped in between) that it is
 * a plain file, this user's, and closed to everybody else.
 *
 * @returns undefined when there is no such file
 * @throws {@link AuthError} `storage_unsafe` with the `chmod` that fixes it, also for a symbolic link; or `storage_unreadable`
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
    // For a second, sshfs has the size of the file that this one has replaced. What reads up to that makes it look again.
    const rest = readFileSync(fd);
    return rest.length === 0 ? bytes : Buffer.concat([bytes, rest]);
  } finally {
    closeSync(fd);
  }
}

/** What keeps `open` from following a link, and from waiting for the other end of a named pipe that was put in the file's place. */
export const safeFlags: number = (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

/**
 * Opens what is there if it is a plain file, and says otherwise what it is. Where the system knows the flags they are enough. Windows has
 * none, and Deno follows links before the system sees the path, unless it has every permission: so a look comes first, and on Deno what was
 * opened must be what was seen.
 *
 * @throws what the file system says
 */
export function openPlainFile(path: string, flags: number): number | "a symbolic link" | "not a plain file" {
  for (let left = 10; left > 0; left -= 1) {
    const seen = lstatSync(path, { bigint: true });
    if (seen.isSymbolicLink()) return "a symbolic link";
    if (!seen.isFile()) return "not a plain file";
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
    // Most likely a file of ours, which is replaced whole: then the next one is opened.
    closeSync(fd);
  }
  throw Object.assign(new Error("it is replaced again and again"), { code: "EBUSY" });
}

/** The descriptor of a private file, opened with the checks of {@link readPrivateFile}; undefined when there is no such file. */
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
      fd === "not a plain file" ? moveAway(path) : hint`Remove the link: ${{ run: ["rm", path] }}`,
    );
  try {
    checkPrivateFile(path, fstatSync(fd));
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** Checks that an opened file is a plain one, this user's, and closed to everybody else. */
export function checkPrivateFile(path: string, stats: Stats): void {
  if (posix && stats.uid !== process.geteuid?.()) throw foreign(path, stats);
  if (!stats.isFile()) throw unsafe(path, "is not a plain file", moveAway(path));
  if (posix && (stats.mode & 0o077) !== 0) {
    throw unsafe(path, `can be read by others (mode ${octal(stats)})`, modeRemedy(path, "600"));
  }
}

/** f_type of statfs(2): exFAT, FAT and NTFS, where every mode is one that the mount gives. */
const typesWithoutModes = new Set([0x2011bab0, 0x4d44, 0x7366746e]);

/** What gives a path another mode. */
export function modeRemedy(
  path: string,
  mode: string,
  typeOf: (path: string) => number = (at) => statfsSync(at).type,
): Hint {
  let type: number | undefined;
  try {
    type = typeOf(path);
  } catch {
    // Then it is a file system like most.
  }
  return type !== undefined && typesWithoutModes.has(type)
    ? ["Its file system has no modes of its own: mount it with the option umask=077"]
    : hint`Run: ${{ run: ["chmod", mode, path] }}`;
}

/** A mark that changes whenever the file is replaced; undefined when there is no file. */
export function fileMark(path: string): string | undefined {
  const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  return stats && `${stats.ino}:${stats.mtimeNs}:${stats.size}`;
}

/** A failure to read or list, with what to do about it. */
export function unreadable(path: string, cause: unknown): AuthError {
  return new AuthError("storage_unreadable", `"${path}" cannot be read (${reasonOf(cause)})`, {
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

const otherFolder: Hint = hint`Set ${folderVariable} to a directory of yours`;

/** What to do about something else in place of a file, under a name that only this program gives. */
export function moveAway(path: string): Hint {
  return hint`Move it: ${{ run: ["mv", path, `${path}.old`] }}`;
}

/** The command that shows who may change something. */
function list(...paths: string[]): SystemCommand {
  return { run: ["ls", "-ld", ...paths] };
}

function octal(stats: Stats): string {
  return (stats.mode & 0o777).toString(8).padStart(4, "0");
}
