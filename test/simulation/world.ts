/**
 * The world of the simulation. The token manager, its refresher, the logout and all that they use are the real code, as
 * many times as there are processes. The store with its claims and locks, the clock, the network and the service are models, and each
 * `await` of one is a point where the scheduler picks who goes on, or disturbs. Between two such points real processes do only what nobody else can see, or
 * what no other can come in between: one look, one release, the start of one request.
 *
 * Left out: a request that arrives after its sender was killed or gave up; a lock that is lost between the look at it and the act; files,
 * and how locks are made of them (test/platform/); a clock that is set; several profiles; bound tokens, ID tokens and the authorized fetch.
 */
import type { Profile, Session } from "../../src/auth/sessions/session.ts";
import { Ledger, type Stored } from "./ledger.ts";
import { setRunning, type Process } from "./process.ts";
import { Service, type ServiceKind } from "./service.ts";
import { silentAfterMs, type SharedPlace } from "./shared.ts";
import { parts, type Use } from "./use.ts";

const beginning = 1_700_000_000_000;

/** One way to go on. */
export interface Choice {
  /** What it is called for as long as its process does nothing else. */
  readonly key: string;
  readonly what: string;
  readonly isDisturbance: boolean;
  /** Whose turn it is, and what it waits for. */
  readonly process?: Process | undefined;
  readonly waitsFor?: string;
  act(): void;
}

export const timePasses = "time passes";
/** What the network and the service do, whether the process that waits for it runs or is stopped. */
const remote = new Set(["arrives", "busy", "rejected", "silent", "reset", "dropped", "refused"]);
const bad = new Set(["busy", "rejected", "silent", "reset", "dropped", "refused", "write fails"]);
export const disturbances: readonly string[] = [...bad, "kill", "stop", "lock lost", "disk full", "revoke", timePasses];
/** What ends a disturbance. */
export const reliefs: readonly string[] = ["continue", "disk has room", "heal"];
/** Those that a shared store makes something else of than files do: a process that stops, and one that is cut off from the store. */
const ofShared = new Set(["stop", "cut off"]);
/** Longer than a store is asked, in milliseconds. */
const longestCutMs = 9_000;

/** What the processes share, and what the scheduler can do with them. */
export class World {
  time = 0;
  /** How much of it passed although somebody could go on. */
  delayedMs = 0;
  /** The profile's file, which names a login, and the files of the logins. */
  profile: Profile | undefined;
  readonly logins = new Map<string, Session>();
  /** What both say. */
  stored: Stored | undefined;
  writes = 0;
  isDiskFull = false;
  readonly locks = new Map<string, { readonly process: Process }>();
  readonly processes: Process[] = [];
  readonly service: Service;
  /** Whether the processes are on different machines: then nobody sees whether a holder lives, and only its silence tells. */
  readonly isUnseen: boolean;
  readonly ledger: Ledger = new Ledger(this);
  /** Where processes share a store instead of files. */
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

  /** Writes the profile's file, and the login's before that; removes what it no longer names. `process`: undefined for what is there first. */
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
    // Whoever has read the profile before the login was ended may still read it here, until it is removed again.
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

  /** All that can happen now; nothing when every process has ended, or when none of them would ever go on. */
  choices(): Choice[] {
    setRunning(undefined);
    if (this.isOver) return [];
    const choices: Choice[] = [];
    let nextTime = Infinity;
    for (const process of this.processes) {
      const isStopped = process.status === "stopped";
      for (const { name, number, outcomes, due, settle } of process.waits) {
        for (const what of outcomes()) {
          if (isStopped && !remote.has(what)) continue;
          const key = `${process.name} ${number} ${what}`;
          choices.push({ key, what, isDisturbance: bad.has(what), process, waitsFor: name, act: () => settle(what) });
        }
        if (!isStopped && due() > this.time) nextTime = Math.min(nextTime, due());
      }
    }
    // Time passes when nobody can go on. That it passes before, since everybody is slow, is a disturbance.
    const isSlow = choices.some(({ isDisturbance }) => !isDisturbance);
    const pass = (): void => {
      if (isSlow) this.delayedMs += nextTime - this.time;
      this.time = nextTime;
    };
    if (nextTime < Infinity) choices.push({ key: timePasses, what: timePasses, isDisturbance: isSlow, act: pass });
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
    choices.push({ key: room, what: room, isDisturbance: !this.isDiskFull, act: setFull(!this.isDiskFull) });
    const { login = "" } = this.stored ?? {};
    const isAlive = login !== "" && !this.service.endedOnPurpose.has(login);
    const revoke = (): void => {
      this.service.end(login);
      this.looksAt(parts.sessions);
      this.changes(parts.service);
    };
    if (isAlive) choices.push({ key: "revoke", what: "revoke", isDisturbance: true, act: revoke });
    return this.#allowed(choices);
  }

  #allowed(choices: Choice[]): Choice[] {
    const ordinary = choices.filter(({ isDisturbance }) => !isDisturbance);
    return this.#disturbancesLeft > 0 && ordinary.length > 0 ? choices : ordinary;
  }

  #addSignals(process: Process, choices: Choice[]): void {
    const { status, silentSince } = process;
    const add = (what: string, act: () => void, isDisturbance = true): void =>
      void choices.push({ key: `${process.name} ${what}`, what, isDisturbance, process, act });
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
      // At once, or when others may have taken over, or when a call has given up.
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

  /** Makes it happen. What the code of the process does then, it does when the caller lets other code run. */
  take({ what, isDisturbance, process, waitsFor, act }: Choice): void {
    this.use = { looks: 0, changes: 0 };
    if (isDisturbance) {
      this.#disturbancesLeft -= 1;
      this.ledger.happened.add(what);
      this.changes(parts.ledger);
    }
    setRunning(process);
    if (process && waitsFor !== undefined) process.isActing = false;
    act();
  }

  /** All that decides how it goes on: what has been found of one world holds for every other one with the same state. */
  get state(): string {
    const { time, delayedMs, writes, isDiskFull, service, ledger } = this;
    const text = [
      this.profile?.session?.id,
      ...[...this.logins].map(([id, { refreshes }]) => `${id} ${refreshes}`),
    ].join();
    const locks = [...this.locks].map(([name, { process }]) => name + process.name);
    const processes = this.processes.map(({ state }) => state);
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
