import { createHash, randomBytes } from "node:crypto";
import { lstatSync, readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import { systemErrorCode } from "../../base/errors.ts";
import type { Clock } from "../clock.ts";

/** A lock that is held. */
export interface ProcessLock {
  /** Whether it is still ours. Costs one look at the file system: ask before the request is sent and again before the write. */
  held(): boolean;
  /** Releases the lock. Never throws; a second call does nothing. */
  release(): void;
}

/** The process that holds a lock, for messages and for the doctor. */
export interface LockHolder {
  /** Its process id, on its own machine or in its own container. */
  pid: number;
  host: string;
  /** ISO 8601: when it began to wait for the lock, which it took at that moment or later. */
  since: string;
  /**
   * - `running`: it is alive; where the kernel keeps the lock (macOS, Windows) a stopped one counts as running.
   * - `stopped`: it is alive, and does nothing until it is continued (SIGCONT).
   * - `dead`: proved; the next process that wants the lock takes it over.
   * - `unknown`: on another machine or in another container, so that it cannot be told from here.
   */
  state: "running" | "stopped" | "dead" | "unknown";
}

export interface Contender {
  /** One try, without waiting: the lock, or undefined while another process holds it. */
  attempt(): ProcessLock | undefined;
  /** Frees the lock if its holder is dead. True when another attempt should follow at once. */
  evictDead(): boolean;
  /** Stops wanting it. Never throws; after a successful attempt it does nothing. */
  withdraw(): void;
}

export interface LockMechanism {
  /** Begins to contend for the lock at `path`; throws what the file system says when its folder does not allow it. */
  contend(path: string, clock: Clock): Contender;
  /** The holder of the lock, undefined when it is free; changes nothing. */
  inspect(path: string): LockHolder | undefined;
  /** The paths of what contenders that are proved dead left next to the lock at `path`; changes nothing. */
  leftovers(path: string): string[];
  /** Removes what a holder or contenders that are proved dead left; true if there was anything. */
  removeDead(path: string): boolean;
}

/** What a file name says about a process, so that another process can tell whether it is alive. */
export interface ProcessName {
  pid: number;
  /** The thread that holds it, unless it is the process's first: a worker can be ended alone, in the middle of anything. */
  thread: string | undefined;
  /** Start of the process in clock ticks since boot (proc_pid_stat(5), field 22): pids are reused, pairs of pid and start are not. */
  start: string;
  /** Digest of boot, pid namespace and time namespace: within one scope a pid and a start mean the same to every process. */
  scope: string;
  boot: string;
  machine: string;
  host: string;
}

const UNKNOWN = "0";
const NAME =
  /^[0-9a-f]{16}\.([1-9]\d{0,9})(?:-(\d{1,7}))?\.(\d{1,20})\.([0-9a-f]{1,12})\.([0-9a-f]{1,12})\.([0-9a-f]{1,12})\.([\w%.~-]{1,32})$/;

let own: string | undefined;

/**
 * A name for a lock of this process. 64 random bits make it unique, so that two holders in one process differ as well;
 * the rest identifies the process. All of it is in the name because a name is never half written, whatever crashes.
 * At most 128 characters of `[\w%.~-]`: encrypted home folders allow 143.
 */
export function newName(): string {
  return `${randomBytes(8).toString("hex")}.${(own ??= describeSelf())}`;
}

/** Reads a name made by {@link newName}; undefined when it is not one. */
export function parseName(name: string): ProcessName | undefined {
  const [, pid, thread, start, scope, boot, machine, host] = NAME.exec(name) ?? [];
  if (pid === undefined || !start || !scope || !boot || !machine || !host) return undefined;
  return { pid: Number(pid), thread, start, scope, boot, machine, host };
}

/**
 * Whether a process is alive. `dead` is proved and stays true forever; where there is no proof, it is another state.
 * A later boot of the same machine is a proof too. Machine id and host name must both agree for that: cloned
 * machines share the first, containers without a name of their own the second.
 */
export function stateOf(them: ProcessName): LockHolder["state"] {
  const me = parseName(newName());
  if (me === undefined || me.scope === UNKNOWN || them.scope === UNKNOWN) return "unknown";
  if (them.scope === me.scope) return localState(them);
  return them.machine !== UNKNOWN && them.machine === me.machine && them.boot !== me.boot ? "dead" : "unknown";
}

/**
 * Signal 0 asks the kernel first: with `hidepid` a living process of another user (`sudo`) has no entry in /proc,
 * while the signal says EPERM. Then /proc shows a reused pid by its start, and a zombie: a killed process
 * whose parent never waits, as in a container without an init, stays one forever. A zombie with threads left is not
 * dead yet: one of them may be in the middle of the rename that stores a token.
 */
function localState({ pid, thread, start }: ProcessName): LockHolder["state"] {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (systemErrorCode(error) === "ESRCH") return "dead";
  }
  const now = processStat(pid);
  if (now === undefined) return "running";
  if (now.start !== start || (thread !== undefined && hasEnded(pid, thread))) return "dead";
  if (now.state === "Z" || now.state === "X") return now.threads > 1 ? "running" : "dead";
  return now.state === "T" || now.state === "t" ? "stopped" : "running";
}

function processStat(pid: number | "self"): { pid: number; state: string; threads: number; start: string } | undefined {
  const text = read(() => readFileSync(`/proc/${pid}/stat`, "latin1"));
  // The second field is the program's name, which may contain spaces and parentheses: count from its end.
  const [state, ...rest] = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const start = rest[18];
  if (!state || start === undefined) return undefined;
  return { pid: Number.parseInt(text, 10), state, threads: Number(rest[16]), start };
}

/** A thread has its entry until it has done its last step. */
function hasEnded(pid: number, thread: string): boolean {
  try {
    return lstatSync(`/proc/${pid}/task/${thread}`, { throwIfNoEntry: false }) === undefined;
  } catch {
    return false;
  }
}

function describeSelf(): string {
  const stat = processStat("self");
  const boot = read(() => readFileSync("/proc/sys/kernel/random/boot_id", "latin1"));
  const namespaces = read(
    () => `${readlinkSync("/proc/self/ns/pid")} ${read(() => readlinkSync("/proc/self/ns/time"))}`,
  );
  const machine = read(() => readFileSync("/etc/machine-id", "latin1"));
  const host = hostname();
  // A /proc of another pid namespace (the host's, mounted in a container) would be about other processes.
  const comparable = stat?.pid === process.pid && boot !== "" && namespaces !== "";
  // `PID/task/TID`: the link is resolved on the thread that reads it.
  const [, , thread = ""] = comparable ? read(() => readlinkSync("/proc/thread-self")).split("/") : [];
  return [
    thread === "" || Number(thread) === process.pid ? process.pid : `${process.pid}-${thread}`,
    stat?.start ?? 0,
    comparable ? digest(`${boot} ${namespaces}`) : UNKNOWN,
    boot === "" ? UNKNOWN : digest(boot),
    machine === "" || boot === "" ? UNKNOWN : digest(`${machine} ${host}`),
    host.replace(/[^\w.~-]/g, "%").slice(0, 32) || "%",
  ].join(".");
}

/** Shorter, and machine-id(5) asks not to show the id itself. */
function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 12);
}

function read(get: () => string): string {
  try {
    return get();
  } catch {
    return "";
  }
}
