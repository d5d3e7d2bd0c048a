import { closeSync, constants, fstatSync, lstatSync, readlinkSync, readSync, realpathSync, statSync } from "node:fs";
import { lstat, open, rm } from "node:fs/promises";
import { join, parse, relative, resolve, sep } from "node:path";
import { AuthError, hint } from "../base/errors.ts";
import { isTrustedOwner } from "./folders-above.ts";
import { openPlainFile } from "./private-files.ts";
import { moveFile, temporaryPath } from "./replace-file.ts";

/**
 * The one door for files that the user names (S-016). A cloned directory may choose them, as with `docs/*.md`: there
 * `spec.md` may be a link to `/proc/self/environ`, whose secrets the service would get, or to a user's file that the
 * output would replace. So links lead nowhere but into their own directory, and input is a plain file, up to a limit.
 */

/**
 * @param most - in bytes; a longer one is not read to its end
 * @throws {@link AuthError} `usage_invalid` for what this door refuses; otherwise the file system's error
 */
export function readUserFile(path: string, most: number): Buffer {
  const place = placeOf(path);
  const fd = openPlainFile(place, constants.O_RDONLY);
  if (typeof fd === "string")
    throw new AuthError("usage_invalid", `"${path}" is not a regular file`, {
      hint: "Save the content in a file, and use it",
    });
  try {
    requireAt(place, fd);
    // Files in /proc say 0, and others may grow.
    const { size } = fstatSync(fd);
    const pieces: Buffer[] = [];
    let left = most + 1;
    for (let next = size + 1; size <= most && left > 0; next = 65_536) {
      const piece = Buffer.alloc(Math.min(next, left));
      const count = readSync(fd, piece);
      if (count === 0) return Buffer.concat(pieces);
      pieces.push(piece.subarray(0, count));
      left -= count;
    }
  } finally {
    closeSync(fd);
  }
  throw tooLong(`"${path}"`, most);
}

export function tooLong(what: string, most: number): AuthError {
  return new AuthError("usage_invalid", `${what} is longer than ${most} bytes, the maximum`, {
    hint: "Send less, or in several parts",
  });
}

/**
 * In a shared directory, a part of the path may have become a link since the check. Linux says what was opened; it
 * differs where a file system ignores case, or another file has just taken the place.
 */
function requireAt(place: string, fd: number): void {
  let opened: string;
  try {
    opened = readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return;
  }
  const [found, wanted] = [opened.replace(/ \(deleted\)$/, ""), place].map((path) => path.normalize().toLowerCase());
  if (found === wanted) return;
  throw new AuthError("usage_invalid", `"${place}" was replaced by "${opened}" while it was being opened`, {
    hint: "Name a file in a directory that only you can change",
  });
}

/** The end need not exist, unless by a link. */
function placeOf(path: string): string {
  // Links above the working directory are the user's own: no clone reaches there.
  const whole = resolve(realpathSync("."), path);
  const names = relative(parse(whole).root, whole).split(sep).filter(Boolean);
  let place = parse(whole).root;
  for (const [index, name] of names.entries()) {
    const next = join(place, name);
    if (lstatSync(next, { throwIfNoEntry: false })?.isSymbolicLink() !== true) {
      place = next;
      continue;
    }
    const target = realpathSync(next);
    if (!target.startsWith(join(place, sep)) && !isOfSystem(place)) {
      throw new AuthError("usage_invalid", `"${next}" is a link out of its directory, to "${target}"`, {
        hint: hint`Name its target: ${{ run: [join(target, ...names.slice(index + 1))] }}`,
      });
    }
    place = target;
  }
  return place;
}

/**
 * Whether only root makes links in a directory: `/var/run` leads to `/run`, and a home to another disk. By name, since
 * root has clones as well: in an image that runs as another user, all links are root's.
 */
function isOfSystem(folder: string): boolean {
  if (folder !== "/var" && folder !== "/home") return false;
  const { uid, mode } = statSync(folder);
  return isTrustedOwner(uid) && (mode & 0o022) === 0;
}

export interface UserFileWriter {
  write(piece: Uint8Array): Promise<void>;
  commit(): Promise<void>;
  /** Does nothing after `commit`. */
  discard(): Promise<void>;
}

/**
 * For a whole replacement: readers see the old file or the new one. Anything but a plain file, such as a device, is
 * written in place.
 */
export async function openUserFile(path: string): Promise<UserFileWriter> {
  // Given by a shell, as in `-o >(sort)`.
  const place = /^\/dev\/(stdout|stderr|fd\/\d+)$/.test(path) ? path : placeOf(path);
  const found = await lstat(place).catch(() => undefined);
  // Its reader would be that user: anyone can put one where everybody can write.
  if (found?.isFIFO() && !isTrustedOwner(found.uid)) {
    throw new AuthError("usage_invalid", `"${path}" is a pipe of another user (uid ${found.uid})`, {
      hint: "Name a file in a directory that only you can change",
    });
  }
  const temporary = found === undefined || found.isFile() ? temporaryPath(place) : undefined;
  // With the replaced file's mode, which its owner may have restricted.
  const file = await open(temporary ?? place, temporary === undefined ? "w" : "wx", found && found.mode & 0o777);
  if (temporary !== undefined) {
    try {
      requireAt(temporary, file.fd);
    } catch (error) {
      await file.close();
      throw error;
    }
  }
  let isOpen = true;
  const close = async (): Promise<void> => {
    if (isOpen) await file.close();
    isOpen = false;
  };
  return {
    // `write` may write only a part.
    write: (piece) => file.writeFile(piece),
    async commit() {
      await close();
      if (temporary !== undefined) moveFile(temporary, place);
    },
    async discard() {
      await close();
      if (temporary !== undefined) await rm(temporary, { force: true });
    },
  };
}
