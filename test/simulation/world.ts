/**
 * The world of the simulation. The token manager, its refresher, the logout and their imports are the real code, once
 * per process. The store with its claims and locks, the clock, the network and the service are models, and at each of
 * their `await`s the scheduler picks the next process, or a disturbance. Between two such points real processes only do
 * what others cannot see or interrupt: one look, one release, the start of one request.
 *
 * Not simulated: a request that arrives after its sender was killed or gave up; a lock lost between look and act; files
 * and their locks (test/platform/); a clock that is set; several profiles; bound tokens, ID tokens and the authorized
 * fetch.
 */
import type { Profile, Session } from "../../src/auth/sessions/session.ts";
import { Ledger, type Stored } from "./ledger.ts";
import { setRunning, type Process, type Wait } from "./process.ts";
import { Service, type ServiceKind } from "./service.ts";
import { silentAfterMs, type SharedPlace } from "./shared.ts";
import { parts, type Use } from "./use.ts";

const beginning = 1_700_000_000_000;

export interface Choice {
  readonly what: string;
  readonly isDisturbance: boolean;
  /** The process whose turn it is, and its wait. */
  readonly process?: Process | undefined;
  readonly wait?: Wait;
  act(): void;
}

/** What a choice is called for as long as its process does nothing else. */
export function keyOf({ what, process, wait }: Choice): string {
  return `${process?.name} ${wait?.number} ${what}`;
}

export const timePasses = "time passes";
/** Acts of network and service, whether or not the waiting process runs. */
const remote = new Set(["arrives", "busy", "rejected", "silent", "reset", "dropped", "refused"]);
const bad = new Set(["busy", "rejected", "silent", "reset", "dropped", "refused", "write fails"]);
export const disturbances: readonly string[] = [...bad, "kill", "stop", "lock lost", "disk full", "revoke", timePasses];
/** These end a disturbance. */
export const reliefs: readonly string[] = ["continue", "disk has room", "heal"];
/** Disturbances with another effect in a shared store: a stopped process, and one cut off. */
const ofShared = new Set(["stop", "cut off"]);
/** Longer than a call of the store, in milliseconds. */
const longestCutMs = 9_000;

/** The shared state, and the scheduler's choices. */
export class World {
  time = 0;
  /** Time that passed while a process could run. */
  delayedMs = 0;
  /** The profile's file, and the files of the logins it may name. */
  profile: Profile | undefined;
  readonly logins = new Map<string, Session>();
  /** What both say. */
  stored: Stored | undefined;
  writes = 0;
  isDiskFull = false;
  readonly locks = new Map<string, { readonly process: Process }>();
  readonly processes: Process[] = [];
  readonly service: Service;
  /** The processes are on different machines: only a holder's silence tells. */
  readonly isUnseen: boolean;
  readonly ledger: Ledger = new Ledger(this);
  /** A shared store instead of files. */
  shared: SharedPlace | undefined;
  /** What the step that was taken last has used. */
  use: Use = { looks: 0, changes: 0 };
  #disturbancesLeft: number;

  constructor(kind: ServiceKind, isUnseen: boolean, disturbancesLeft: number) {
    this.isUnseen = isUnseen;
    this.service = new Service(kind);
    this.#disturbancesLeft = disturbancesLeft;
  }

  get now(): number {
    return beginning + this.time;
  }

  looksAt(some: number): void {
    this.use.looks |= some;
  }

  changes(some: number): void {
    this.use.changes |= some;
  }

  get isOver(): boolean {
    return this.processes.every(({ status }) => status === "over");
  }

  holdsClaim(process: Process, login: string): boolean {
    return (this.shared === undefined ? this.locks.get(`login ${login}`)?.process : this.shared.holder) === process;
  }

  /**
   * Writes the login's file, then the profile's; removes what that no longer names. `process`: undefined for the
   * initial state.
   */
  setProfile(process: Process | undefined, profile: Profile | undefined): void {
    const before = this.profile?.session?.id;
    const session = profile?.session;
    if (session !== undefined) this.logins.set(session.id, session);
    this.profile = profile;
    this.changes(parts.sessions);
    if (before !== undefined && before !== session?.id) this.logins.delete(before);
    this.#written(process);
  }

  setLogin(process: Process, id: string, session: Session): void {
    this.logins.set(id, session);
    this.changes(parts.sessions);
    // A process that read the profile before the login's end may still read it here, until it is removed again.
    this.ledger.stored(session.accessToken.reveal());
    this.#written(process);
  }

  #written(process: Process | undefined): void {
    const before = this.stored;
    const session = this.logins.get(this.profile?.session?.id ?? "");
    this.stored = session && {
      login: session.sessionId ?? "",
      access: session.accessToken.reveal(),
      refresh: session.refreshToken?.reveal() ?? "",
      expiresAt: session.accessTokenExpiresAt ?? Infinity,
    };
    this.writes += 1;
    this.ledger.written(process, before, this.stored);
  }

  /** All possible events; none when every process has ended, or could never go on. */
  choices(): Choice[] {
    setRunning(undefined);
    if (this.isOver) return [];
    const choices: Choice[] = [];
    let nextTime = Infinity;
    for (const process of this.processes) {
      const isStopped = process.status === "stopped";
      for (const wait of process.waits) {
        for (const what of wait.outcomes()) {
          if (isStopped && !remote.has(what)) continue;
          choices.push({ what, isDisturbance: bad.has(what), process, wait, act: () => wait.settle(what) });
        }
        if (!isStopped && wait.due() > this.time) nextTime = Math.min(nextTime, wait.due());
      }
    }
    // Time passes when no process can run. Earlier, since all are slow, it is a disturbance.
    const isSlow = choices.some(({ isDisturbance }) => !isDisturbance);
    const pass = (): void => {
      if (isSlow) this.delayedMs += nextTime - this.time;
      this.time = nextTime;
    };
    if (nextTime < Infinity) choices.push({ what: timePasses, isDisturbance: isSlow, act: pass });
    for (const process of this.processes) this.#addSignals(process, choices);
    if (this.shared !== undefined) {
      const mustHeal = this.processes.some(
        ({ status, cutOffSince = Infinity }) => status === "running" && this.time - cutOffSince > longestCutMs,
      );
      const isPossible = ({ what, isDisturbance }: Choice): boolean =>
        isDisturbance ? ofShared.has(what) : !(mustHeal && what === timePasses);
      return this.#allowed(choices.filter(isPossible));
    }
    const setFull = (isFull: boolean) => (): void => {
      this.isDiskFull = isFull;
      this.changes(parts.disk);
    };
    const room = this.isDiskFull ? "disk has room" : "disk full";
    choices.push({ what: room, isDisturbance: !this.isDiskFull, act: setFull(!this.isDiskFull) });
    const { login = "" } = this.stored ?? {};
    const isAlive = login !== "" && !this.service.endedOnPurpose.has(login);
    const revoke = (): void => {
      this.service.end(login);
      this.looksAt(parts.sessions);
      this.changes(parts.service);
    };
    if (isAlive) choices.push({ what: "revoke", isDisturbance: true, act: revoke });
    return this.#allowed(choices);
  }

  #allowed(choices: Choice[]): Choice[] {
    const ordinary = choices.filter(({ isDisturbance }) => !isDisturbance);
    return this.#disturbancesLeft > 0 && ordinary.length > 0 ? choices : ordinary;
  }

  #addSignals(process: Process, choices: Choice[]): void {
    const { status, silentSince } = process;
    const add = (what: string, act: () => void, isDisturbance = true): void =>
      void choices.push({ what, isDisturbance, process, act });
    const become = (next: Process["status"]) => (): void => {
      process.status = next;
      this.changes(parts.lives);
      if (next === "stopped") process.silentSince = this.time;
      else process.stoppedMs += this.time - silentSince;
    };
    if (status === "stopped") add("continue", become("running"), false);
    if (this.shared !== undefined && status !== "over" && status !== "new") {
      const cut = (since: number | undefined) => (): void => void (process.cutOffSince = since);
      const cutOffMs = this.time - (process.cutOffSince ?? this.time);
      // At once, after a possible takeover, or when a call has given up.
      const mayEnd =
        cutOffMs === 0 || (cutOffMs > silentAfterMs && cutOffMs < 2 * silentAfterMs) || cutOffMs > longestCutMs;
      if (process.cutOffSince === undefined) add("cut off", cut(this.time));
      else if (mayEnd) add("heal", cut(undefined), false);
    }
    if (status !== "running") return;
    add("stop", become("stopped"));
    const kill = (): void => {
      this.ledger.interrupted(process);
      process.end();
    };
    add("kill", kill);
    for (const [name, holder] of this.locks)
      if (holder.process === process && !process.isActing) add("lock lost", () => this.loseLock(name));
  }

  loseLock(name: string): void {
    const { process } = this.locks.get(name) ?? {};
    this.locks.delete(name);
    this.changes(parts.locks | parts.ledger);
    this.ledger.happened.add("lock lost");
    if (name !== "profiles" && process !== undefined) this.ledger.interrupted(process);
  }

  /** Applies a choice. The process's code runs when the caller yields. */
  take({ what, isDisturbance, process, wait, act }: Choice): void {
    this.use = { looks: 0, changes: 0 };
    if (isDisturbance) {
      this.#disturbancesLeft -= 1;
      this.ledger.happened.add(what);
      this.changes(parts.ledger);
    }
    setRunning(process);
    if (process && wait !== undefined) process.isActing = false;
    act();
  }

  /** All that decides the continuation: findings hold for every world with the same state. `order`: of the processes. */
  state(order: readonly Process[]): string {
    const { time, delayedMs, writes, isDiskFull, service, ledger } = this;
    const text = [
      this.profile?.session?.id,
      ...[...this.logins].map(([id, { refreshes }]) => `${id} ${refreshes}`),
    ].join();
    const locks = [...this.locks].map(([name, { process }]) => name + process.name);
    const processes = order.map(({ state }) => state);
    return [
      time,
      delayedMs,
      text,
      writes,
      isDiskFull,
      this.#disturbancesLeft,
      locks,
      processes,
      service.state,
      ledger.state,
      this.shared?.state,
    ].join("|");
  }
}
