import { randomBytes } from "node:crypto";
import { closeSync, fsyncSync, opendirSync, openSync, readdirSync, renameSync, rmSync, statSync, unlink, writeFileSync } from "node:fs";
import { join } from "node:path";
import { AuthError } from "../base/errors.ts";
import { reasonOf, systemErrorCode } from "../base/system-error.ts";

/** The names in a folder; none when there is no such folder. */
export function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (isGone(error)) return [];
    throw unreadable(folder, error);
  }
}

/** Looks at the names in a folder, without holding them all, until `look` returns true. */
export function eachName(folder: string, look: (name: string) => boolean): void {
  let directory;
  try {
    directory = opendirSync(folder, { bufferSize: 1024 });
  } catch (error) {
    if (isGone(error)) return;
    throw unreadable(folder, error);
  }
  try {
    for (let entry = directory.readSync(); entry !== null && !look(entry.name); entry = directory.readSync());
  } finally {
    directory.closeSync();
  }
}

/** The first `limit` of the names in a folder that are `wanted`, in order. A hundred thousand names are 10 MB; these hold two `limit`s. */
export function firstNames(folder: string, limit: number, wanted: (name: string) => boolean): string[] {
  let names: string[] = [];
  let last: string | undefined;
  eachName(folder, (name) => {
    if (wanted(name) && (last === undefined || name < last)) names.push(name);
    if (names.length === 2 * limit) {
      names = names.sort().slice(0, limit);
      last = names.at(-1);
    }
    return false;
  });
  return names.sort().slice(0, limit);
}

/**
 * Puts a small file in place, whole, however many processes do so at once. It is on disk no later than what is flushed
 * next in the same file system.
 *
 * @param options - `flush`: whether its content is flushed first; without that, a power cut may leave a file that is empty
 * @throws {@link AuthError} `storage_unwritable`
 */
export function writeWhole(path: string, text: string, { flush = true }: { flush?: boolean } = {}): void {
  const temporary = `${path}.${randomBytes(6).toString("hex")}.tmp`;
  try {
    writeFileSync(temporary, text, { flag: "wx", mode: 0o600, flush });
    renameSync(temporary, path);
  } catch (cause) {
    rmSync(temporary, { force: true });
    throw unwritable(path, cause);
  }
}

/** Makes renames into a folder durable. Windows cannot open folders; its journal does this. */
export function syncFolder(folder: string): void {
  if (process.platform === "win32") return;
  const fd = openSync(folder, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/**
 * Removes files, a few at the same time. Those that are gone already are no error. With callbacks, since a queue may have
 * a hundred thousand files, and promises for each of them cost more memory than all their contents.
 *
 * @throws {@link AuthError} `storage_unwritable`
 */
export function removeFiles(paths: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const rest = paths.values();
    let left = paths.length;
    const next = (): void => {
      const { value: path } = rest.next();
      if (path === undefined) return;
      unlink(path, (error) => {
        if (error && !isGone(error)) return reject(unwritable(path, error));
        if (--left === 0) resolve();
        next();
      });
    };
    if (left === 0) resolve();
    for (let started = 0; started < 8; started++) next();
  });
}

/** Removes the files in a folder that are older than `ageMs`. Names that vanish meanwhile are no error. */
export function removeOlder(folder: string, ageMs: number, now: number): void {
  for (const name of namesIn(folder)) {
    const path = join(folder, name);
    const stats = statSync(path, { throwIfNoEntry: false });
    if (stats?.isFile() && now - stats.mtimeMs > ageMs) rmSync(path, { force: true });
  }
}

/** Whether a file system call failed because there is no such file. */
export function isGone(error: unknown): boolean {
  return systemErrorCode(error) === "ENOENT";
}

/** A failure to read or list, with what to do about it. */
export function unreadable(path: string, cause: unknown): AuthError {
  return new AuthError("storage_unreadable", `"${path}" cannot be read (${reasonOf(cause)})`, { hint: `Look at what is there, and whose it is: ls -ld ${path}`, cause });
}

/** A failure to write, with what to do about it. */
export function unwritable(path: string, cause: unknown): AuthError {
  if (cause instanceof AuthError) return cause;
  const code = reasonOf(cause);
  return new AuthError("storage_unwritable", `"${path}" cannot be written (${code})`, {
    hint: code === "ENOSPC" ? "Free some space, then try again" : "Make the folder yours and writable, or set SPEC_KITTY_CONFIG_DIR to another",
    cause,
  });
}
