/**
 * The lock where the kernel gives Node none (Linux): a directory at `path` that holds one empty file, whose name says
 * who holds the lock. Each change of hands is one system call that names the instance it is about:
 *
 * - take: `rename("<path>.<me>", path)`, of a directory that already holds the file `<me>`. POSIX lets a directory replace
 *   nothing or an EMPTY directory, atomically, and else fails with ENOTEMPTY or EEXIST. So of any number of takers one
 *   wins, and nobody ever sees a lock without its holder's name.
 * - give up: `unlink(path/<me>)`. If the lock has meanwhile gone to another, this fails and harms nobody: there is no gap
 *   between looking whose lock it is and removing it, which is the race of every lock that is one file.
 * - take from the dead: `unlink(path/<them>)`, the same call. When two waiters find the same dead holder, one call succeeds
 *   and one fails; a new holder has another name, so neither can hit it, however late it comes. A breaker that
 *   dies half way has done all of it or nothing, so no second lock is needed to guard the breaking.
 *
 * An empty directory is a free lock; removing it is tidiness and cannot hurt either, since rmdir(2) removes no other.
 * No step follows `path` if it is a symbolic link, and every spelling of the folder leads to the same directory entry.
 *
 * A process that ends while it holds the lock, in whatever way, leaves it to be taken as a dead one's. A child process
 * inherits nothing.
 */
import { closeSync, lstatSync, mkdirSync, openSync, readdirSync, renameSync, rmdirSync, unlinkSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { AuthError } from "../../base/errors.ts";
import { systemErrorCode } from "../../base/system-error.ts";
import { newName, parseName, stateOf, type Contender, type Identity, type LockHolder, type LockMechanism } from "./holder.ts";

/**
 * How old the lock of a holder on another machine or in another container must be before it is taken: nobody here can
 * prove it dead, and a lock that a vanished container left must not last for ever. A holder in sight is never
 * judged by age.
 */
const UNSEEN_HOLDER_MS = 600_000;

/** See the head of this file. */
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
        mkdirSync(candidate, { mode: 0o755 });
        closeSync(openSync(join(candidate, name), "wx", 0o600));
        return modifiedAt(candidate) ?? 0;
      } catch (error) {
        tidy(candidate, name);
        throw error;
      }
    }
    // Time as the file system counts it, which is another machine's on a shared home folder. The local clock may have been set.
    const now = (): number => createdAt + clock.monotonic() - startedAt;

    const contender: Contender = {
      attempt() {
        let failure: unknown;
        try {
          renameSync(candidate, path);
        } catch (error) {
          failure = error;
        }
        // The entry is the truth, not the answer: a network file system that lost the answer repeats the rename, and hears
        // that it failed. And a success counts only with the name inside.
        if (exists(entry)) {
          if (first) sweep(path, now());
          return { held: () => exists(entry), release: () => tidy(path, name) };
        }
        first = false;
        const code = systemErrorCode(failure);
        if (code === "ENOTEMPTY" || code === "EEXIST") return undefined;
        if (code === "ENOTDIR") throw notALock(path);
        if (failure !== undefined && code !== "ENOENT") throw failure;
        createdAt = create() - (clock.monotonic() - startedAt); // Somebody removed it, with the folder perhaps.
        return undefined;
      },
      clear() {
        const cleared = clear(path, now());
        if (cleared) sweep(path, now());
        return cleared;
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
    const { pid, host } = holder.identity;
    return { pid, host, since: new Date(since).toISOString(), state: stateOf(holder.identity) } satisfies LockHolder;
  },

  litter: (path) => litter(path, undefined),

  unstick(path) {
    const left = litter(path, undefined);
    sweep(path, undefined);
    return (exists(path) && clear(path, undefined)) || left.length > 0;
  },
};

/** Frees the lock if its holder is dead. True when it is free now. */
function clear(path: string, now: number | undefined): boolean {
  const holder = readHolder(path);
  if (holder !== undefined && !isGone(holder.identity, join(path, holder.name), now)) return false;
  try {
    if (holder !== undefined) unlinkSync(join(path, holder.name));
  } catch (error) {
    if (systemErrorCode(error) !== "ENOENT") throw error;
  }
  tidy(path);
  return true;
}

/** Removes what contenders that were killed left beside the lock. */
function sweep(path: string, now: number | undefined): void {
  for (const candidate of litter(path, now)) tidy(candidate, candidate.slice(path.length + 1));
}

/** The directories of contenders that are gone. One in sight that lives is left alone. */
function litter(path: string, now: number | undefined): string[] {
  const prefix = `${basename(path)}.`;
  const folder = dirname(path);
  const isLeft = (file: string): boolean => {
    const identity = file.startsWith(prefix) ? parseName(file.slice(prefix.length)) : undefined;
    return identity !== undefined && isGone(identity, join(folder, file), now);
  };
  try {
    return list(folder).filter(isLeft).map((file) => `${path}.${file.slice(prefix.length)}`);
  } catch {
    // A folder that may be searched but not listed. The lock, which we may hold by now, matters more than the litter.
    return [];
  }
}

function isGone(them: Identity, file: string, now: number | undefined): boolean {
  const state = stateOf(them);
  if (state !== "unknown" || now === undefined) return state === "dead";
  return now - (modifiedAt(file) ?? now) > UNSEEN_HOLDER_MS;
}

function readHolder(path: string): { name: string; identity: Identity } | undefined {
  const names = list(path);
  for (const name of names) {
    const identity = parseName(name);
    if (identity !== undefined) return { name, identity };
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

/** Removes the entry, if a name is given, and the directory if it is empty. Whatever goes wrong is for the next contender to find. */
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
  return new AuthError("lock_unavailable", `"${path}" is in the place of the lock and was not made by this program`, {
    hint: `Move it away: mv "${path}" "${path}.old"`,
  });
}
