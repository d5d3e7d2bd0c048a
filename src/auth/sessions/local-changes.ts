import { dirname, join } from "node:path";
import { AuthError, hint } from "../../base/errors.ts";
import { namesIn } from "../../platform/large-folder.ts";
import {
  ensurePrivateFolder,
  removePrivateFile,
  removePrivateFolder,
  replacePrivateFile,
} from "../../platform/private-file-changes.ts";
import { readPrivateFile } from "../../platform/private-files.ts";
import type { LockHolder, ProcessLock } from "../../platform/process-lock/holder.ts";
import { acquireProcessLock, removeDeadLock } from "../../platform/process-lock/process-lock.ts";
import { leftTemporaries, type Reservation } from "../../platform/replace-file.ts";
import type { DataKey } from "../secure-storage/data-key.ts";
import type { NewKey } from "../secure-storage/key-slot.ts";
import { addSlot, removeSlots } from "../secure-storage/key-slot-changes.ts";
import type { LocalFiles, LocalOptions } from "./local.ts";
import { textOf, type Choice, type Profile, type Session } from "./session.ts";
import type { AwaitedWork, ClaimOptions, ProfileChange, Remaining } from "./store.ts";
import { forget, note } from "./this-machine.ts";

export async function changeProfile(
  name: string,
  change: ProfileChange,
  store: LocalFiles,
): Promise<Profile | undefined> {
  const { keys, machine } = store.options;
  return exclusively(store.options, async (lock) => {
    const key = await keys.open();
    const before = key && (await store.look(name, key)).profile;
    const after = change(before);
    if (after === before) return after;
    if (key === undefined) throw new TypeError("a login makes its key before it is stored");
    requireHeld(lock);
    const folder = key.hiddenName(name);
    if (after === undefined) removePrivateFolder(key.path(folder));
    else await writeProfile(name, folder, key, before, after);
    if (before?.session !== undefined && before.session.id !== after?.session?.id) forget(before.session, machine);
    if (after?.session !== undefined) note(after.session, machine);
    return after;
  });
}

async function writeProfile(
  name: string,
  folder: string,
  key: DataKey,
  before: Profile | undefined,
  { session, ...profile }: Profile,
): Promise<void> {
  ensurePrivateFolder(key.path(folder));
  // The login first: a profile must not name a missing one.
  if (session?.id === before?.session?.id && session !== before?.session)
    throw new TypeError("a session changes under a claim");
  if (session !== undefined && session !== before?.session)
    await replaceSealed(key, join(folder, session.id), sessionText(session));
  const text = JSON.parse(textOf(profile)) as object;
  await replaceSealed(key, join(folder, "profile"), JSON.stringify({ ...text, name, login: session?.id }));
  await sweep(key.path(folder), session?.id);
}

/**
 * Removes what the profile does not lead to: the ended or replaced login, and what killed processes left. The lock of a
 * refresh under way stays, and that refresh removes its own result.
 */
async function sweep(folder: string, login: string | undefined): Promise<void> {
  for (const entry of [...namesIn(folder)]) {
    const [, id, lock] = /^([0-9a-f]{16})(\.lock.*)?$/.exec(entry) ?? [];
    if (id === undefined || id === login) continue;
    if (lock !== undefined) await removeDeadLock(join(folder, `${id}.lock`));
    else removePrivateFile(join(folder, entry));
  }
  for (const path of leftTemporaries(folder)) removePrivateFile(path);
}

export async function changeChoice(change: (choice: Choice) => Choice, store: LocalFiles): Promise<Choice> {
  return exclusively(store.options, async (lock) => {
    const key = await store.options.keys.open();
    const before = store.choiceIn(key);
    const after = change(before);
    if (after === before || key === undefined) return after;
    requireHeld(lock);
    const { active, folders } = after;
    await replaceSealed(key, "choice", JSON.stringify({ active, folders: folders && Object.fromEntries(folders) }));
    return after;
  });
}

export async function addKey(key: NewKey, startsOver: boolean, options: LocalOptions): Promise<string | undefined> {
  return exclusively(options, () => addSlot(options.keys, key, startsOver));
}

export async function removeAll(
  but: "sessions" | undefined,
  removeKey: () => Promise<void> = async () => undefined,
  store: LocalFiles,
): Promise<Remaining> {
  const { options } = store;
  const left: string[] = [];
  for (const name of but === undefined ? [] : await store.names()) {
    const kept = await changeProfile(name, (profile) => (profile?.session === undefined ? undefined : profile), store);
    if (kept !== undefined) left.push(name);
  }
  const [first] = left;
  if (first !== undefined) {
    await changeChoice((choice) => (left.includes(choice.active) ? choice : { ...choice, active: first }), store);
    return { profiles: left, hosts: [] };
  }
  return exclusively(options, async () => {
    const { removed, stay } = await removeSlots(options.keys);
    const sessions = join(options.folder, "sessions");
    for (const folder of removed?.map((id) => join(sessions, id)) ?? [sessions]) removePrivateFolder(folder);
    await removeKey();
    return { profiles: [], hosts: stay };
  });
}

async function exclusively<T>(options: LocalOptions, work: (lock: ProcessLock | undefined) => Promise<T>): Promise<T> {
  const patience = { timeoutMs: 10_000, whileAtWorkMs: 10_000 };
  const lock = await lockFile(join(options.folder, "profiles.lock"), "change", patience, options);
  try {
    return await work(lock);
  } finally {
    lock?.release();
  }
}

/**
 * Takes a lock next to what it guards: every process that opens the same file, by any path, meets the same lock.
 *
 * @param unless - called between tries; true ends the wait with undefined
 */
export function lockFile(
  path: string,
  work: AwaitedWork["work"],
  patience: ClaimOptions,
  { clock, onWait }: LocalOptions,
  unless: () => boolean = () => false,
): Promise<ProcessLock | undefined> {
  ensurePrivateFolder(dirname(path));
  const told = (holder: LockHolder | undefined): void =>
    onWait({ work, pid: holder?.state === "unknown" ? undefined : holder?.pid || undefined });
  return acquireProcessLock(path, { clock, ...patience, unless, onWait: told });
}

/** After a lost lock nothing may be changed: an unseen holder is presumed dead after a while. */
function requireHeld(lock: ProcessLock | undefined): void {
  if (lock?.held() === true) return;
  throw new AuthError("lock_unavailable", "this process lost the lock on the logins while it was stopped", {
    hint: "Try again",
  });
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

/** Without this machine's clock offset: other machines read it too. */
export function sessionText({ clockOffsetMs: _, ...session }: Session): string {
  return textOf({ ...session, clockOffsetMs: 0 });
}
