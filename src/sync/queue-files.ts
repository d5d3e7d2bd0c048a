import { opendirSync, readdirSync, rmSync, statSync, unlink } from "node:fs";
import { join } from "node:path";
import { systemErrorCode } from "../base/system-error.ts";
import { unreadable, unwritable } from "../platform/private-files.ts";

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
