import { randomBytes } from "node:crypto";
import { closeSync, fsyncSync, openSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AuthError } from "../errors.ts";
import type { Clock } from "../platform/clock.ts";
import { ensurePrivateFolder } from "../platform/private-file.ts";

/** Something that waits to be sent. */
export interface QueueItem {
  /** Its place in the line, smallest first; a whole number that is not negative. */
  order: number;
  /** Its idempotency key: letters and digits only. */
  id: string;
  /** The JSON that will be sent. */
  text: string;
}

/** What an entry's file name says, so that a queue of 100,000 can be listed without opening one of them. */
export interface QueueEntry {
  name: string;
  order: number;
  id: string;
  /** How often the service has refused it. Kept in the name: counting is then one rename, and the content is never rewritten. */
  retries: number;
}

/** Files that are written or moved at the same time: enough for the disk, few enough for a limit of 256 open files. */
const atOnce = 64;
/** An unfinished file of this age was left by a process that died; milliseconds. */
const abandonedAfter = 60 * 60 * 1000;
const namePattern = /^(\d{16})-([0-9A-Za-z]+)-(\d+)\.json$/;

/**
 * A folder of entries that any number of processes add to, list and remove from at once, without a lock: an entry is one
 * file, written aside, flushed, and renamed into place whole. A process that is killed at any moment leaves an entry that
 * is there or is not, and at worst an unfinished file aside, which {@link QueueFolder.sweep} removes later.
 */
export class QueueFolder {
  readonly #waiting: string;
  readonly #aside: string;
  readonly #dead: string;
  readonly #clock: Clock;

  /**
   * @param scope - the folder of the account that the entries belong to; made when the first entry is added
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
   * Adds entries, all or none of them unless the process dies in between. On disk when the promise resolves, to their names.
   * @throws {@link AuthError} `storage_unsafe` or `storage_unwritable`, such as on a full disk
   */
  async add(items: readonly QueueItem[]): Promise<string[]> {
    ensurePrivateFolder(this.#waiting);
    ensurePrivateFolder(this.#aside);
    const names = items.map(({ order, id }) => entryName(order, id, 0));
    try {
      await inGroups(items, ({ text }, at) => writeFile(join(this.#aside, names[at] ?? ""), text, { flag: "wx", mode: 0o600, flush: true }));
      for (const name of names) renameSync(join(this.#aside, name), join(this.#waiting, name));
      syncFolder(this.#waiting);
      return names;
    } catch (cause) {
      for (const name of names) for (const folder of [this.#aside, this.#waiting]) rmSync(join(folder, name), { force: true });
      throw unwritable(this.#waiting, cause);
    }
  }

  /** The names of everything that waits, first in line first. Some may be gone when they are looked at. */
  names(): string[] {
    // The order is zero-padded, so the order of the names is the order of the line.
    return list(this.#waiting).filter((name) => namePattern.test(name)).sort();
  }

  /** How many wait. */
  count(): number {
    return list(this.#waiting).length;
  }

  /** How many were given up; they stay until the user removes them. */
  countDead(): number {
    return list(this.#dead).filter((name) => namePattern.test(name)).length;
  }

  /** The content of an entry; undefined when it is gone. */
  read(name: string): string | undefined {
    try {
      return readFileSync(join(this.#waiting, name), "utf8");
    } catch (error) {
      if (isGone(error)) return undefined;
      throw new AuthError("storage_unreadable", `"${join(this.#waiting, name)}" cannot be read`, { cause: error });
    }
  }

  /** Removes entries that were delivered. Those that are gone already are no error. */
  async remove(names: readonly string[]): Promise<void> {
    await inGroups(names, async (name) => {
      try {
        await unlink(join(this.#waiting, name));
      } catch (error) {
        if (!isGone(error)) throw unwritable(this.#waiting, error);
      }
    });
  }

  /** Counts a refusal, and moves the entry to another place in the line when `order` is given. */
  retry(entry: QueueEntry, order: number = entry.order): void {
    this.#move(entry.name, join(this.#waiting, entryName(order, entry.id, entry.retries + 1)));
  }

  /**
   * Gives an entry up: moves it, unchanged, to the dead-letter folder, with the reason beside it. Moving it back is how
   * the user has it tried again. The reason is written first: a reason without an entry is harmless.
   */
  bury(entry: QueueEntry, reason: string): void {
    ensurePrivateFolder(this.#dead);
    writeWhole(join(this.#dead, entry.name.replace(/json$/, "reason.txt")), `${reason}\n`);
    this.#move(entry.name, join(this.#dead, entry.name));
  }

  /** Moves everything that waits here to `other`, such as from "nobody yet" to the account that logged in. Returns how many. */
  moveAllTo(other: QueueFolder): number {
    const names = this.names();
    if (names.length === 0) return 0;
    ensurePrivateFolder(other.#waiting);
    for (const name of names) this.#move(name, join(other.#waiting, name));
    syncFolder(other.#waiting);
    return names.length;
  }

  /** Removes what processes that died left unfinished. Never what one that lives is writing: that takes no hour. */
  sweep(): void {
    for (const name of list(this.#aside)) {
      const path = join(this.#aside, name);
      const stats = statSync(path, { throwIfNoEntry: false });
      if (stats !== undefined && this.#clock.now() - stats.mtimeMs > abandonedAfter) rmSync(path, { force: true });
    }
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

/** What the name of an entry says; undefined for a file that is not one. */
export function queueEntry(name: string): QueueEntry | undefined {
  const [, order, id, retries] = namePattern.exec(name) ?? [];
  if (order === undefined || id === undefined || retries === undefined) return undefined;
  return { name, order: Number(order), id, retries: Number(retries) };
}

function entryName(order: number, id: string, retries: number): string {
  return `${String(order).padStart(16, "0")}-${id}-${retries}.json`;
}

/**
 * Puts a small file in place, whole, however many processes do so at once.
 * @throws {@link AuthError} `storage_unwritable`
 */
export function writeWhole(path: string, text: string): void {
  const temporary = `${path}.${randomBytes(6).toString("hex")}.tmp`;
  try {
    writeFileSync(temporary, text, { flag: "wx", mode: 0o600, flush: true });
    renameSync(temporary, path);
  } catch (cause) {
    rmSync(temporary, { force: true });
    throw unwritable(path, cause);
  }
}

/** The folders in a folder that may not be there. */
export function subfolders(folder: string): string[] {
  return list(folder).filter((name) => statSync(join(folder, name), { throwIfNoEntry: false })?.isDirectory());
}

async function inGroups<T>(items: readonly T[], work: (item: T, at: number) => Promise<void>): Promise<void> {
  for (let from = 0; from < items.length; from += atOnce) {
    const settled = await Promise.allSettled(items.slice(from, from + atOnce).map((item, at) => work(item, from + at)));
    for (const result of settled) if (result.status === "rejected") throw result.reason;
  }
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (isGone(error)) return [];
    throw new AuthError("storage_unreadable", `"${folder}" cannot be listed`, { cause: error });
  }
}

/** Makes renames into a folder durable. Windows cannot open folders; its journal does this. */
function syncFolder(folder: string): void {
  if (process.platform === "win32") return;
  const fd = openSync(folder, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function isGone(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

function unwritable(path: string, cause: unknown): AuthError {
  if (cause instanceof AuthError) return cause;
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "unknown reason";
  return new AuthError("storage_unwritable", `"${path}" cannot be written (${code})`, {
    hint: code === "ENOSPC" ? "Free some space, then try again" : "Make the folder yours and writable, or set SPEC_KITTY_CONFIG_DIR to another",
    cause,
  });
}
