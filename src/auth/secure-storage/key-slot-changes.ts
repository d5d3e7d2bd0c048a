import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { isAuthError } from "../../base/errors.ts";
import { moveAside, removePrivateFile, replacePrivateFile } from "../../platform/private-file-changes.ts";
import { DataKey, wrappingName, type KeySlots } from "./data-key.ts";
import type { KeySlot, KeyWay } from "./key-slot.ts";

/** A key for a slot that is about to be made. */
export interface NewKey {
  readonly way: KeyWay;
  readonly key: Buffer;
}

/**
 * Adds a slot to the data key that opens here, in the place of this machine's own; makes the data key if there is none. What others
 * can open stays: the slots of other machines, and a passphrase's, whose holders are not known here.
 *
 * @param startsOver - nothing opens here: the logins get a data key of their own
 * @returns where a file is now that could not be read as one: somebody may still repair it
 */
export async function addSlot(
  slots: KeySlots,
  { way, key: wrapping }: NewKey,
  machine: string,
  startsOver: boolean,
): Promise<string | undefined> {
  let present: readonly KeySlot[] = [];
  let aside: string | undefined;
  try {
    present = slots.slots();
  } catch (error) {
    if (!startsOver || !isAuthError(error) || error.code === "storage_unsafe") throw error;
    aside = moveAside(slots.path);
  }
  const data =
    (startsOver ? undefined : await slots.open()) ??
    new DataKey(randomBytes(4).toString("hex"), randomBytes(32), slots.path);
  const slot = { key: data.id, way, machine, host: hostname() };
  const wrapped = data.wrap(wrapping, wrappingName(slot)).toString("base64");
  const isReplaced = (other: KeySlot): boolean =>
    other.key === data.id && other.machine === machine && other.way.source !== "passphrase";
  writeSlots(slots.path, [{ ...slot, wrapped }, ...present.filter((other) => !isReplaced(other))]);
  return aside;
}

/**
 * Removes the slots of data keys that are this machine's: of the one that opens here, and of those that were made on it alone. A file that
 * cannot be read is removed as a whole.
 *
 * @returns the ids of those data keys, undefined for all; and the names of the machines whose logins stay
 */
export async function removeSlots(
  slots: KeySlots,
  machine: string,
): Promise<{ readonly removed: readonly string[] | undefined; readonly stay: readonly string[] }> {
  let present: readonly KeySlot[];
  try {
    present = slots.slots();
  } catch (error) {
    if (!isAuthError(error)) throw error;
    removePrivateFile(slots.path);
    return { removed: undefined, stay: [] };
  }
  const opened = await slots.open().catch((error: unknown) => {
    if (!isAuthError(error)) throw error;
    return undefined;
  });
  const isForeign = (key: string): boolean =>
    key !== opened?.id && present.some((slot) => slot.key === key && slot.machine !== machine);
  const left = present.filter(({ key }) => isForeign(key));
  if (left.length > 0) writeSlots(slots.path, left);
  else removePrivateFile(slots.path);
  return {
    removed: [...new Set(present.flatMap(({ key }) => (isForeign(key) ? [] : [key])))],
    stay: [...new Set(left.map(({ host }) => host))],
  };
}

function writeSlots(path: string, slots: readonly KeySlot[]): void {
  replacePrivateFile(path, `${JSON.stringify({ version: 1, slots }, null, 2)}\n`);
}
