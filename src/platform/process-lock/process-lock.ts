/**
 * A lock between processes, in the folder of what it guards: whoever reaches the same folder, by whatever spelling of its
 * path, meets the same lock. How it is kept, and why that is right on each platform, is said in the two files that do it.
 */
import { dirname, resolve } from "node:path";
import { AuthError } from "../../base/errors.ts";
import type { Clock } from "../clock.ts";
import { directoryLock } from "./directory.ts";
import type { LockHolder, LockMechanism, ProcessLock } from "./holder.ts";
import { exclusiveOpenFlag, openFileLock } from "./open-file.ts";

export type { LockHolder, ProcessLock } from "./holder.ts";

/** How to wait for a lock. */
export interface LockOptions {
  clock: Clock;
  /** How long to wait at most, in milliseconds; 0 for one try. */
  timeoutMs: number;
  /** Ends the wait; the promise rejects with its reason. */
  signal?: AbortSignal | undefined;
  /**
   * Mean time between two tries, in milliseconds; each is between half of it and one and a half. Default 12: a token that
   * one process has stored must be usable in the others within 50.
   */
  pollMs?: number;
}

/** Each waiter looks at the holder this often, in milliseconds: a look costs more than a try, and taking over within 500 is asked. */
const LOOK_MS = 200;

const flag = exclusiveOpenFlag(process.platform);
const mechanism: LockMechanism = flag === undefined ? directoryLock : openFileLock(flag);

/**
 * Waits for the lock at `path`. The lock of a process that died is taken over; that of one that lives, stopped or not, never is.
 * @param path - where the lock shall be, in a folder that exists and may be written
 * @param options - and `unless`, which is asked between tries: when it returns true the wait ends with undefined, since
 *   what the lock was wanted for has been done by its holder
 * @throws AuthError `lock_unavailable` after `timeoutMs`, saying who holds the lock, or when something else is at `path`;
 *   `storage_unwritable` when the folder is missing, read-only or full; the signal's reason when it aborts
 */
export function acquireProcessLock(path: string, options: LockOptions): Promise<ProcessLock>;
export function acquireProcessLock(path: string, options: LockOptions & { unless: () => boolean }): Promise<ProcessLock | undefined>;
export async function acquireProcessLock(
  path: string,
  { clock, timeoutMs, signal, pollMs = 12, unless }: LockOptions & { unless?: () => boolean },
): Promise<ProcessLock | undefined> {
  signal?.throwIfAborted();
  const place = resolve(path); // The working directory may change before the lock is given up.
  const startedAt = clock.monotonic();
  let lookAt = startedAt;
  const contender = explained(place, () => mechanism.contend(place, clock));
  try {
    for (;;) {
      const lock = explained(place, contender.attempt);
      if (lock !== undefined) return lock;
      const now = clock.monotonic();
      if (now >= lookAt) {
        lookAt = now + LOOK_MS;
        if (explained(place, contender.clear)) continue;
      }
      if (now - startedAt >= timeoutMs) throw timedOut(place, timeoutMs);
      // Jitter, or waiters that began together would all try in the same millisecond.
      await clock.sleep(pollMs * (0.5 + Math.random()), { signal });
      // Asked before the next try, so that sixty-four waiters do not have the lock one after the other for nothing.
      if (unless?.()) return undefined;
    }
  } finally {
    contender.withdraw();
  }
}

/**
 * Who holds the lock at `path`, for the doctor; changes nothing. Undefined when it is free.
 * @throws AuthError `lock_unavailable` when something else is at `path`, `storage_unwritable` when it cannot be looked at
 */
export function inspectProcessLock(path: string): LockHolder | undefined {
  return explained(path, () => mechanism.inspect(path));
}

/** What processes that were killed while they waited for the lock at `path` left beside it, by path; changes nothing. */
export function processLockLitter(path: string): string[] {
  return mechanism.litter(path);
}

/**
 * Removes the lock at `path` if its holder is proved dead, and {@link processLockLitter}. The next one who wants the lock would do so too.
 * @returns whether anything was removed
 * @throws as {@link inspectProcessLock}
 */
export function breakProcessLock(path: string): boolean {
  return explained(path, () => mechanism.unstick(path));
}

function timedOut(path: string, timeoutMs: number): AuthError {
  const waited = `waited ${Math.round(timeoutMs / 100) / 10} s for the lock "${path}"`;
  const holder = inspectProcessLock(path);
  if (holder === undefined || holder.pid === 0) {
    return new AuthError("lock_unavailable", `${waited}, which others held`, { hint: "Run the command again" });
  }
  const { pid, host, since, state } = holder;
  const who = `${waited}: process ${pid} on "${host}" has it since ${since}`;
  switch (state) {
    case "stopped":
      return new AuthError("lock_unavailable", `${who}, and is stopped`, { hint: `Let it go on: kill -CONT ${pid}` });
    case "unknown":
      return new AuthError("lock_unavailable", `${who}, and cannot be seen from this machine or container`, {
        hint: `Wait for it, at most 10 minutes; or, if it has ended, run: rm -r "${path}"`,
      });
    default:
      return new AuthError("lock_unavailable", who, { hint: `Wait for process ${pid} to end, or end it, and run the command again` });
  }
}

/** Turns a failure of the file system into one that says what to do. */
function explained<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException;
    if (syscall === undefined) throw error;
    const folder = dirname(resolve(path));
    throw new AuthError("storage_unwritable", `cannot make a lock in "${folder}": ${REASONS[code ?? ""]?.[0] ?? code}`, {
      hint: REASONS[code ?? ""]?.[1](folder) ?? "Set SPEC_KITTY_CONFIG_DIR to a folder on a local disk",
      cause: error,
    });
  }
}

/** What else can go wrong is a file system without locks (ENOTSUP of a network volume, say): hence the hint above. */
const REASONS: Partial<Record<string, [reason: string, hint: (folder: string) => string]>> = {
  ENOENT: ["there is no such folder", (folder) => `Make it: mkdir -p -m 700 "${folder}"`],
  ENOTDIR: ["it is not a folder", () => "Set SPEC_KITTY_CONFIG_DIR to a folder"],
  EACCES: ["permission denied", makeItYours],
  EPERM: ["not permitted", makeItYours],
  EISDIR: ["a folder is in the place of the lock", () => "Move it away"],
  EROFS: ["the file system is read-only", () => "Set SPEC_KITTY_CONFIG_DIR to a folder that can be written"],
  ENOSPC: ["the disk is full", () => "Free some space and run the command again"],
  EDQUOT: ["the disk quota is used up", () => "Free some space and run the command again"],
};

/** It may be another user's, after `sudo` with the same home folder. */
function makeItYours(folder: string): string {
  if (process.platform === "win32") return `Make it yours: icacls "${folder}" /grant "%USERNAME%:(OI)(CI)F"`;
  return `Make it yours: sudo chown -R "$(id -u)" "${folder}" && chmod -R u+rwX "${folder}"`;
}
