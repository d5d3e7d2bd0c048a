import { type Dir, opendirSync, rmSync, statSync, unlink } from "node:fs";
import { join } from "node:path";
import { systemErrorCode } from "../base/errors.ts";
import { unwritable } from "./unwritable.ts";
import { unreadable } from "./private-files.ts";

/** One by one, to save memory; none if the directory does not exist. */
export function* namesIn(folder: string): Generator<string, void> {
  let directory: Dir;
  try {
    directory = opendirSync(folder, { bufferSize: 1024 });
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return;
    throw unreadable(folder, error);
  }
  try {
    for (let entry = directory.readSync(); entry !== null; entry = directory.readSync()) yield entry.name;
  } finally {
    directory.closeSync();
  }
}

/**
 * The first `limit` names that are `wanted`, in order. A hundred thousand names are 10 MB; this holds twice the limit.
 */
export function firstNames(folder: string, limit: number, wanted: (name: string) => boolean): string[] {
  let names: string[] = [];
  let last: string | undefined;
  for (const name of namesIn(folder)) {
    if (wanted(name) && (last === undefined || name < last)) names.push(name);
    if (names.length === 2 * limit) {
      names = names.sort().slice(0, limit);
      last = names.at(-1);
    }
  }
  return names.sort().slice(0, limit);
}

/**
 * Missing ones are no error. With callbacks: for a hundred thousand files, promises take more memory than the contents.
 */
export function removeFiles(paths: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const rest = paths.values();
    let left = paths.length;
    const next = (): void => {
      const { value: path } = rest.next();
      if (path === undefined) return;
      unlink(path, (error) => {
        if (error && systemErrorCode(error) !== "ENOENT") return reject(unwritable(path, error));
        if (--left === 0) resolve();
        next();
      });
    };
    if (left === 0) resolve();
    for (let started = 0; started < 8; started++) next();
  });
}

/** `time`: in milliseconds since 1970. */
export function removeFilesBefore(folder: string, time: number): void {
  for (const name of namesIn(folder)) {
    const path = join(folder, name);
    const stats = statSync(path, { throwIfNoEntry: false });
    if (stats?.isFile() && stats.mtimeMs < time) rmSync(path, { force: true });
  }
}
