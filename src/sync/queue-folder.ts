import { randomBytes } from "node:crypto";
import { constants, rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { systemErrorCode } from "../base/errors.ts";
import { moveFile, syncFolder } from "../platform/replace-file.ts";
import { firstNames, namesIn, removeFiles, removeFilesBefore } from "../platform/large-folder.ts";
import { ensurePrivateFolder, replacePrivateFile } from "../platform/private-file-changes.ts";
import { explained, unwritable } from "../platform/unwritable.ts";
import {
  appendLine,
  closeOpenFiles,
  countItems,
  fileSpan,
  isClosedFile,
  isOpenFile,
  positionName,
  type QueueEntry,
  queueEntry,
  queueEntryName,
  readLines,
  removeEndMark,
} from "./queue-file.ts";

export interface QueueItem {
  order: number;
  /** Its idempotency key: letters and digits only. */
  id: string;
  text: string;
  /** Refusals; 0 by default. */
  retries?: number;
}

/** The most characters in a file, unless one item is larger. A batch is of whole files: five of these fill one. */
const fileSize = 52_000;
/** The most characters of an item in a shared file: {@link fileSpan} of these still fit a batch. */
const smallItem = 2000;
/** Few enough for a limit of 256 open files. */
const writesAtOnce = 32;
/** Each portion reads the directory again, 0.1 s for 100,000 files. */
const namesAtOnce = 10_000;
/** Writing a file does not take an hour: its process is dead. */
const abandonedAfterMs = 60 * 60 * 1000;

/**
 * Items that any number of processes add, list and remove without a lock. Items added together are in one file, or a
 * few, one a line. Each file is written in another directory, flushed, and renamed into place, and never changes. A
 * kill at any moment leaves a whole file or none, and at worst an unfinished one for {@link
 * QueueFolder.removeAbandoned}. Items appended one by one share files with their neighbors until {@link
 * QueueFolder.closeOpenFiles}.
 *
 * `npm run bench` checks the goal: 100,000 events drain in less than 150 MB of memory, at half the rate or more of a
 * bare loop of `fetch`, emitted together or one by one. Hence counts in names, shared files, names in portions and
 * removal with callbacks.
 */
export class QueueFolder {
  readonly #waiting: string;
  readonly #unfinished: string;
  readonly #dead: string;

  constructor(scope: string, kind: string) {
    this.#waiting = join(scope, kind);
    this.#unfinished = join(scope, `${kind}-unfinished`);
    this.#dead = join(scope, `${kind}-dead-letter`);
  }

  /**
   * All or none, unless the process dies in between; on disk when the promise resolves.
   *
   * @returns the names of their files
   */
  async add(items: readonly QueueItem[]): Promise<string[]> {
    ensurePrivateFolder(this.#waiting);
    ensurePrivateFolder(this.#unfinished);
    // A file left by a killed drain must not block the next one.
    const attempt = randomBytes(6).toString("hex");
    const files = inFiles(items).map(({ name, text }) => ({
      name,
      text,
      unfinished: join(this.#unfinished, `${attempt}-${name}`),
      path: join(this.#waiting, name),
    }));
    const added: string[] = [];
    try {
      const flag = constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY;
      await inGroups(files, ({ unfinished, text }) => writeFile(unfinished, text, { flag, mode: 0o600, flush: true }));
      for (const { unfinished, path } of files) {
        moveFile(unfinished, path);
        added.push(path);
      }
      syncFolder(this.#waiting);
      return files.map(({ name }) => name);
    } catch (cause) {
      for (const path of [...files.map(({ unfinished }) => unfinished), ...added]) rmSync(path, { force: true });
      throw unwritable(this.#waiting, cause);
    }
  }

  /**
   * On disk when the promise resolves.
   *
   * @returns the file's name, if the item has its own
   */
  async append(item: QueueItem): Promise<string[]> {
    if (item.text.length > smallItem) return this.add([item]);
    ensurePrivateFolder(this.#waiting);
    try {
      await appendLine(this.#waiting, item.order, item.text);
      return [];
    } catch (cause) {
      throw unwritable(this.#waiting, cause);
    }
  }

  /** For the one process that drains or moves this queue. */
  closeOpenFiles(): void {
    explained(this.#waiting, () => closeOpenFiles(this.#waiting));
  }

  names(): string[] {
    return firstNames(this.#waiting, Infinity, isClosedFile);
  }

  /** In portions. Does not see files added before the current one. */
  *namesBefore(position: number): Generator<string, undefined> {
    const end = positionName(position);
    for (let after = ""; ; ) {
      const names = firstNames(this.#waiting, namesAtOnce, (name) => name > after && name < end && isClosedFile(name));
      yield* names;
      if (names.length < namesAtOnce) return undefined;
      after = names.at(-1) ?? "";
    }
  }

  /** After all that waits now, and the files that may be made from it. */
  end(): number {
    let last = "";
    for (const name of namesIn(this.#waiting)) if (name > last && isClosedFile(name)) last = name;
    const { order = -1, count = 0 } = queueEntry(last) ?? {};
    return order + Math.max(count, fileSpan);
  }

  isEmpty(): boolean {
    return isEmptyFolder(this.#waiting);
  }

  isUnused(): boolean {
    return this.isEmpty() && isEmptyFolder(this.#dead);
  }

  count(): number {
    return countIn(this.#waiting);
  }

  /** Given up; they stay until the user removes them. */
  countDead(): number {
    return countIn(this.#dead);
  }

  read(name: string): string[] {
    return readLines(join(this.#waiting, name));
  }

  /** A missing file is no error. */
  async remove(names: readonly string[]): Promise<void> {
    await removeFiles(names.map((name) => join(this.#waiting, name)));
  }

  /** Moves the file to position `order`, if given. */
  retry(entry: QueueEntry, order: number = entry.order): void {
    this.#move(entry.name, join(this.#waiting, queueEntryName({ ...entry, order, retries: entry.retries + 1 })));
  }

  /**
   * To the dead-letter directory, without its end mark; the user may move it back. The reason is written first: without
   * a file it is harmless.
   */
  giveUp(entry: QueueEntry, reason: string): void {
    ensurePrivateFolder(this.#dead);
    replacePrivateFile(join(this.#dead, `${entry.name}.reason.txt`), `${reason}\n`);
    const path = join(this.#dead, entry.name);
    this.#move(entry.name, path);
    removeEndMark(path);
  }

  /** Such as from "no account yet" to the new account. */
  moveAllTo(other: QueueFolder): void {
    this.closeOpenFiles();
    const names = this.names();
    if (names.length === 0) return;
    ensurePrivateFolder(other.#waiting);
    for (const name of names) this.#move(name, join(other.#waiting, name));
    syncFolder(other.#waiting);
  }

  removeAbandoned(now: number): void {
    removeFilesBefore(this.#unfinished, now - abandonedAfterMs);
  }

  #move(name: string, to: string): void {
    try {
      moveFile(join(this.#waiting, name), to);
    } catch (error) {
      // Another process has delivered or moved it.
      if (systemErrorCode(error) !== "ENOENT") throw unwritable(to, error);
    }
  }
}

/** A refused item keeps its own file, whose name counts the refusals. */
function inFiles(items: readonly QueueItem[]): { name: string; text: string }[] {
  const groups: QueueItem[][] = [];
  let size = 0;
  for (const item of items) {
    const group = groups.at(-1);
    size += item.text.length + 1;
    if (group && size <= fileSize && !item.retries && !group[0]?.retries) {
      group.push(item);
    } else {
      groups.push([item]);
      size = item.text.length + 1;
    }
  }
  return groups.map((group) => {
    const { order = 0, id = "", retries = 0 } = group[0] ?? {};
    return {
      name: queueEntryName({ order, id, count: group.length, retries }),
      text: group.map(({ text }) => `${text}\n`).join(""),
    };
  });
}

function isEmptyFolder(folder: string): boolean {
  for (const name of namesIn(folder)) if (isOpenFile(name) || queueEntry(name) !== undefined) return false;
  return true;
}

function countIn(folder: string): number {
  let count = 0;
  for (const name of namesIn(folder)) count += countItems(folder, name);
  return count;
}

async function inGroups<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  for (let from = 0; from < items.length; from += writesAtOnce) {
    // All settle before the first failure is thrown: no write may overlap the caller's clean-up.
    const settled = await Promise.allSettled(items.slice(from, from + writesAtOnce).map(work));
    for (const result of settled) if (result.status === "rejected") throw result.reason;
  }
}
