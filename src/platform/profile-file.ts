import { dirname, join, resolve } from "node:path";
import type { Identity } from "../base/identity.ts";
import { openPlainFile } from "./private-files.ts";

// Not imported: see private-files.ts.
const { closeSync, constants, fstatSync, lstatSync, readFileSync, realpathSync } = process.getBuiltinModule("node:fs");

/** A name has 64 characters at most; a longer file is something else, and is not read. */
const maxBytes = 1024;
/** Deeper than any project, and a bound for a file system whose root is never reached. */
const maxLevels = 64;

export interface ProfileFile {
  readonly path: string;
  /** Empty when it is not a small file. */
  readonly text: string;
}

/**
 * Looks for the file that suggests a profile for a folder and everything below it: there, then in each folder above, up to the home
 * folder or the root. It decides nothing: a clone brings it along (S-010). Never fails and never waits: anything but a small file,
 * such as a named pipe or a link to a file of the user's, is found with an empty text.
 *
 * @param home - the user's home folder, the last one to be looked in; undefined when it is not known
 */
export function findProfileFile(
  { name }: Identity,
  home: string | undefined,
  from: string | undefined,
): ProfileFile | undefined {
  const last = home && resolve(home);
  let folder = from;
  for (let level = 0; folder !== undefined && level < maxLevels; level += 1) {
    const path = join(folder, `.${name}-profile`);
    const text = smallText(path);
    if (text !== undefined) return { path, text };
    const parent = dirname(folder);
    folder = folder === last || parent === folder ? undefined : parent;
  }
  return undefined;
}

/** The real path of a folder, the process's working folder by default; undefined when it no longer exists. */
export function realFolder(path?: string): string | undefined {
  try {
    return realpathSync.native(path ?? process.cwd());
  } catch {
    return undefined;
  }
}

/** Undefined when nothing is there, or when that cannot be seen. */
function smallText(path: string): string | undefined {
  try {
    if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return undefined;
  } catch {
    return undefined;
  }
  let fd: ReturnType<typeof openPlainFile> | undefined;
  try {
    fd = openPlainFile(path, constants.O_RDONLY);
    return typeof fd === "number" && fstatSync(fd).size <= maxBytes ? readFileSync(fd, "utf8") : "";
  } catch {
    return "";
  } finally {
    if (typeof fd === "number") closeSync(fd);
  }
}
