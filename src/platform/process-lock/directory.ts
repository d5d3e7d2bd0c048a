/**
 * The lock where Node offers none of the kernel's (Linux): a directory at `path` that contains one empty file, named after the
 * holder. Each change of holder is one system call that names the instance it is about:
 *
 * - take: `rename("<path>.<me>", path)`, of a directory that already contains the file `<me>`. POSIX lets a directory replace
 *   nothing or an EMPTY directory, atomically, and otherwise fails with ENOTEMPTY or EEXIST. So of any number of contenders one
 *   wins, and no process ever sees a lock without its holder's name.
 * - release: `unlink(path/<me>)`. If the lock has meanwhile gone to another process, this fails and does no harm: there is no
 *   gap between seeing whose lock it is and removing it, which is the race of every lock that is one file.
 * - take over from a dead holder: `unlink(path/<them>)`, the same call. If two waiters find the same dead holder, one call
 *   succeeds and one fails; a new holder has another name, so neither call can hit it, however late it comes. A waiter that
 *   dies halfway has done all of it or nothing, so no second lock is needed to guard the takeover.
 *
 * An empty directory is a free lock. Removing it only keeps the folder tidy and does no harm either: rmdir(2) removes no other.
 * No step follows `path` if it is a symbolic link, and every spelling of the folder leads to the same directory entry.
 *
 * The renames here move a directory, not a file, into place: that is the lock's protocol, and has nothing to do with
 * replacing files (platform/replace-file.ts).
 *
 * A process that ends while it holds the lock, however it ends, leaves it to be taken over. A child process inherits nothing.
 */
import { closeSync, lstatSync, mkdirSync, openSync, readdirSync, renameSync, rmdirSync, unlinkSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { AuthError, systemErrorCode, hint } from "../../base/errors.ts";
import {
  newName,
  parseName,
  stateOf,
  type Contender,
  type LockHolder,
  type LockMechanism,
  type ProcessName,
} from "./holder.ts";

/**
 * How old the lock of a holder on another machine or in another container must be before it is taken over: it cannot be
 * proved dead from here, and a lock that a vanished container left must not last forever. A holder that can be seen is never
 * judged by age.
 */
const unseenHolderMs = 600_000;

export const directoryLock: LockMechanism = {
  contend(path, clock) {
    const name = newName();
    const candidate = `${path}.${name}`;
    const entry = join(path, name);
    let createdAt = create();
    const startedAt = clock.monotonic();
    let first = true;

    function create(): number {
      try {
        mkdirSync(candidate, { mode: 0o700 });
        closeSync(openSync(join(candidate, name), "wx", 0o600));
        return modifiedAt(candidate) ?? 0;
      } catch (error) {
        tidy(candidate, name);
        throw error;
      }
    }
    // The time of the file system, which is another machine's on a shared home folder. The local clock may have been set.
    const now = (): number => createdAt + clock.monotonic() - startedAt;

    const contender: Contender = {
      attempt() {
        let failure: unknown;
        try {
          renameSync(candidate, path);
        } catch (error) {
          failure = error;
        }
        // The entry is the truth, not the result: a network file system that lost the answer repeats the rename, and is told
        // that it failed. And success counts only with the name inside.
        if (exists(entry)) {
          if (first) sweep(path, now());
          return { held: () => exists(entry), release: () => tidy(path, name) };
        }
        first = false;
        const code = systemErrorCode(failure);
        if (code === "ENOTEMPTY" || code === "EEXIST") return undefined;
        if (code === "ENOTDIR") throw notALock(path);
        if (failure !== undefined && code !== "ENOENT") throw failure;
        createdAt = create() - (clock.monotonic() - startedAt); // It was removed, perhaps with the folder.
        return undefined;
      },
      evictDead() {
        const isFree = evictDead(path, now());
        if (isFree) sweep(path, now());
        return isFree;
      },
      withdraw: () => tidy(candidate, name),
    };
    return contender;
  },

  inspect(path) {
    const holder = readHolder(path);
    if (holder === undefined) return undefined;
    const since = modifiedAt(join(path, holder.name));
    if (since === undefined) return undefined;
    const { pid, host } = holder.process;
    return { pid, host, since: new Date(since).toISOString(), state: stateOf(holder.process) } satisfies LockHolder;
  },

  leftovers: (path) => leftovers(path, undefined),

  removeDead(path) {
    const left = leftovers(path, undefined);
    sweep(path, undefined);
    return (exists(path) && evictDead(path, undefined)) || left.length > 0;
  },
};

/** Frees the lock if its holder is dead. True when it is free now. */
function evictDead(path: string, now: number | undefined): boolean {
  const holder = readHolder(path);
  if (holder !== undefined && !isGone(holder.process, join(path, holder.name), now)) return false;
  try {
    if (holder !== undefined) unlinkSync(join(path, holder.name));
  } catch (error) {
    if (systemErrorCode(error) !== "ENOENT") throw error;
  }
  tidy(path);
  return true;
}

/** Removes what contenders that were killed left next to the lock. */
function sweep(path: string, now: number | undefined): void {
  for (const candidate of leftovers(path, now)) tidy(candidate, candidate.slice(path.length + 1));
}

function leftovers(path: string, now: number | undefined): string[] {
  const prefix = `${basename(path)}.`;
  const folder = dirname(path);
  const isLeft = (file: string): boolean => {
    const contender = file.startsWith(prefix) ? parseName(file.slice(prefix.length)) : undefined;
    return contender !== undefined && isGone(contender, join(folder, file), now);
  };
  try {
    return list(folder)
      .filter(isLeft)
      .map((file) => `${path}.${file.slice(prefix.length)}`);
  } catch {
    // A folder that may be searched but not listed. The lock, which this process may hold by now, matters more.
    return [];
  }
}

/** Whether a process is dead, or cannot be seen and has been there for too long. Without `now`, only proof counts. */
function isGone(them: ProcessName, file: string, now: number | undefined): boolean {
  const state = stateOf(them);
  if (state !== "unknown" || now === undefined) return state === "dead";
  return now - (modifiedAt(file) ?? now) > unseenHolderMs;
}

function readHolder(path: string): { name: string; process: ProcessName } | undefined {
  const names = list(path);
  for (const name of names) {
    const process = parseName(name);
    if (process !== undefined) return { name, process };
  }
  if (names.length > 0) throw notALock(path);
  return undefined;
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return [];
    throw systemErrorCode(error) === "ENOTDIR" ? notALock(folder) : error;
  }
}

/** Removes the entry, if a name is given, and the directory if it is empty. A failure is left to the next contender. */
function tidy(directory: string, name?: string): void {
  try {
    if (name !== undefined) unlinkSync(join(directory, name));
  } catch {}
  try {
    rmdirSync(directory);
  } catch {}
}

function exists(file: string): boolean {
  return modifiedAt(file) !== undefined;
}

/** By the file system's clock, in milliseconds. */
function modifiedAt(file: string): number | undefined {
  try {
    return lstatSync(file, { throwIfNoEntry: false })?.mtimeMs;
  } catch {
    return undefined;
  }
}

function notALock(path: string): AuthError {
  return new AuthError("lock_unavailable", `"${path}" is where the lock should be, and was not made by this program`, {
    hint: hint`Move it away: ${{ run: ["mv", path, `${path}.old`] }}`,
  });
}
