import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { isAuthError } from "../../base/errors.ts";
import { moveAside, removePrivateFile, replacePrivateFile } from "../../platform/private-file-changes.ts";
import { DataKey, wrappingName, type KeySlots } from "./data-key.ts";
import type { KeySlot, NewKey } from "./key-slot.ts";

/**
 * Adds a slot to the data key that opens here, replacing this machine's own; makes a data key if there is none. Slots
 * of other machines and of passphrases stay, whose holders are unknown here.
 *
 * @param startsOver - nothing opens here: the logins get their own data key
 * @returns where an unreadable file was moved: it may be repairable
 */
export async function addSlot(
  slots: KeySlots,
  { way, key: wrapping }: NewKey,
  startsOver: boolean,
): Promise<string | undefined> {
  const { machine } = slots;
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
 * Removes this machine's data keys: the one that opens here, and those made on it alone. An unreadable file is removed
 * as a whole.
 *
 * @returns the ids of those data keys, undefined for all; and the machines whose logins stay
 */
export async function removeSlots(
  slots: KeySlots,
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
    key !== opened?.id && present.some((slot) => slot.key === key && slot.machine !== slots.machine);
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
