import { randomBytes } from "node:crypto";
import { closeSync, constants, lstatSync, rmSync, statSync, writeSync } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { moveFile, retryWhileInUse, syncFolder } from "../platform/replace-file.ts";
import { firstNames } from "../platform/large-folder.ts";
import { replacePrivateFile } from "../platform/private-file-changes.ts";
import { checkPrivateFile, openPrivateFile, readPrivateFile, safeFlags } from "../platform/private-files.ts";

/** Parsed from its name, so that 100,000 events are counted without opening a file. */
export interface QueueEntry {
  readonly name: string;
  readonly order: number;
  readonly id: string;
  readonly count: number;
  /** Refusals so far. In the name: counting is one rename, and the content stays. */
  readonly retries: number;
}

/** The most positions in a file: some 50 KB of events. Four or five such files make a batch. */
export const fileSpan = 128;

const pattern = /^(\d{16})-([0-9A-Za-z]+)-(\d+)-(\d+)\.jsonl$/;

/** Undefined for anything but a closed file. */
export function queueEntry(name: string): QueueEntry | undefined {
  const [, order, id, count, retries] = pattern.exec(name) ?? [];
  if (order === undefined || id === undefined) return undefined;
  return { name, order: Number(order), id, count: Number(count), retries: Number(retries) };
}

/** Names sort in the order of the queue. */
export function queueEntryName({ order, id, count, retries }: Omit<QueueEntry, "name">): string {
  return `${positionName(order)}-${id}-${count}-${retries}.jsonl`;
}

/** Zero-padded: text then sorts as numbers do. */
export function positionName(order: number): string {
  return String(order).padStart(16, "0");
}

/**
 * Neighbors share a file that is still appended to: one file per event would make ten thousand slow to read and slower
 * to remove.
 */
const openSuffix = ".open";

/** Ends a file for good; no JSON text is this. A later line is written again elsewhere. */
const endMark = "#";

export function isOpenFile(name: string): boolean {
  return name.endsWith(openSuffix);
}

export function isClosedFile(name: string): boolean {
  return name.endsWith(".jsonl");
}

export function readLines(path: string): string[] {
  return linesOf(readText(path));
}

export function countItems(folder: string, name: string): number {
  return isOpenFile(name) ? readLines(join(folder, name)).length : (queueEntry(name)?.count ?? 0);
}

/** From a file for people. */
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
 * A single write at the end of a file is whole, whatever others write (POSIX `write`, `O_APPEND`), so no lock is
 * needed. A drain renames a file, writes the end mark, and only then reads it. A writer whose file was renamed checks
 * on which side of the mark its line is, and writes a late one to a new file. So no line is lost or doubled.
 *
 * The line break comes first: a line torn by a full disk or a power failure damages no later one.
 */
export async function appendLine(folder: string, order: number, text: string): Promise<void> {
  const path = join(folder, positionName(order - (order % fileSpan)) + openSuffix);
  const line = Buffer.from(`\n${text}`);
  for (let isThere = false; !isThere; ) {
    // See openPlainFile.
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found !== undefined) checkPrivateFile(path, found);
    const file = await open(path, constants.O_APPEND | constants.O_RDWR | constants.O_CREAT | safeFlags, 0o600);
    try {
      checkPrivateFile(path, await file.stat());
      const { bytesWritten } = await file.write(line);
      if (bytesWritten < line.length) throw Object.assign(new Error("no space left"), { code: "ENOSPC" });
      await file.sync();
      const own = await file.stat({ bigint: true });
      // The creator also flushes the name, where flushing a file does not (ext4, XFS and Btrfs do).
      if (own.size === BigInt(line.length)) syncFolder(folder);
      const there = statSync(path, { bigint: true, throwIfNoEntry: false });
      isThere = (there?.ino === own.ino && there.dev === own.dev) || (await isInTime(file, text));
    } finally {
      await file.close();
    }
  }
}

/** Whether a line is before the end mark, or the mark is still to come. */
async function isInTime(file: FileHandle, text: string): Promise<boolean> {
  const bytes = Buffer.alloc((await file.stat()).size);
  await file.read(bytes, 0, bytes.length, 0);
  return linesOf(bytes.toString("utf8")).includes(text);
}

/**
 * The new name with the count first, then the mark, then the reading, see {@link appendLine}. For one process at a
 * time.
 */
export function closeOpenFiles(folder: string): void {
  for (const name of firstNames(folder, Infinity, isOpenFile)) {
    // Distinguishes it from files closed earlier at the same position.
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
