/**
 * A lock between processes, in the folder of what it guards: every process that reaches the same folder, by whatever spelling
 * of its path, meets the same lock. The two files that implement it say how, and why that is right on each platform.
 */
import { dirname, resolve } from "node:path";
import { AuthError, systemErrorCode, hint, type Hint } from "../../base/errors.ts";
import type { Clock } from "../clock.ts";
import { userName } from "../user-name.ts";
import { directoryLock } from "./directory.ts";
import type { LockHolder, LockMechanism, ProcessLock } from "./holder.ts";
import { exclusiveOpenFlag, openFileLock } from "./open-file.ts";

export interface LockOptions {
  clock: Clock;
  /** How long to wait at most, in milliseconds; 0 for one try. */
  timeoutMs: number;
  /** Ends the wait; the promise then rejects with its reason. */
  signal?: AbortSignal | undefined;
  /** Called once, when the lock has been waited for a second: with its holder, as far as that can be known. */
  onWait?: (holder: LockHolder | undefined) => void;
}

/** Mean time between two tries, in milliseconds: a token that one process has stored must be usable in the others within 50. */
const pollMs = 12;

/** Each waiter looks at the holder this often, in milliseconds: a look costs more than a try, and a takeover within 500 is required. */
const lookMs = 200;

/** After this long a user wonders what is going on. */
const tellAfterMs = 1_000;

const flag = exclusiveOpenFlag(process.platform);
const mechanism: LockMechanism = flag === undefined ? directoryLock : openFileLock(flag);

/**
 * Waits for the lock at `path`. The lock of a process that died is taken over; that of a living one, stopped or not, never is.
 * @param options - and `unless`, which is asked between tries: when it returns true the wait ends with undefined, since
 *   the holder has done what the lock was wanted for
 * @throws {@link AuthError} `lock_unavailable` after `timeoutMs`, naming the holder, or when something else is at `path`;
 *   `storage_unwritable` when the folder is missing, read-only or full; the signal's reason when it aborts
 */
export function acquireProcessLock(path: string, options: LockOptions): Promise<ProcessLock>;
export function acquireProcessLock(
  path: string,
  options: LockOptions & { unless: () => boolean },
): Promise<ProcessLock | undefined>;
export async function acquireProcessLock(
  path: string,
  options: LockOptions & { unless?: () => boolean },
): Promise<ProcessLock | undefined> {
  options.signal?.throwIfAborted();
  const prepared = prepareProcessLock(path, options.clock);
  try {
    return await prepared.acquire(options);
  } finally {
    prepared.discard();
  }
}

/** Everything on disk that taking a lock needs, before it is taken: on a disk without a free inode it can be taken all the same. */
export interface PreparedLock {
  acquire(options: LockOptions & { unless?: () => boolean }): Promise<ProcessLock | undefined>;
  /** Gives up what was prepared. Never throws; after the lock was taken it does nothing. */
  discard(): void;
}

/** Prepares to take the lock at `path`, without waiting for it. Throws `storage_unwritable` when the folder is missing, read-only or full. */
export function prepareProcessLock(path: string, clock: Clock): PreparedLock {
  const place = resolve(path); // The working directory may change before the lock is released.
  const contender = explained(place, () => mechanism.contend(place, clock));
  const acquire: PreparedLock["acquire"] = async ({ timeoutMs, signal, unless, onWait }) => {
    const startedAt = clock.monotonic();
    let lookAt = startedAt;
    let isTold = onWait === undefined;
    for (;;) {
      const lock = explained(place, contender.attempt);
      if (lock !== undefined) return lock;
      const now = clock.monotonic();
      if (now >= lookAt) {
        lookAt = now + lookMs;
        if (explained(place, contender.evictDead)) continue;
      }
      if (now - startedAt >= timeoutMs) throw timedOut(place, timeoutMs);
      if (!isTold && now - startedAt >= tellAfterMs) {
        isTold = true;
        onWait?.(inspectProcessLock(place));
      }
      // With jitter, or waiters that began together would all try in the same millisecond.
      await clock.sleep(pollMs * (0.5 + Math.random()), { signal });
      // Before the next try, so that sixty-four waiters do not take the lock one after the other for nothing.
      if (unless?.()) return undefined;
    }
  };
  return { acquire, discard: () => contender.withdraw() };
}

/**
 * The holder of the lock at `path`, undefined when it is free; changes nothing.
 * @throws {@link AuthError} `lock_unavailable` when something else is at `path`, `storage_unwritable` when it cannot be examined
 */
export function inspectProcessLock(path: string): LockHolder | undefined {
  return explained(path, () => mechanism.inspect(path));
}

/** The paths of what processes that were killed while they waited for the lock at `path` left next to it; changes nothing. */
export function lockLeftovers(path: string): string[] {
  return mechanism.leftovers(path);
}

/**
 * Removes the lock at `path` if its holder is proved dead, and {@link lockLeftovers}: whether there was anything. The next process that
 * wants the lock would do the same. Throws as {@link inspectProcessLock}.
 */
export function removeDeadLock(path: string): boolean {
  return explained(path, () => mechanism.removeDead(path));
}

function timedOut(path: string, timeoutMs: number): AuthError {
  const waited = `waited ${Math.round(timeoutMs / 100) / 10} s for the lock "${path}"`;
  const holder = inspectProcessLock(path);
  if (holder === undefined || holder.pid === 0) {
    return new AuthError("lock_unavailable", `${waited}, which other processes held`, {
      hint: "Run the command again",
    });
  }
  const { pid, host, since, state } = holder;
  const who = `${waited}: process ${pid} on "${host}" has held it since ${since}`;
  switch (state) {
    case "stopped":
      return new AuthError("lock_unavailable", `${who}, and is stopped`, {
        hint: hint`Continue it: ${{ run: ["kill", "-CONT", String(pid)] }}`,
      });
    case "unknown":
      return new AuthError("lock_unavailable", `${who}, and cannot be seen from this machine or container`, {
        hint: hint`Wait for it, at most 10 minutes; or, if it has ended, run: ${{ run: ["rm", "-r", path] }}`,
      });
    default:
      return new AuthError("lock_unavailable", who, {
        hint: `Wait for process ${pid} to end, or end it, and run the command again`,
      });
  }
}

/** Turns a failure of the file system into an error that says what to do. */
function explained<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === undefined || error instanceof AuthError) throw error;
    const folder = dirname(resolve(path));
    const [reason, remedy] = explanations(folder)[code] ?? [code, otherFolder("on a local disk")];
    throw new AuthError("storage_unwritable", `cannot make a lock in "${folder}": ${reason}`, {
      hint: remedy,
      cause: error,
    });
  }
}

/** For what can be fixed. Anything else is a file system without locks (ENOTSUP of a network volume, say): hence the hint above. */
function explanations(folder: string): Partial<Record<string, [reason: string, remedy: Hint]>> {
  const freeSpace = hint`Free some space and run the command again`;
  return {
    ENOENT: ["there is no such folder", hint`Create it: ${{ run: ["mkdir", "-p", "-m", "700", folder] }}`],
    ENOTDIR: ["it is not a folder", otherFolder("")],
    EACCES: ["permission denied", makeItYours(folder)],
    EPERM: ["not permitted", makeItYours(folder)],
    EISDIR: ["a folder is where the lock should be", hint`Move it away`],
    EROFS: ["the file system is read-only", otherFolder("that can be written")],
    ENOSPC: ["the disk is full", freeSpace],
    EDQUOT: ["the disk quota is used up", freeSpace],
  };
}

function otherFolder(which: string): Hint {
  return hint`Set ${{ variable: "CONFIG_DIR" }} to a folder${which && ` ${which}`}`;
}

/** It may be another user's, after `sudo` with the same home folder. */
function makeItYours(folder: string): Hint {
  const user = userName();
  if (process.platform === "win32")
    return hint`Make it yours: ${{ run: ["icacls", folder, "/grant", `${user}:(OI)(CI)F`] }}`;
  return hint`Make it yours: ${{ run: ["sudo", "chown", "-R", user, folder] }} && ${{ run: ["chmod", "-R", "u+rwX", folder] }}`;
}
