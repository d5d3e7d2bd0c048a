import { randomBytes } from "node:crypto";
import { closeSync, constants, lstatSync, rmSync, statSync, writeSync } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { mayFlush, moveFile, retryWhileInUse, syncFolder, writesThrough } from "../platform/replace-file.ts";
import { firstNames } from "../platform/large-folder.ts";
import { replacePrivateFile } from "../platform/private-file-changes.ts";
import { checkPrivateFile, openPrivateFile, readPrivateFile, safeFlags } from "../platform/private-files.ts";

/** What the name of a file in the queue says, so that a queue of 100,000 events is listed and counted without opening one file. */
export interface QueueEntry {
  readonly name: string;
  readonly order: number;
  readonly id: string;
  readonly count: number;
  /** How often the service has refused it. It is kept in the name: counting is then one rename, and the content is never rewritten. */
  readonly retries: number;
}

/** The most positions that share a file: some 50 KB of events. Four or five such files make a batch. */
export const fileSpan = 128;

const pattern = /^(\d{16})-([0-9A-Za-z]+)-(\d+)-(\d+)\.jsonl$/;

/** What a name says; undefined when it is not the name of a closed file. */
export function queueEntry(name: string): QueueEntry | undefined {
  const [, order, id, count, retries] = pattern.exec(name) ?? [];
  if (order === undefined || id === undefined) return undefined;
  return { name, order: Number(order), id, count: Number(count), retries: Number(retries) };
}

/** The name of an entry. The order of the names is the order of the queue. */
export function queueEntryName({ order, id, count, retries }: Omit<QueueEntry, "name">): string {
  return `${positionName(order)}-${id}-${count}-${retries}.jsonl`;
}

/** A position as names have it: zero-padded, so that text sorts as numbers do. */
export function positionName(order: number): string {
  return String(order).padStart(16, "0");
}

/**
 * An open file is still appended to. Without them, events that are emitted one by one would be a file each, and ten thousand files
 * are slow to read and slower to remove. So neighbors in the queue share a file.
 */
const openSuffix = ".open";

/** The line that ends a file for good; no JSON text is this. A line after it came too late, and is written again elsewhere. */
const endMark = "#";

export function isOpenFile(name: string): boolean {
  return name.endsWith(openSuffix);
}

/** Whether a name is that of a file whose content never changes again. */
export function isClosedFile(name: string): boolean {
  return name.endsWith(".jsonl");
}

export function readLines(path: string): string[] {
  return linesOf(readText(path));
}

export function countItems(folder: string, name: string): number {
  return isOpenFile(name) ? readLines(join(folder, name)).length : (queueEntry(name)?.count ?? 0);
}

/** Removes the end mark, and what came too late, from a file that people will read and nothing writes to anymore. */
export function removeEndMark(path: string): void {
  const text = readText(path);
  if (text.includes(`\n${endMark}\n`))
    replacePrivateFile(
      path,
      linesOf(text)
        .map((line) => `${line}\n`)
        .join(""),
    );
}

/**
 * Appends a line to the open file for this position, and flushes it. It needs no lock: a single write at the end of a file is
 * whole, whatever other processes write there (POSIX `write`, `O_APPEND`). A drain renames a file, then writes the end mark, and only
 * then reads it. A writer whose file is no longer under its name checks on which side of the mark its line is, and writes it
 * again, to a new file, if it came too late. So no line is lost, and none is in the queue twice.
 *
 * The line break comes first: a line that was torn by a full disk or a power cut then damages no line after it.
 */
export async function appendLine(folder: string, order: number, text: string): Promise<void> {
  const path = join(folder, positionName(order - (order % fileSpan)) + openSuffix);
  const line = Buffer.from(`\n${text}`);
  for (let isThere = false; !isThere; ) {
    // Before it is opened too, see openPlainFile.
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found !== undefined) checkPrivateFile(path, found);
    const file = await open(
      path,
      constants.O_APPEND | constants.O_RDWR | constants.O_CREAT | safeFlags | writesThrough,
      0o600,
    );
    try {
      checkPrivateFile(path, await file.stat());
      const { bytesWritten } = await file.write(line);
      if (bytesWritten < line.length) throw Object.assign(new Error("no space left"), { code: "ENOSPC" });
      if (mayFlush) await file.sync();
      const own = await file.stat({ bigint: true });
      // The process that created the file flushes its name too, where flushing a file does not include that (ext4, XFS and Btrfs do).
      if (own.size === BigInt(line.length)) syncFolder(folder);
      const there = statSync(path, { bigint: true, throwIfNoEntry: false });
      isThere = (there?.ino === own.ino && there.dev === own.dev) || (await isInTime(file, text));
    } finally {
      await file.close();
    }
  }
}

/** Whether a line is before the mark that ends its file. Where there is no mark yet, it will come after the line. */
async function isInTime(file: FileHandle, text: string): Promise<boolean> {
  const bytes = Buffer.alloc((await file.stat()).size);
  await file.read(bytes, 0, bytes.length, 0);
  return linesOf(bytes.toString("utf8")).includes(text);
}

/**
 * Closes the open files in a folder: first the new name, which says what a file holds, then the mark, then the reading, see
 * {@link appendLine}. Only one process at a time may do this.
 */
export function closeOpenFiles(folder: string): void {
  for (const name of firstNames(folder, Infinity, isOpenFile)) {
    // The id distinguishes it from files for the same position that were closed before.
    const entry = { order: Number.parseInt(name, 10), id: randomBytes(8).toString("hex"), count: 1, retries: 0 };
    const closed = join(folder, queueEntryName(entry));
    checkPrivateFile(join(folder, name), lstatSync(join(folder, name)));
    moveFile(join(folder, name), closed);
    endFile(closed);
    const count = readLines(closed).length;
    if (count === 0) rmSync(closed, { force: true });
    else moveFile(closed, join(folder, queueEntryName({ ...entry, count })));
  }
}

function endFile(path: string): void {
  const fd = openPrivateFile(path, constants.O_WRONLY | constants.O_APPEND);
  if (fd === undefined) return;
  try {
    writeSync(fd, `\n${endMark}\n`);
  } finally {
    closeSync(fd);
  }
}

function linesOf(text: string): string[] {
  const lines = text.split("\n");
  const end = lines.indexOf(endMark);
  return lines.slice(0, end === -1 ? undefined : end).filter(Boolean);
}

/** Empty when the file is gone. */
function readText(path: string): string {
  return retryWhileInUse(() => readPrivateFile(path))?.toString("utf8") ?? "";
}
