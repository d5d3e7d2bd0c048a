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
import { explained } from "./unwritable.ts";

/** Folders below none that another user can replace, as far as this process has looked: a queue is written to a thousand times a second. */
const looked = new Set<string>();

/**
 * Makes sure that a folder exists, that only this user can change it, and that no other user can put another in its place. It is created
 * with mode 0700. Otherwise root in somebody else's home, as after `sudo -E`, would write wherever that user's links lead.
 *
 * @throws {@link AuthError} `storage_unsafe` when others can do that, `storage_unwritable` when it cannot be created
 */
export function ensurePrivateFolder(path: string): void {
  explained(path, () => {
    if (!looked.has(path)) checkFoldersAbove(path);
    makeFolder(path);
    // Again: in a folder such as /tmp, another user may just have made one that was missing.
    if (!looked.has(path)) checkFoldersAbove(path);
  });
  checkFolder(path);
  looked.add(path);
}

/** Not `recursive`: that never returns where a parent exists and making a folder in it says ENOENT all the same (/proc). */
function makeFolder(path: string): void {
  if (statSync(path, { throwIfNoEntry: false }) !== undefined) return;
  const parent = dirname(path);
  if (path !== parent) makeFolder(parent);
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    // Another process made it just now.
    if (systemErrorCode(error) !== "EEXIST") throw error;
  }
}

/**
 * Takes the room that the next content of a private file needs, so that a full disk shows before a refresh token is
 * spent and not after. What earlier writers left when they were killed is removed.
 *
 * @throws {@link AuthError} `storage_unwritable` when the folder or the disk does not take it; so does its `commit`
 */
export function reservePrivateFile(path: string, bytes: number): Reservation {
  const folder = dirname(path);
  ensurePrivateFolder(folder);
  const reservation = explained(path, () => {
    for (const left of leftTemporaries(folder, { of: basename(path) })) rmSync(left, { force: true });
    return reserveFile(path, bytes);
  });
  return {
    discard: reservation.discard,
    commit(content) {
      const { length } = Buffer.from(content);
      // Content that could not be read again must not replace content that can.
      if (length > maxBytes) {
        reservation.discard();
        throw new AuthError(
          "storage_unwritable",
          `"${path}" would be ${length} bytes long, and at most ${maxBytes} are read`,
          {
            hint: hint`Log out of unused accounts: ${{ command: "auth logout", profile: "NAME" }}`,
          },
        );
      }
      explained(path, () => reservation.commit(content));
    },
  };
}

/** {@link reservePrivateFile} and its `commit` at once, for content that is known already and in a folder that was checked. */
export function replacePrivateFile(path: string, content: string | Uint8Array, options?: ReplaceOptions): void {
  explained(path, () => replaceFile(path, content, options));
}

/** Removes a private file. Does nothing when there is none. */
export function removePrivateFile(path: string): void {
  explained(path, () => {
    rmSync(path, { force: true });
    if (statSync(dirname(path), { throwIfNoEntry: false }) !== undefined) syncFolder(dirname(path));
  });
}

/** Removes a folder of private files with all that is in it. Does nothing when there is none. */
export function removePrivateFolder(path: string): void {
  explained(path, () => rmSync(path, { recursive: true, force: true }));
}

/** Gives a private file another name in its folder, one that nothing has yet, and returns that. */
export function moveAside(path: string): string {
  let aside = `${path}.1`;
  for (let number = 2; existsSync(aside); number += 1) aside = `${path}.${number}`;
  explained(path, () => {
    moveFile(path, aside);
    syncFolder(dirname(path));
  });
  return aside;
}
