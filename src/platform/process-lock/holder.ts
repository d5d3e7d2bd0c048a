/**
 * Who holds a lock, and when that process is dead. No other machine's clock, no process id and no age counts. There are
 * three proofs:
 *
 * 1. On Linux, a socket. Every holder listens on one next to the lock while it lives (life-socket.ts). The kernel
 * accepts a connection for a process that is stopped, busy or a zombie with threads left, and refuses it once the last
 * thread or the listening worker has ended, whatever pid, mount, network or user namespace it lived in. But a kernel
 * also refuses a socket that another kernel listens on (NFS, sshfs, 9p), or its own process through another mount (an
 * overlay and its upper directory, NFS and its export). So "refused" counts only where both sides see the socket on the
 * same local file system: a type that one kernel alone can mount, by this kernel's device number. Cloned virtual
 * machines may share machine id, host name and boot id, but not that.
 *
 * 2. On macOS and Windows, a kernel lock on a file (open-file.ts): only its owner may hold the lock itself, so any
 * other holder of the same machine is dead.
 *
 * 3. Anywhere, silence. A holder renames its entry every 3 seconds. One that cannot be judged (another machine, no
 * socket) is presumed dead when its entry has kept its name for 27 seconds of watching: time in which the waiter was
 * stopped or asleep, or the file server away, does not count. The clock is the waiter's own and monotonic. Then the
 * entry is removed by the watched name. A holder that returns in that moment either renames it first, and the removal
 * fails, or finds its lock lost. A stale view of a network file system also makes the removal fail, since that name is
 * gone: a living holder's lock is safe.
 */
import { readFileSync } from "node:fs";
import { NONE, ownSpace, type EntryName } from "./entry.ts";
import { connectTo, placeOfLifeSocket, type Connection } from "./life-socket.ts";

export interface ProcessLock {
  /**
   * Whether it is still ours, and a sign of life: no other machine takes the lock within 27 seconds. Costs one rename:
   * call it before the request and again before the write. False also where the file system does not say.
   */
  held(): boolean;
  /** Never throws; a second call does nothing. */
  release(): void;
}

export interface LockHolder {
  /** On its own machine or in its own container. */
  pid: number;
  host: string;
  /** ISO 8601, by the file system's clock. */
  since: string;
  /**
   * - `running`: alive; one in another pid namespace may be stopped.
   * - `stopped`: alive, until continued (SIGCONT).
   * - `dead`: proved; the next process takes the lock over.
   * - `unknown`: on another machine, or without a socket, so that only silence tells.
   */
  state: "running" | "stopped" | "dead" | "unknown";
}

export interface Contender {
  /** One try: the lock, or undefined while another process holds it. */
  attempt(): ProcessLock | undefined;
  /** Takes the lock if its holder is dead. */
  takeOver(): Promise<ProcessLock | undefined>;
  /** Whether the holder cannot be judged and has shown no sign of life since then. `since`: monotonic. */
  isUndecided(since: number): boolean;
  /** Of the file system, at the last try; a network file system may recover. */
  failure(): unknown;
  /** Gives up the try or the lock. Never throws. */
  withdraw(): void;
}

export type Verdict = "dead" | "alive" | "unknown";

export interface Judge {
  judge(path: string, them: EntryName): Promise<Verdict>;
  end(): void;
}

/** By the socket. The connection to a living holder is kept, so looking again costs nothing. */
export function judgeBySocket(): Judge {
  let kept: { id: string; connection: Connection } | undefined;
  const end = (): void => {
    kept?.connection.close();
    kept = undefined;
  };
  return {
    async judge(path, them) {
      if (kept?.id === them.id && kept.connection.isOpen()) return "alive";
      end();
      const place = placeOfLifeSocket(path);
      if (place === undefined || them.place !== place.device) return "unknown";
      const connection = await connectTo(place.pathOf(them.id));
      if (connection === "refused") return "dead";
      if (connection === undefined) return "unknown";
      kept = { id: them.id, connection };
      return "alive";
    },
    end,
  };
}

/** By the kernel's lock on a file. `isTaken`: another process has it. */
export function judgeByKernelLock(isTaken: () => boolean): Judge {
  return {
    async judge(_path, them) {
      if (them.space === NONE || them.space !== ownSpace()) return "unknown";
      return isTaken() ? "alive" : "dead";
    },
    end: () => undefined,
  };
}

/** Between signs of life, in milliseconds. */
export const signEveryMs = 3_000;

/**
 * Allowed silence, in milliseconds: plus the time between looks and since the last sign, a dead holder's lock is free
 * within 30 s.
 */
const silentMs = 27_000;

/**
 * The most that counts between two looks, in milliseconds. In a longer gap a living holder may have been unable to show
 * a sign.
 */
const longestLookMs = 2_000;

/** Watches holders that cannot be judged. Its clock is monotonic, in milliseconds. */
export class Watch {
  #seen: string | undefined;
  #silentMs = 0;
  #lookedAt = 0;
  #changedAt = Number.NEGATIVE_INFINITY;

  /** `sign`: the last sign of life, as seen now. */
  isSilent(sign: string, now: number): boolean {
    const isSame = this.#seen === sign;
    if (this.#seen !== undefined && !isSame) this.#changedAt = now;
    this.#silentMs = isSame ? this.#silentMs + Math.min(now - this.#lookedAt, longestLookMs) : 0;
    this.#seen = sign;
    this.#lookedAt = now;
    return this.#silentMs >= silentMs;
  }

  /** Whether it has shown no sign since then. */
  isUndecided(since: number): boolean {
    return this.#seen !== undefined && this.#changedAt < since;
  }

  /** Call this when it was judged, or is gone. */
  forget(now: number): void {
    this.#seen = undefined;
    this.#changedAt = now;
  }
}

/** For messages only: valid where the pid is. */
export function activityOf({ pid, space }: EntryName): "running" | "stopped" {
  if (space === NONE || space !== ownSpace()) return "running";
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The second field is the program's name, which may contain spaces and parentheses: count from its end.
    return /^[Tt]/.test(stat.slice(stat.lastIndexOf(")") + 2)) ? "stopped" : "running";
  } catch {
    return "running";
  }
}
