import { lstatSync, readFileSync, type Stats } from "node:fs";
import { dirname, join, resolve } from "node:path";

const fileName = ".spec-kitty-profile";
/** A name has 64 characters at most; what is longer is something else, and is not read. */
const maxBytes = 1024;
/** Deeper than any project, and a bound for a file system that never comes to its root. */
const maxLevels = 64;

/**
 * Looks for the file that names the profile of a folder and of everything below it: there, then in each folder above, up
 * to the home folder or the root. Never fails: what is no small file is found with an empty text, which is no name. A link
 * is none either: a repository could have one to a file of the user's, whose content an error would then show.
 *
 * @param home - the user's home folder, the last one to be looked in; undefined when nobody says
 * @param from - where to begin; the working folder by default
 * @returns the nearest file's path and text, or undefined
 */
export function findProfileFile(home: string | undefined, from: string | undefined = workingFolder()): { path: string; text: string } | undefined {
  const last = home && resolve(home);
  let folder = from;
  for (let level = 0; folder !== undefined && level < maxLevels; level += 1) {
    const path = join(folder, fileName);
    const stats = look(path);
    // In a folder that is everybody's (sticky, as /tmp is), the file would be whoever's came first.
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

/** Undefined when the folder that this process was started in is gone. */
function workingFolder(): string | undefined {
  try {
    return process.cwd();
  } catch {
    return undefined;
  }
}
