import { readFileSync, renameSync, rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../platform/clock.ts";
import { syncFolder } from "../platform/files.ts";
import { ensurePrivateFolder, replacePrivateFile, unreadable, unwritable } from "../platform/private-files.ts";
import { fileSpan, type QueueEntry, queueEntry, queueEntryName } from "./queue-entry.ts";
import { appendLine, countLines, isOpenFile, linesOf, sealOpenFiles, unmark } from "./queue-open-files.ts";
import { eachName, firstNames, isGone, namesIn, removeFiles, removeOlder } from "./queue-files.ts";

/** Something that waits to be sent. */
export interface QueueItem {
  /** Its place in the line, smallest first; a whole number that is not negative. */
  order: number;
  /** Its idempotency key: letters and digits only. */
  id: string;
  /** The JSON that will be sent, on one line. */
  text: string;
  /** How often the service has refused it; 0 by default. */
  retries?: number;
}

/** A file holds so many characters at most, unless one item is larger. A batch is made of whole files: five of these fill one. */
const fileSize = 52_000;
/** An item of so many characters at most shares a file: {@link fileSpan} of these still travel together. */
const smallItem = 2000;
/** Files that are written at the same time: enough for the disk, few enough for a limit of 256 open files. */
const atOnce = 32;
/** So many names are held at a time: for each of these the folder is read once more, which takes 0.1 s where it has 100,000. */
const namesAtOnce = 10_000;
/** An unfinished file of this age was left by a process that died; milliseconds. */
const abandonedAfterMs = 60 * 60 * 1000;

/**
 * A folder of items that any number of processes add to, list and remove from at once, without a lock. What is added
 * together is one file, or few, of one item a line; each is written aside, flushed, and renamed into place whole, and its
 * content never changes. A process that is killed at any moment leaves a file that is there or is not, and at worst
 * an unfinished one aside, which {@link QueueFolder.sweep} removes later. What is appended one by one shares files with its
 * neighbours until {@link QueueFolder.seal} makes them files like the others.
 */
export class QueueFolder {
  readonly #waiting: string;
  readonly #aside: string;
  readonly #dead: string;
  readonly #clock: Clock;

  /**
   * @param scope - the folder of the account that the items belong to; made when the first one is added
   * @param kind - the name of this queue within it, such as `events`
   * @param clock - for {@link QueueFolder.sweep}
   */
  constructor(scope: string, kind: string, clock: Clock) {
    this.#waiting = join(scope, kind);
    this.#aside = join(scope, `${kind}-unfinished`);
    this.#dead = join(scope, `${kind}-dead-letter`);
    this.#clock = clock;
  }

  /**
   * Adds items, all or none of them unless the process dies in between. They are on disk when the promise resolves.
   * @returns the names of the files that hold them
   * @throws {@link AuthError} `storage_unsafe` or `storage_unwritable`, such as on a full disk
   */
  async add(items: readonly QueueItem[]): Promise<string[]> {
    ensurePrivateFolder(this.#waiting);
    ensurePrivateFolder(this.#aside);
    const files = inFiles(items);
    try {
      await inGroups(files, ({ name, text }) => writeFile(join(this.#aside, name), text, { flag: "wx", mode: 0o600, flush: true }));
      for (const { name } of files) renameSync(join(this.#aside, name), join(this.#waiting, name));
      syncFolder(this.#waiting);
      return files.map(({ name }) => name);
    } catch (cause) {
      for (const { name } of files) for (const folder of [this.#aside, this.#waiting]) rmSync(join(folder, name), { force: true });
      throw unwritable(this.#waiting, cause);
    }
  }

  /**
   * Adds one item. It is on disk when the promise resolves.
   * @returns the name of the file, where it has one of its own
   * @throws {@link AuthError} `storage_unsafe` or `storage_unwritable`, such as on a full disk
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

  /** Makes what was appended so far visible in {@link QueueFolder.names}. For the one process that drains or moves this queue. */
  seal(): void {
    try {
      sealOpenFiles(this.#waiting);
    } catch (cause) {
      throw unwritable(this.#waiting, cause);
    }
  }

  /** Every file that waits, first in line first. Some may be gone when they are looked at. */
  names(): string[] {
    return namesIn(this.#waiting).filter((name) => name.endsWith(".jsonl")).sort();
  }

  /**
   * The same one by one, without holding them all, from what is there when it comes to them. What is added meanwhile in front
   * is not seen, nor is what is at `end` or behind it.
   */
  *line(end: number): Generator<string, undefined> {
    const behind = String(end).padStart(16, "0");
    for (let after = ""; ; ) {
      const names = firstNames(this.#waiting, namesAtOnce, (name) => name > after && name < behind && name.endsWith(".jsonl"));
      yield* names;
      if (names.length < namesAtOnce) return undefined;
      after = names.at(-1) ?? "";
    }
  }

  /** The place in the line behind everything that waits now, and behind what may come of it. */
  end(): number {
    let last = "";
    eachName(this.#waiting, (name) => {
      if (name > last && name.endsWith(".jsonl")) last = name;
      return false;
    });
    const { order = -1, count = 0 } = queueEntry(last) ?? {};
    return order + Math.max(count, fileSpan);
  }

  /** Whether nothing waits; cheaper than counting. */
  isEmpty(): boolean {
    return isEmptyFolder(this.#waiting);
  }

  /** Whether nothing waits and nothing was given up. */
  isUnused(): boolean {
    return this.isEmpty() && isEmptyFolder(this.#dead);
  }

  /** How many items wait. */
  count(): number {
    return countItems(this.#waiting);
  }

  /** How many items were given up; they stay until the user removes them. */
  countDead(): number {
    return countItems(this.#dead);
  }

  /** The items in a file, one JSON text each; none when it is gone. */
  read(name: string): string[] {
    try {
      return linesOf(readFileSync(join(this.#waiting, name), "utf8"));
    } catch (error) {
      if (isGone(error)) return [];
      throw unreadable(join(this.#waiting, name), error);
    }
  }

  /** Removes files whose items were delivered. Those that are gone already are no error. */
  async remove(names: readonly string[]): Promise<void> {
    await removeFiles(names.map((name) => join(this.#waiting, name)));
  }

  /** Counts a refusal, and moves the file to another place in the line when `order` is given. */
  retry(entry: QueueEntry, order: number = entry.order): void {
    this.#move(entry.name, join(this.#waiting, queueEntryName({ ...entry, order, retries: entry.retries + 1 })));
  }

  /**
   * Gives a file up: moves it, unchanged but for the mark that ended it, to the dead-letter folder, with the reason beside it.
   * Moving it back is how the user has it tried again. The reason is written first: a reason without a file is harmless.
   */
  bury(entry: QueueEntry, reason: string): void {
    ensurePrivateFolder(this.#dead);
    replacePrivateFile(join(this.#dead, `${entry.name}.reason.txt`), `${reason}\n`);
    const buried = join(this.#dead, entry.name);
    this.#move(entry.name, buried);
    unmark(buried);
  }

  /** Moves everything that waits here to `other`, such as from "nobody yet" to the account that logged in. Returns how many items. */
  moveAllTo(other: QueueFolder): number {
    this.seal();
    const names = this.names();
    if (names.length === 0) return 0;
    ensurePrivateFolder(other.#waiting);
    for (const name of names) this.#move(name, join(other.#waiting, name));
    syncFolder(other.#waiting);
    return names.reduce((sum, name) => sum + (queueEntry(name)?.count ?? 0), 0);
  }

  /** Removes what processes that died left unfinished. Never what one that lives is writing: that takes no hour. */
  sweep(): void {
    removeOlder(this.#aside, abandonedAfterMs, this.#clock.now());
  }

  #move(name: string, to: string): void {
    try {
      renameSync(join(this.#waiting, name), to);
    } catch (error) {
      // Another process has delivered or moved it: there is nothing left to count.
      if (!isGone(error)) throw unwritable(to, error);
    }
  }
}

/** Spreads items over files. One that was refused before keeps a file of its own, since its name counts the refusals. */
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
    return { name: queueEntryName({ order, id, count: group.length, retries }), text: group.map(({ text }) => `${text}\n`).join("") };
  });
}

function isEmptyFolder(folder: string): boolean {
  let empty = true;
  eachName(folder, (name) => !(empty = queueEntry(name) === undefined && !isOpenFile(name)));
  return empty;
}

function countItems(folder: string): number {
  let count = 0;
  eachName(folder, (name) => {
    count += isOpenFile(name) ? countLines(join(folder, name)) : (queueEntry(name)?.count ?? 0);
    return false;
  });
  return count;
}

async function inGroups<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  for (let from = 0; from < items.length; from += atOnce) {
    // All of them settle before the first failure is told: nothing may still be writing while the caller tidies up.
    const settled = await Promise.allSettled(items.slice(from, from + atOnce).map(work));
    for (const result of settled) if (result.status === "rejected") throw result.reason;
  }
}
