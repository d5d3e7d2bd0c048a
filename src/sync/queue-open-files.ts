import { randomBytes } from "node:crypto";
import { appendFileSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { syncFolder } from "../platform/files.ts";
import { replacePrivateFile } from "../platform/private-files.ts";
import { fileSpan, queueEntryName } from "./queue-entry.ts";
import { firstNames, isGone } from "./queue-files.ts";

/**
 * Files that are still written to. What is emitted one by one, by a process each, would be a file each: ten thousand files
 * are slow to read and slower to remove. So neighbours in the line share one.
 */
const suffix = ".open";

/** The line that ends a file for good: no JSON text is this. What comes behind it was written too late, and is written again elsewhere. */
const endMark = "#";

/** Whether a name is that of a file which is still written to. */
export function isOpenFile(name: string): boolean {
  return name.endsWith(suffix);
}

/**
 * Appends a line to the file for this place in the line, and flushes it. Without a lock: what is written at the end of a
 * file in one call is whole, whoever else writes there (POSIX `write`, `O_APPEND`). A drain renames a file and then ends it with
 * a mark, before it looks inside; who finds that its file has gone from its place looks on which side of the mark its line is,
 * and writes it again, in a new file, if it came too late. So no line is lost, and none is in the queue twice.
 *
 * The line break comes first: a line that a full disk or a power cut has torn damages none that follows.
 *
 * @param order - a whole number that is not negative
 */
export async function appendLine(folder: string, order: number, text: string): Promise<void> {
  const path = join(folder, `${String(order - (order % fileSpan)).padStart(16, "0")}${suffix}`);
  const line = Buffer.from(`\n${text}`);
  for (let isThere = false; !isThere; ) {
    const file = await open(path, "a+", 0o600);
    try {
      const { bytesWritten } = await file.write(line);
      if (bytesWritten < line.length) throw Object.assign(new Error("no space left"), { code: "ENOSPC" });
      await file.sync();
      const own = await file.stat({ bigint: true });
      // Whoever made the file flushes its name too, where flushing a file does not do that (as it does on ext4, XFS, Btrfs).
      if (own.size === BigInt(line.length)) syncFolder(folder);
      const there = statSync(path, { bigint: true, throwIfNoEntry: false });
      isThere = (there?.ino === own.ino && there.dev === own.dev) || (await isInTime(file, text));
    } finally {
      await file.close();
    }
  }
}

/** Whether a line stands before the mark that ends its file. Where there is no mark yet, it will come behind the line. */
async function isInTime(file: FileHandle, text: string): Promise<boolean> {
  const bytes = Buffer.alloc((await file.stat()).size);
  await file.read(bytes, 0, bytes.length, 0);
  return linesOf(bytes.toString("utf8")).includes(text);
}

/** The lines of a file, up to the mark that ends it. */
export function linesOf(text: string): string[] {
  const lines = text.split("\n");
  const end = lines.indexOf(endMark);
  return lines.slice(0, end === -1 ? undefined : end).filter(Boolean);
}

/** Takes the mark and what came too late off a file that nobody writes to any more, for people to read it. */
export function unmark(path: string): void {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (isGone(error)) return;
    throw error;
  }
  if (text.includes(`\n${endMark}\n`)) replacePrivateFile(path, linesOf(text).map((line) => `${line}\n`).join(""));
}

/** How many lines a file has; 0 when it is gone. */
export function countLines(path: string): number {
  try {
    return linesOf(readFileSync(path, "utf8")).length;
  } catch (error) {
    if (isGone(error)) return 0;
    throw error;
  }
}

/**
 * Gives open files the names that say what they hold, so that nobody writes to them any more. One process at a time may do this.
 *
 * First the new name, then the mark, then the look inside, see {@link appendLine}.
 */
export function sealOpenFiles(folder: string): void {
  for (const name of firstNames(folder, Infinity, isOpenFile)) {
    // The id tells it from what had the same place in the line and was sealed before.
    const entry = { order: Number.parseInt(name, 10), id: randomBytes(8).toString("hex"), count: 1, retries: 0 };
    const sealed = join(folder, queueEntryName(entry));
    renameSync(join(folder, name), sealed);
    appendFileSync(sealed, `\n${endMark}\n`);
    const count = countLines(sealed);
    if (count === 0) rmSync(sealed, { force: true });
    else renameSync(sealed, join(folder, queueEntryName({ ...entry, count })));
  }
}
