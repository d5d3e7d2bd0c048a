import { AuthError, hint } from "../../base/errors.ts";
import { replacePrivateFile } from "../../platform/private-file-changes.ts";
import { readPrivateFile } from "../../platform/private-files.ts";
import type { LockHolder } from "../../platform/process-lock/holder.ts";
import type { LockOptions } from "../../platform/process-lock/process-lock.ts";
import type { Reservation } from "../../platform/replace-file.ts";
import type { DataKey } from "../secure-storage/data-key.ts";
import type { LocalOptions } from "./local.ts";
import type { AwaitedWork } from "./store.ts";

/** Tells the user what a wait for the lock is for. */
export function lockOptions(
  work: AwaitedWork["work"],
  { clock, onWait }: LocalOptions,
): Pick<LockOptions, "clock" | "onWait"> {
  const tell = (holder: LockHolder | undefined): void =>
    onWait({ work, pid: holder?.state === "unknown" ? undefined : holder?.pid });
  return { clock, onWait: tell };
}

/**
 * Reads back: a lying disk shows now, while the content is still in memory.
 *
 * @param room - taken for it before
 */
export async function replaceSealed(key: DataKey, name: string, text: string, room?: Reservation): Promise<void> {
  const path = key.path(name);
  const sealed = key.seal(name, text);
  if (room === undefined) replacePrivateFile(path, sealed);
  else await room.commit(sealed);
  if (readPrivateFile(path)?.equals(sealed) === true) return;
  throw new AuthError("storage_unwritable", `"${path}" does not contain what was just written`, {
    hint: hint`Run: ${{ command: "auth doctor" }}`,
  });
}
