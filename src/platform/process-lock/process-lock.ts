/**
 * A lock between processes, in the directory of what it guards: every process that reaches that directory, by any path,
 * from any container or system, meets the same lock.
 */
import { resolve } from "node:path";
import { AuthError, hint } from "../../base/errors.ts";
import type { Clock } from "../clock.ts";
import { explanationOf } from "../unwritable.ts";
import { contendForDirectory, inspectDirectory, removeDead } from "./directory.ts";
import { judgeBySocket, type Contender, type Judge, type LockHolder, type ProcessLock } from "./holder.ts";
import { contendForFile, exclusiveOpenFlag, judgeByFile, removeLockFile } from "./open-file.ts";

export interface LockOptions {
  clock: Clock;
  /**
   * In milliseconds; 0 for one try. A wait for a holder that cannot be judged continues until its next sign of life or
   * its death, at most 30 s more: otherwise many short waits would each end before a dead one is known to be dead.
   */
  timeoutMs: number;
  /** The same while the holder is seen at work: the caller wants its result. Less than `timeoutMs` changes nothing. */
  whileAtWorkMs?: number;
  /** The promise then rejects with its reason. */
  signal?: AbortSignal | undefined;
  /** Called once, after a second, with the holder if known. */
  onWait?: (holder: LockHolder | undefined) => void;
}

/** Mean time between tries, in milliseconds: a stored token must be usable in other processes within 50. */
const pollMs = 12;

/**
 * Between looks at the holder, in milliseconds: a look costs more than a try, and a takeover within 500 is required.
 */
const lookMs = 200;

const tellAfterMs = 1_000;

/** Between questions whether the holder is at work. */
const workMs = 5_000;

const flag = exclusiveOpenFlag(process.platform);

function contend(path: string, clock: Clock): Contender {
  return flag === undefined ? contendForDirectory(path, clock, judgeBySocket()) : contendForFile(path, clock, flag);
}

function judgeOf(path: string): Judge {
  return flag === undefined ? judgeBySocket() : judgeByFile(path, flag);
}

/**
 * Waits for the lock at `path`. A dead process's lock is taken over, a living one's never, stopped or not.
 * @param options - and `unless`, called between tries: true ends the wait with undefined, since the holder has done the
 *   work
 * @throws {@link AuthError} `lock_unavailable` after the limit, naming the holder; `storage_unwritable` when the
 *   directory is missing, read-only or full, or something else is at `path`; the signal's reason when it aborts
 */
export function acquireProcessLock(
  path: string,
  options: LockOptions & { unless: () => boolean },
): Promise<ProcessLock | undefined>;
export function acquireProcessLock(path: string, options: LockOptions): Promise<ProcessLock>;
export async function acquireProcessLock(
  path: string,
  options: LockOptions & { unless?: () => boolean },
): Promise<ProcessLock | undefined> {
  options.signal?.throwIfAborted();
  const place = resolve(path); // The working directory may change before the release.
  const contender = contend(place, options.clock);
  try {
    return await wait(place, contender, options);
  } finally {
    contender.withdraw();
  }
}

async function wait(
  path: string,
  contender: Contender,
  { clock, timeoutMs, whileAtWorkMs = 0, signal, unless, onWait }: LockOptions & { unless?: () => boolean },
): Promise<ProcessLock | undefined> {
  const startedAt = clock.monotonic();
  let lookAt = startedAt;
  let isTold = onWait === undefined;
  let end = startedAt + timeoutMs;
  const isOver = (): boolean => clock.monotonic() >= end && !(end > startedAt && contender.isUndecided(end));
  for (;;) {
    let lock: ProcessLock | undefined;
    try {
      lock = contender.attempt();
      if (lock === undefined && (clock.monotonic() >= lookAt || isOver())) {
        lookAt = clock.monotonic() + lookMs;
        lock = await contender.takeOver();
      }
    } catch (error) {
      throw explanationOf(path, error);
    }
    if (lock !== undefined) return lock;
    if (isOver()) {
      const holder = await inspectProcessLock(path);
      // One on another machine has just shown a sign of life, or the wait would go on.
      const isAtWork = holder?.state === "running" || holder?.state === "unknown";
      if (!isAtWork || clock.monotonic() - startedAt >= whileAtWorkMs)
        throw timedOut(path, end - startedAt, holder, contender.failure());
      end = clock.monotonic() + workMs;
    }
    if (!isTold && clock.monotonic() - startedAt >= tellAfterMs) {
      isTold = true;
      onWait?.(await inspectProcessLock(path));
    }
    // With jitter, or waiters that began together would try in the same millisecond.
    await clock.sleep(pollMs * (0.5 + Math.random()), { signal });
    // Before the next try, or sixty-four waiters would take the lock in turn for nothing.
    if (unless?.()) return undefined;
  }
}

/**
 * Undefined when free; changes nothing.
 * @throws {@link AuthError} `storage_unwritable` when it cannot be examined, or something else is at `path`
 */
export function inspectProcessLock(path: string): Promise<LockHolder | undefined> {
  return explaining(path, inspectDirectory(path, judgeOf(path)));
}

/** Removes a lock whose holder is proved dead (then true), and all next to it. Throws as {@link inspectProcessLock}. */
export async function removeDeadLock(path: string): Promise<boolean> {
  const isRemoved = await explaining(path, removeDead(path, judgeOf(path)));
  if (flag !== undefined) removeLockFile(path, flag);
  return isRemoved;
}

function explaining<T>(path: string, work: Promise<T>): Promise<T> {
  return work.catch((error: unknown) => {
    throw explanationOf(path, error);
  });
}

function timedOut(path: string, waitedMs: number, holder: LockHolder | undefined, failure: unknown): unknown {
  const waited = `waited ${Math.round(waitedMs / 100) / 10} s for the lock "${path}"`;
  if (holder === undefined) {
    if (failure !== undefined) return explanationOf(path, failure);
    return new AuthError("lock_unavailable", `${waited}, held by other processes`, { hint: "Run the command again" });
  }
  const { pid, host, since, state } = holder;
  const who = `${waited}: process ${pid} on "${host}" has held it since ${since}`;
  switch (state) {
    case "stopped":
      return new AuthError("lock_unavailable", `${who}, and is stopped`, {
        hint: hint`Continue it: ${{ run: ["kill", "-CONT", String(pid)] }}`,
      });
    case "unknown":
      return new AuthError("lock_unavailable", `${who}, and is on another machine or in another container`, {
        hint: "Wait for the process to end; if it is dead, wait 30 s",
      });
    default:
      return new AuthError("lock_unavailable", who, {
        hint: `Wait for process ${pid} to end, or end it, then try again`,
      });
  }
}
