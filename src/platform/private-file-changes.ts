import { existsSync, mkdirSync, rmSync, statSync } from "node:fs";
import { basename, dirname } from "node:path";
import { AuthError, systemErrorCode, hint } from "../base/errors.ts";
import {
  leftTemporaries,
  moveFile,
  replaceFile,
  reserveFile,
  syncFolder,
  type ReplaceOptions,
  type Reservation,
} from "./replace-file.ts";
import { checkFoldersAbove } from "./folders-above.ts";
import { checkFolder, maxBytes } from "./private-files.ts";
import { explained, explanationOf } from "./unwritable.ts";

/** Parents already checked by this process: a queue is written to a thousand times a second. */
const looked = new Set<string>();

/**
 * Makes sure that a directory exists (mode 0700), and that no other user can change or replace it. Otherwise root in
 * another user's home, as after `sudo -E`, would write wherever that user's links lead.
 *
 * @throws {@link AuthError} `storage_unsafe`, or `storage_unwritable` when it cannot be created
 */
export function ensurePrivateFolder(path: string): void {
  explained(path, () => {
    if (!looked.has(path)) checkFoldersAbove(path);
    makeFolder(path);
    // Again: in /tmp, another user may just have made the missing one.
    if (!looked.has(path)) checkFoldersAbove(path);
  });
  checkFolder(path);
  looked.add(path);
}

/** Not `recursive`: that never returns where mkdir below an existing parent says ENOENT (/proc). */
function makeFolder(path: string): void {
  if (statSync(path, { throwIfNoEntry: false }) !== undefined) return;
  const parent = dirname(path);
  if (path !== parent) makeFolder(parent);
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    // Another process just made it.
    if (systemErrorCode(error) !== "EEXIST") throw error;
  }
}

/**
 * Takes the disk space for a private file's next content, so that a full disk shows before a refresh token is spent.
 * Removes what killed writers left.
 *
 * @throws {@link AuthError} `storage_unwritable`; so does its `commit`
 */
export async function reservePrivateFile(path: string, bytes: number): Promise<Reservation> {
  const folder = dirname(path);
  ensurePrivateFolder(folder);
  const explain = (cause: unknown): never => {
    throw explanationOf(path, cause);
  };
  explained(path, () => {
    for (const left of leftTemporaries(folder, { of: basename(path) })) rmSync(left, { force: true });
  });
  const reservation = await reserveFile(path, bytes).catch(explain);
  return {
    discard: reservation.discard,
    async commit(content) {
      const { length } = Buffer.from(content);
      // Unreadable content must not replace readable content.
      if (length > maxBytes) {
        reservation.discard();
        throw new AuthError(
          "storage_unwritable",
          `"${path}" would be ${length} bytes long, over the limit of ${maxBytes}`,
          { hint: hint`Log out of unused accounts: ${{ command: "auth logout", profile: "NAME" }}` },
        );
      }
      await reservation.commit(content).catch(explain);
    },
  };
}

export function replacePrivateFile(path: string, content: string | Uint8Array, options?: ReplaceOptions): void {
  explained(path, () => replaceFile(path, content, options));
}

export function removePrivateFile(path: string): void {
  explained(path, () => {
    rmSync(path, { force: true });
    if (statSync(dirname(path), { throwIfNoEntry: false }) !== undefined) syncFolder(dirname(path));
  });
}

export function removePrivateFolder(path: string): void {
  explained(path, () => rmSync(path, { recursive: true, force: true }));
}

export function moveAside(path: string): string {
  let aside = `${path}.1`;
  for (let number = 2; existsSync(aside); number += 1) aside = `${path}.${number}`;
  explained(path, () => {
    moveFile(path, aside);
    syncFolder(dirname(path));
  });
  return aside;
}
