import { randomBytes } from "node:crypto";
import { constants, rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { systemErrorCode } from "../base/errors.ts";
import type { Clock } from "../platform/clock.ts";
import { mayFlush, moveFile, syncFolder, writesThrough } from "../platform/replace-file.ts";
import { firstNames, namesIn, removeFiles, removeFilesBefore } from "../platform/large-folder.ts";
import { ensurePrivateFolder, replacePrivateFile } from "../platform/private-file-changes.ts";
import { unwritable } from "../platform/unwritable.ts";
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
  /** How often the service has refused it; 0 by default. */
  retries?: number;
}

/** The most characters in a file, unless one item is larger. A batch is made of whole files: five of these fill one. */
const fileSize = 52_000;
/** The most characters of an item that shares a file: {@link fileSpan} of these still fit into a batch. */
const smallItem = 2000;
/** Files that are written at the same time: enough for the disk, few enough for a limit of 256 open files. */
const writesAtOnce = 32;
/** How many names are held at a time. For each portion the folder is read again, which takes 0.1 s for 100,000 files. */
const namesAtOnce = 10_000;
/** An unfinished file that is older than this was left by a process that died; milliseconds. */
const abandonedAfterMs = 60 * 60 * 1000;

/**
 * A folder of items that any number of processes add to, list and remove from at once, without a lock. Items that are added
 * together are one file, or a few, with one item a line. Each file is written in another folder, flushed, and renamed into place
 * whole, and its content never changes. A process that is killed at any moment leaves a file that is there or is not, and at worst
 * an unfinished one in the other folder, which {@link QueueFolder.removeAbandoned} removes later. Items that are appended one by one
 * share files with their neighbors until {@link QueueFolder.closeOpenFiles} makes them files like the others.
 *
 * `npm run bench` judges what this is for: 100,000 events drain in less than 150 MB of memory, and at half the rate or more of a bare
 * loop of `fetch`, whether they were emitted together or one by one. Hence counting by names, shared files, names in portions and
 * removal with callbacks.
 */
export class QueueFolder {
  readonly #waiting: string;
  readonly #unfinished: string;
  readonly #dead: string;
  readonly #clock: Clock;

  constructor(scope: string, kind: string, clock: Clock) {
    this.#waiting = join(scope, kind);
    this.#unfinished = join(scope, `${kind}-unfinished`);
    this.#dead = join(scope, `${kind}-dead-letter`);
    this.#clock = clock;
  }

  /**
   * Adds items, all or none of them unless the process dies in between. They are on disk when the promise resolves.
   *
   * @returns the names of the files that hold them
   */
  async add(items: readonly QueueItem[]): Promise<string[]> {
    ensurePrivateFolder(this.#waiting);
    ensurePrivateFolder(this.#unfinished);
    // A drain that was killed here leaves a file that the next one writes again: it must not be in the way.
    const attempt = randomBytes(6).toString("hex");
    const files = inFiles(items).map(({ name, text }) => ({
      name,
      text,
      unfinished: join(this.#unfinished, `${attempt}-${name}`),
      path: join(this.#waiting, name),
    }));
    const added: string[] = [];
    try {
      const flag = constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY | writesThrough;
      await inGroups(files, ({ unfinished, text }) =>
        writeFile(unfinished, text, { flag, mode: 0o600, flush: mayFlush }),
      );
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
   * Adds one item. It is on disk when the promise resolves.
   *
   * @returns the name of the file, where the item has one of its own
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
    try {
      closeOpenFiles(this.#waiting);
    } catch (cause) {
      throw unwritable(this.#waiting, cause);
    }
  }

  names(): string[] {
    return firstNames(this.#waiting, Infinity, isClosedFile);
  }

  /**
   * Without holding all names; each portion is read when it is needed. Files that are added in the meantime in front of the current one are
   * not seen.
   */
  *namesBefore(position: number): Generator<string, undefined> {
    const end = positionName(position);
    for (let after = ""; ; ) {
      const names = firstNames(this.#waiting, namesAtOnce, (name) => name > after && name < end && isClosedFile(name));
      yield* names;
      if (names.length < namesAtOnce) return undefined;
      after = names.at(-1) ?? "";
    }
  }

  /** The position after everything that waits now, and after the files that may be made from it. */
  end(): number {
    let last = "";
    for (const name of namesIn(this.#waiting)) if (name > last && isClosedFile(name)) last = name;
    const { order = -1, count = 0 } = queueEntry(last) ?? {};
    return order + Math.max(count, fileSpan);
  }

  isEmpty(): boolean {
    return isEmptyFolder(this.#waiting);
  }

  /** Whether nothing waits and nothing was given up. */
  isUnused(): boolean {
    return this.isEmpty() && isEmptyFolder(this.#dead);
  }

  count(): number {
    return countIn(this.#waiting);
  }

  /** How many items were given up; they stay until the user removes them. */
  countDead(): number {
    return countIn(this.#dead);
  }

  read(name: string): string[] {
    return readLines(join(this.#waiting, name));
  }

  /** Removes files whose items were delivered. A file that is already gone is not an error. */
  async remove(names: readonly string[]): Promise<void> {
    await removeFiles(names.map((name) => join(this.#waiting, name)));
  }

  /** Counts a refusal, and moves the file to another position when `order` is given. */
  retry(entry: QueueEntry, order: number = entry.order): void {
    this.#move(entry.name, join(this.#waiting, queueEntryName({ ...entry, order, retries: entry.retries + 1 })));
  }

  /**
   * Moves a file to the dead-letter folder, unchanged except for its end mark. The user moves it back to have it tried again. The reason is
   * written first: a reason without a file is harmless.
   */
  giveUp(entry: QueueEntry, reason: string): void {
    ensurePrivateFolder(this.#dead);
    replacePrivateFile(join(this.#dead, `${entry.name}.reason.txt`), `${reason}\n`);
    const path = join(this.#dead, entry.name);
    this.#move(entry.name, path);
    removeEndMark(path);
  }

  /** Such as from "no account yet" to the account that logged in. */
  moveAllTo(other: QueueFolder): void {
    this.closeOpenFiles();
    const names = this.names();
    if (names.length === 0) return;
    ensurePrivateFolder(other.#waiting);
    for (const name of names) this.#move(name, join(other.#waiting, name));
    syncFolder(other.#waiting);
  }

  /** Removes unfinished files of processes that died, never one that is being written: that does not take an hour. */
  removeAbandoned(): void {
    removeFilesBefore(this.#unfinished, this.#clock.now() - abandonedAfterMs);
  }

  #move(name: string, to: string): void {
    try {
      moveFile(join(this.#waiting, name), to);
    } catch (error) {
      // Another process has delivered or moved it: there is nothing left to count.
      if (systemErrorCode(error) !== "ENOENT") throw unwritable(to, error);
    }
  }
}

/** Spreads items over files. An item that was refused before keeps a file of its own, whose name counts the refusals. */
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
    // All of them settle before the first failure is thrown: nothing may still be writing while the caller cleans up.
    const settled = await Promise.allSettled(items.slice(from, from + writesAtOnce).map(work));
    for (const result of settled) if (result.status === "rejected") throw result.reason;
  }
}
