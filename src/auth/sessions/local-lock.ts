import { dirname } from "node:path";
import { AuthError, isAuthError } from "../../base/errors.ts";
import { ensurePrivateFolder } from "../../platform/private-file-changes.ts";
import type { LockHolder, ProcessLock } from "../../platform/process-lock/holder.ts";
import { acquireProcessLock, inspectProcessLock } from "../../platform/process-lock/process-lock.ts";
import type { LocalOptions } from "./local.ts";
import type { AwaitedWork, ClaimOptions } from "./store.ts";

/**
 * Takes a lock next to what it guards: every process that opens the same file, by any path, meets the same lock.
 *
 * @param unless - called between tries; true ends the wait with undefined
 */
export async function lockFile(
  path: string,
  work: AwaitedWork["work"],
  { timeoutMs, whileAtWorkMs }: ClaimOptions,
  { clock, onWait }: LocalOptions,
  unless: () => boolean = () => false,
): Promise<ProcessLock | undefined> {
  ensurePrivateFolder(dirname(path));
  const startedAt = clock.monotonic();
  let isTold = false;
  const told = (holder: LockHolder | undefined): void => {
    if (!isTold) onWait({ work, pid: holder?.state === "unknown" ? undefined : holder?.pid || undefined });
    isTold = true;
  };
  for (let waitMs = timeoutMs; ; waitMs = 5_000) {
    try {
      return await acquireProcessLock(path, { clock, timeoutMs: waitMs, unless, onWait: told });
    } catch (error) {
      // One on another machine has just shown a sign of life, or the wait would go on.
      const isAtWork = ["running", "unknown"].includes((await inspectProcessLock(path))?.state ?? "");
      if (!isAuthError(error) || error.code !== "lock_unavailable" || !isAtWork) throw error;
      if (clock.monotonic() - startedAt >= whileAtWorkMs) throw error;
    }
  }
}

/** After a lost lock nothing may be changed: an unseen holder is presumed dead after a while. */
export function requireHeld(lock: ProcessLock | undefined): void {
  if (lock?.held() === true) return;
  throw new AuthError("lock_unavailable", "the lock on the logins was lost while this process was stopped", {
    hint: "Try again",
  });
}
