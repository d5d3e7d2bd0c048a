import { lstatSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";

export interface Inspected {
  readonly path: string;
  readonly kind: "file" | "folder" | "link" | "other";
  /** Permission bits; undefined on Windows, where they say nothing. */
  readonly mode: number | undefined;
  readonly uid: number | undefined;
}

/** A queue may have a file for each event. */
const mostEntries = 10_000;

/** A directory and everything below it. Links are not followed; what cannot be seen is left out. */
export function inspectFolder(path: string): readonly Inspected[] {
  const top = described(path, true);
  if (top === undefined) return [];
  const found = [top];
  for (let at = 0; at < found.length && found.length < mostEntries; at += 1) {
    const entry = found[at];
    if (entry?.kind !== "folder") continue;
    for (const name of namesIn(entry.path)) {
      const inside = described(join(entry.path, name), false);
      if (inside !== undefined) found.push(inside);
    }
  }
  return found;
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}

function described(path: string, follow: boolean): Inspected | undefined {
  try {
    const stats = (follow ? statSync : lstatSync)(path);
    const kind = stats.isFile() ? "file" : stats.isDirectory() ? "folder" : stats.isSymbolicLink() ? "link" : "other";
    return process.platform === "win32"
      ? { path, kind, mode: undefined, uid: undefined }
      : { path, kind, mode: stats.mode & 0o7777, uid: stats.uid };
  } catch {
    return undefined;
  }
}
