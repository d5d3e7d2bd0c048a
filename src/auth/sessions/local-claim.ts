import { join } from "node:path";
import { ensurePrivateFolder, removePrivateFile, reservePrivateFile } from "../../platform/private-file-changes.ts";
import { fileMark } from "../../platform/private-files.ts";
import { acquireProcessLock } from "../../platform/process-lock/process-lock.ts";
import type { Reservation } from "../../platform/replace-file.ts";
import { lockOptions, replaceSealed } from "./local-writing.ts";
import type { LocalFiles, ReadProfile } from "./local.ts";
import { textOf } from "./session.ts";
import type { Claim, ClaimOptions } from "./store.ts";
import { lastRefresh, note, noteOffset, refuseOlder, withoutOffset } from "./this-machine.ts";

/** More than a session grows between refreshes. */
const growthBytes = 16 * 1024;
/** The wait of an ending command for disk space, in milliseconds. */
const outageMs = 2_000;

/**
 * Claims a login that was read: takes its lock, looks again, and takes the disk space for its next tokens. So before a
 * refresh token is sent, the directory is writable, the disk has space, and no other process can send it. Any failure
 * so far costs an error, not a session.
 */
export async function claimLogin(
  { name, profile, key, bytes }: ReadProfile,
  options: ClaimOptions,
  store: LocalFiles,
): Promise<Claim | undefined> {
  const session = profile?.session;
  if (session === undefined) return undefined;
  const folder = key.hiddenName(name);
  const [profileFile, login] = [join(folder, "profile"), join(folder, session.id)];
  const file = key.path(login);
  // By reading: a network file system answers stat from memory.
  const isUnchanged = (): boolean =>
    [profileFile, login].every((one, index) => {
      const before = bytes[index];
      return before !== undefined && key.bytes(one)?.equals(before) === true;
    });

  let mark: string | undefined;
  /** Cheap for a waiter that asks often: reads only what was replaced since it asked before. */
  const isDone = (): boolean => {
    const now = `${fileMark(key.path(profileFile))} ${fileMark(file)}`;
    if (now === mark) return false;
    mark = now;
    return !isUnchanged();
  };

  ensurePrivateFolder(key.path(folder));
  const how = { ...options, ...lockOptions("refresh", store.options), unless: isDone };
  const lock = await acquireProcessLock(`${file}.lock`, how);
  if (lock === undefined) return undefined;
  let room: Reservation | undefined;
  try {
    if (!isUnchanged()) {
      lock.release();
      return undefined;
    }
    refuseOlder(session, lastRefresh(session.id, store.options.machine));
    room = await reservePrivateFile(file, (bytes[1]?.length ?? 0) + growthBytes);
  } catch (error) {
    lock.release();
    throw error;
  }

  const release = (): void => {
    room?.discard();
    lock.release();
  };
  return {
    outageMs,
    // A holder that was silent, and lost the lock, still stores its answer. Once there is an answer here, that one counts.
    isHeld: async () => lock.held() && (room === undefined || isUnchanged()),
    release: async () => release(),
    async store(next) {
      const read = (): Promise<ReadProfile> => store.look(name, key);
      const isOurs = ({ profile: now }: ReadProfile): boolean => now?.session?.id === session.id;
      try {
        // A lock is only taken from a living holder that cannot be seen. What that one stored is the session then.
        if (lock.held() || isUnchanged()) {
          // First: a process that finds the new session without the clock's offset would refresh once more.
          noteOffset(next, store.options.machine);
          const taken = room;
          room = undefined;
          await replaceSealed(key, login, textOf(withoutOffset(next)), taken);
        }
      } catch (error) {
        // A removed profile took its directory along: nothing to store.
        const now = await read().catch(() => undefined);
        if (now === undefined || isOurs(now)) throw error;
        release();
        return now;
      }
      note(next, store.options.machine);
      const now = await read();
      if (!isOurs(now)) removePrivateFile(file);
      release();
      return now;
    },
  };
}
