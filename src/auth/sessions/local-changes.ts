import { join } from "node:path";
import { AuthError } from "../../base/errors.ts";
import { namesIn } from "../../platform/large-folder.ts";
import { ensurePrivateFolder, removePrivateFile, removePrivateFolder } from "../../platform/private-file-changes.ts";
import type { ProcessLock } from "../../platform/process-lock/holder.ts";
import { acquireProcessLock, removeDeadLock } from "../../platform/process-lock/process-lock.ts";
import { leftTemporaries } from "../../platform/replace-file.ts";
import type { DataKey } from "../secure-storage/data-key.ts";
import type { NewKey } from "../secure-storage/key-slot.ts";
import { addSlot, removeSlots } from "../secure-storage/key-slot-changes.ts";
import type { LocalFiles, LocalOptions } from "./local.ts";
import { lockOptions, replaceSealed } from "./local-writing.ts";
import { textOf, type Choice, type Profile } from "./session.ts";
import type { ProfileChange, Remaining } from "./store.ts";
import { noteChange, withoutOffset } from "./this-machine.ts";

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
    noteChange(before?.session, after?.session, machine);
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
    await replaceSealed(key, join(folder, session.id), textOf(withoutOffset(session)));
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

async function exclusively<T>(options: LocalOptions, work: (lock: ProcessLock) => Promise<T>): Promise<T> {
  const { folder } = options;
  ensurePrivateFolder(folder);
  const how = { ...lockOptions("change", options), timeoutMs: 10_000 };
  const lock = await acquireProcessLock(join(folder, "profiles.lock"), how);
  try {
    return await work(lock);
  } finally {
    lock.release();
  }
}

/** After a lost lock nothing may be changed: an unseen holder is presumed dead after a while. */
function requireHeld(lock: ProcessLock): void {
  if (lock.held()) return;
  throw new AuthError("lock_unavailable", "this process lost the lock on the logins while it was stopped", {
    hint: "Try again",
  });
}
