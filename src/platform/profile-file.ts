import { dirname, join, resolve } from "node:path";
import type { Identity } from "../base/identity.ts";
import { openPlainFile } from "./private-files.ts";

// Not imported: see private-files.ts.
const { closeSync, constants, fstatSync, lstatSync, readFileSync, realpathSync } = process.getBuiltinModule("node:fs");

/** Names have at most 64 characters; a longer file is something else. */
const maxBytes = 1024;
/** Deeper than any project; a bound for a file system without a reachable root. */
const maxLevels = 64;

export interface ProfileFile {
  readonly path: string;
  /** Empty for anything but a small file. */
  readonly text: string;
}

/**
 * Finds the file that suggests a profile for a directory tree: from the directory up to the home directory or the root.
 * It decides nothing, since a clone may bring it along (S-010). Never fails, never waits: a named pipe or a link to a
 * user's file counts as empty.
 *
 * @param home - the last directory to look in; undefined when unknown
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

/** Resolves the working directory by default; undefined when it no longer exists. */
export function realFolder(path?: string): string | undefined {
  try {
    return realpathSync.native(path ?? process.cwd());
  } catch {
    return undefined;
  }
}

/** Undefined when missing or hidden. */
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
