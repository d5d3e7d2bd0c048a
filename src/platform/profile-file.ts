import { lstatSync, readFileSync, type Stats } from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { Identity } from "../base/identity.ts";

/** A name has 64 characters at most; a longer file is something else, and is not read. */
const maxBytes = 1024;
/** Deeper than any project, and a bound for a file system whose root is never reached. */
const maxLevels = 64;

/**
 * Looks for the file that names the profile of a folder and of everything below it: there, then in each folder above, up
 * to the home folder or the root. Never fails: anything but a small file is found with an empty text, which is no name. So is
 * a link: a repository could have one to a file of the user's, and an error would then show that file's content.
 *
 * @param identity - names the file: `.NAME-profile`
 * @param home - the user's home folder, the last one to be looked in; undefined when it is not known
 * @param from - where to begin; the working folder by default
 * @returns the nearest file's path and text, or undefined
 */
export function findProfileFile(
  { name }: Identity,
  home: string | undefined,
  from: string | undefined = workingFolder(),
): { path: string; text: string } | undefined {
  const last = home && resolve(home);
  let folder = from;
  for (let level = 0; folder !== undefined && level < maxLevels; level += 1) {
    const path = join(folder, `.${name}-profile`);
    const stats = look(path);
    // In a folder that everybody may write to (sticky, as /tmp is), the file may be anybody's.
    if (stats !== undefined && ((look(folder)?.mode ?? 0) & 0o1002) !== 0o1002) return { path, text: textOf(path, stats) };
    const parent = dirname(folder);
    folder = folder === last || parent === folder ? undefined : parent;
  }
  return undefined;
}

function look(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

function textOf(path: string, stats: Stats): string {
  try {
    return stats.isFile() && stats.size <= maxBytes ? readFileSync(path, "utf8") : "";
  } catch {
    return "";
  }
}

/** Undefined when the folder that this process was started in no longer exists. */
function workingFolder(): string | undefined {
  try {
    return process.cwd();
  } catch {
    return undefined;
  }
}
