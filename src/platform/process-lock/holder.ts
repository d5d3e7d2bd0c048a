/**
 * Who holds a lock, and when that process is dead. No clock of another machine is asked, no process id judged, and no age. There are
 * three proofs:
 *
 * 1. On Linux, a socket. Every holder listens on one next to the lock for as long as it lives (life-socket.ts). The kernel answers for the
 * process:
 *    it accepts a connection for one that is stopped, busy or a zombie with threads left, and refuses it as soon as the last thread
 *    has ended or the worker that listened, whatever pid, mount, network or user namespace it lived in. But a kernel also refuses a
 *    socket that another kernel listens on (NFS, sshfs, 9p), and one that its own process reaches through another mount (an overlay
 *    and its upper directory, NFS and what it exports). So "refused" counts only where both sides see the socket on one and the same
 *    local file system: a type that one kernel alone can have mounted, by the device number that this kernel gave it. Virtual
 *    machines that were cloned may share machine id, host name and boot id. They do not share that.
 *
 * 2. On macOS and Windows, a lock of the kernel on a file (open-file.ts): the process that has it is the only one that may
 *    hold the lock itself, so another holder of the same machine is dead.
 *
 * 3. Anywhere, silence. A holder renames its entry every 3 seconds. One that cannot be judged, because it is on another machine, or
 *    has no socket, is presumed dead when its entry has kept its name for 27 seconds, in which it was looked at all the time: time in
 *    which the waiter was stopped or asleep, or the file server away, does not count. The clock is the waiter's own and monotonic.
 *    Then the entry is removed by the very name that was watched. A holder that comes back in that moment either renames it first,
 *    and the removal fails, or it finds that it lost the lock. What a client of a network file system remembers makes the removal fail
 *    too, for that name is no longer there: a living holder's lock is safe however stale the view of it is.
 */
import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { NONE, ownSpace, type EntryName } from "./entry.ts";
import { connectTo, lifeSocketPath, placeOfLifeSocket, type Connection } from "./life-socket.ts";

/** A lock that is held. */
export interface ProcessLock {
  /**
   * Whether it is still ours, and a sign of life: no other machine takes the lock within the next 27 seconds. Costs one rename: ask
   * before the request is sent and again before the write. False also where the file system does not say.
   */
  held(): boolean;
  /** Releases the lock. Never throws; a second call does nothing. */
  release(): void;
}

/** The process that holds a lock, for messages and for the doctor. */
export interface LockHolder {
  /** Its process id, on its own machine or in its own container. */
  pid: number;
  host: string;
  /** ISO 8601, by the file system's clock: when it made the entry with which it took the lock. */
  since: string;
  /**
   * - `running`: it is alive; one in another pid namespace may be stopped as well.
   * - `stopped`: it is alive, and does nothing until it is continued (SIGCONT).
   * - `dead`: proved; the next process that wants the lock takes it over.
   * - `unknown`: on another machine, or without a socket, so that only silence would tell.
   */
  state: "running" | "stopped" | "dead" | "unknown";
}

export interface Contender {
  /** One try, without waiting: the lock, or undefined while another process holds it. */
  attempt(): ProcessLock | undefined;
  /** Looks at the holder, and takes the lock if it is dead. */
  takeOver(): Promise<ProcessLock | undefined>;
  /** Whether there is a holder that cannot be judged and has shown no sign of life since then. `since`: of the clock, monotonic. */
  isUndecided(since: number): boolean;
  /** What the file system said instead of an answer when last asked; a network file system may say otherwise the next time. */
  failure(): unknown;
  /** Stops wanting it, or having wanted it. Never throws. */
  withdraw(): void;
}

export type Verdict = "dead" | "alive" | "unknown";

/** Judges the holders of one lock. */
export interface Judge {
  /** What is proved about the holder of the lock at `path`. */
  judge(path: string, them: EntryName): Promise<Verdict>;
  /** Ends what was needed for that. */
  end(): void;
}

/** By the socket. The connection to a living holder is kept, so that looking again costs nothing. */
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
      const place = placeOfLifeSocket(dirname(path));
      if (place === undefined || them.place !== place.device) return "unknown";
      const connection = await connectTo(lifeSocketPath(place, path, them.id));
      if (connection === "refused") return "dead";
      if (connection === undefined) return "unknown";
      kept = { id: them.id, connection };
      return "alive";
    },
    end,
  };
}

/** By the kernel's lock on a file. `isTaken`: whether another process has it. */
export function judgeByKernelLock(isTaken: () => boolean): Judge {
  return {
    async judge(_path, them) {
      if (them.space === NONE || them.space !== ownSpace()) return "unknown";
      return isTaken() ? "alive" : "dead";
    },
    end: () => undefined,
  };
}

/** How often a holder shows a sign of life, in milliseconds. */
export const signEveryMs = 3_000;

/**
 * How long it may show none, in milliseconds: with what passes between two looks and since the last sign, a dead holder's lock is free
 * within 30 s.
 */
const silentMs = 27_000;

/**
 * The most that counts of the time between two looks, in milliseconds. Within it a holder that lives may not have been able to show a sign.
 */
const longestLookMs = 2_000;

/** Watches holders that cannot be judged. Its clock is monotonic, in milliseconds. */
export class Watch {
  #seen: string | undefined;
  #silentMs = 0;
  #lookedAt = 0;
  #changedAt = Number.NEGATIVE_INFINITY;

  /** Whether the holder has been silent for too long. `sign`: its last sign of life, as it is seen now. */
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

  /** Forgets it: it has been judged, or is gone. */
  forget(now: number): void {
    this.#seen = undefined;
    this.#changedAt = now;
  }
}

/** What a living holder does, as far as its pid means something here. Only for messages. */
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
