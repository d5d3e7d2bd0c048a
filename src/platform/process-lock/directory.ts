/**
 * The lock: a directory at `path` with one entry, named after the holder. Each change of holder is one system call that
 * names the instance it is about:
 *
 * - take: `rename("<path>.<id>", path)`, of a directory that already has the entry. POSIX atomically lets a directory
 *   replace nothing or an EMPTY directory, and otherwise fails (Windows never replaces one, so an empty one is removed
 *   first). So one contender wins, and no process ever sees a lock without its holder's name.
 * - show life: `rename(path/<name>, path/<next name>)`. Fails harmlessly if the lock has gone to another process.
 * - release: `unlink(path/<name>)`, likewise: no gap between seeing whose lock it is and removing it, which is the race
 *   of every one-file lock.
 * - take over from a dead holder: `unlink(path/<their name>)`. Of two waiters one succeeds. A new holder has another
 *   name, and so has the old one after a sign of life: however late, the call cannot hit them.
 *
 * An empty directory is a free lock. rmdir(2) removes no other, so it also tells whether the lock is held: the file
 * system answers, not the cache of a network client. No step follows a symbolic link at `path`.
 */
import { closeSync, mkdirSync, openSync, renameSync, rmdirSync, unlinkSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { AuthError, systemErrorCode } from "../../base/errors.ts";
import { systemClock, type Clock } from "../clock.ts";
import {
  exists,
  follow,
  list,
  newId,
  newName,
  nextName,
  notALock,
  readHolder,
  type EntryName,
  type SeenHolder,
} from "./entry.ts";
import {
  activityOf,
  signEveryMs,
  Watch,
  type Contender,
  type Judge,
  type LockHolder,
  type ProcessLock,
  type Verdict,
} from "./holder.ts";
import { isNobodys, listen, placeOfLifeSocket } from "./life-socket.ts";

export function contendForDirectory(path: string, clock: Clock, judge: Judge): Contender {
  const watch = new Watch();
  let mayBeFree = true;
  let holder: SeenHolder | undefined;
  let failure: unknown;

  const attempt = (): ProcessLock | undefined => {
    failure = undefined;
    if (!mayBeFree && isHeld(path)) return undefined;
    mayBeFree = false;
    let candidate: Candidate | undefined;
    try {
      candidate = makeCandidate(path);
      const lock = candidate && take(path, candidate);
      if (lock !== undefined) return lock;
    } catch (error) {
      failure = error;
    }
    candidate?.discard();
    const isPassing = candidate !== undefined || isOfNetwork(failure);
    if (failure instanceof AuthError || (failure !== undefined && !isPassing)) throw failure;
    return undefined;
  };

  return {
    attempt,
    async takeOver() {
      let verdict: Verdict | undefined;
      try {
        holder = (holder && follow(path, holder.name)) ?? readHolder(path);
        verdict = holder && (await judge.judge(path, holder.name));
        if (holder !== undefined && verdict === "unknown" && !watch.isSilent(holder.sign, clock.monotonic()))
          return undefined;
        watch.forget(clock.monotonic());
        if (verdict === "alive" || (holder !== undefined && !evict(path, holder.name))) return undefined;
      } catch (error) {
        if (error instanceof AuthError) throw error;
        failure = error;
        return undefined;
      }
      mayBeFree = true;
      const lock = attempt();
      if (verdict !== undefined) await sweep(path).catch(() => undefined);
      return lock;
    },
    isUndecided: (since) => watch.isUndecided(since),
    failure: () => failure,
    withdraw: () => judge.end(),
  };
}

export async function inspectDirectory(path: string, judge: Judge): Promise<LockHolder | undefined> {
  const holder = readHolder(path);
  if (holder === undefined) return undefined;
  const { name, since } = holder;
  const verdict = await judge.judge(path, name);
  judge.end();
  const state = verdict === "alive" ? activityOf(name) : verdict;
  return { pid: name.pid, host: name.host, since: since.toISOString(), state };
}

/** Whether it was held by a process that is proved dead. */
export async function removeDead(path: string, judge: Judge): Promise<boolean> {
  const holder = readHolder(path);
  const isDead = holder !== undefined && (await judge.judge(path, holder.name)) === "dead" && evict(path, holder.name);
  judge.end();
  await sweep(path);
  return isDead;
}

/** To become the lock. */
interface Candidate {
  readonly directory: string;
  readonly name: EntryName;
  readonly stopListening: (() => void) | undefined;
  discard(): void;
}

/** Undefined if another process swept it: see {@link sweep}. */
function makeCandidate(path: string): Candidate | undefined {
  const place = placeOfLifeSocket(path);
  const id = newId();
  const directory = `${path}.${id}`;
  const stopListening = place && listen(place.pathOf(id));
  const name = newName(stopListening && place.device, id);
  const discard = (): void => {
    remove(directory, name.name);
    stopListening?.();
  };
  let isMade = false;
  try {
    mkdirSync(directory, { mode: 0o700 });
    isMade = true;
    closeSync(openSync(join(directory, name.name), "wx", 0o600));
  } catch (error) {
    discard();
    if (!isMade || systemErrorCode(error) !== "ENOENT") throw error;
    return undefined;
  }
  return { directory, name, stopListening, discard };
}

function take(path: string, { directory, name, stopListening }: Candidate): ProcessLock | undefined {
  let failure: unknown;
  try {
    renameSync(directory, path);
  } catch (error) {
    failure = error;
  }
  // The entry is the truth, not the result: a network file system that lost the response repeats the rename, and fails.
  // Success, too, counts only with the name inside.
  if (exists(join(path, name.name))) return hold(path, name, stopListening);
  // ENOENT: the directory to rename was removed, perhaps with its parent; the next try tells.
  const code = systemErrorCode(failure);
  if (code === undefined || ["ENOTEMPTY", "EEXIST", "ENOENT"].includes(code)) return undefined;
  throw code === "ENOTDIR" ? notALock(path) : failure;
}

function hold(path: string, name: EntryName, stopListening: (() => void) | undefined): ProcessLock {
  const end = new AbortController();
  const held = (): boolean => {
    if (end.signal.aborted) return false;
    const next = nextName(name);
    try {
      renameSync(join(path, name.name), join(path, next.name));
    } catch (error) {
      // As above. A virus scanner may also have the entry open; then it is still there.
      if (!exists(join(path, next.name))) return systemErrorCode(error) !== "ENOENT" && exists(join(path, name.name));
    }
    name = next;
    return true;
  };
  const showLife = async (): Promise<void> => {
    // By the machine's own clock, whatever the caller's: other machines watch.
    const wait = { background: true, signal: end.signal };
    for (;;) {
      await systemClock.sleep(signEveryMs, wait);
      held();
    }
  };
  showLife().catch(() => undefined);
  return {
    held,
    release() {
      if (end.signal.aborted) return;
      end.abort();
      remove(path, name.name);
      stopListening?.();
    },
  };
}

function evict(path: string, holder: EntryName): boolean {
  try {
    unlinkSync(join(path, holder.name));
  } catch (error) {
    if (systemErrorCode(error) !== "ENOENT") throw error;
    return false;
  }
  const socket = placeOfLifeSocket(path)?.pathOf(holder.id);
  if (socket !== undefined) quietly(() => unlinkSync(socket));
  remove(path);
  return true;
}

/**
 * Removes what killed processes left: sockets proved to be nobody's, and directories, also those of living contenders,
 * which make others.
 */
async function sweep(path: string): Promise<void> {
  const place = placeOfLifeSocket(path);
  for (const file of list(dirname(path))) {
    const [, id, device] = /^\.([0-9a-f]{16})(?:\.([0-9a-f]+)~?)?$/.exec(file.slice(basename(path).length)) ?? [];
    if (id === undefined || !file.startsWith(basename(path))) continue;
    const left = join(dirname(path), file);
    if (device === undefined) {
      for (const name of list(left)) remove(left, name);
      remove(left);
    } else if (place?.isNextToLock === true && place.device === device && (await isNobodys(left))) {
      // Only now: a dead process cannot take the lock after this check, and its socket is the proof.
      if (readHolder(path)?.name.id !== id) quietly(() => unlinkSync(left));
    }
  }
}

/** Removes the entry, if named, and the directory if empty. Failures are left to the next contender. */
function remove(directory: string, name?: string): void {
  if (name !== undefined) quietly(() => unlinkSync(join(directory, name)));
  quietly(() => rmdirSync(directory));
}

/** Whether the lock is held, or cannot be taken. */
function isHeld(path: string): boolean {
  try {
    rmdirSync(path);
    return false;
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === "ENOTDIR") throw notALock(path);
    return code !== "ENOENT";
  }
}

/** The errors of a network file system whose server is away or has restarted. */
function isOfNetwork(error: unknown): boolean {
  return ["ESTALE", "EIO", "ETIMEDOUT", "EAGAIN"].includes(systemErrorCode(error) ?? "");
}

function quietly(action: () => void): void {
  try {
    action();
  } catch {}
}
