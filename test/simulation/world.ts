import { Ledger, type Stored } from "./ledger.ts";
import { refreshLock, run, type Process, type Wait } from "./process.ts";
import { Service, type ServiceKind } from "./service.ts";

const beginning = 1_700_000_000_000;

/** One way to go on. */
export interface Choice {
  readonly what: string;
  readonly isDisturbance: boolean;
  readonly process?: Process | undefined;
  readonly wait?: Wait | undefined;
  readonly lock?: string | undefined;
  readonly nextTime?: number;
}

/** What the network and the service do, whether the process that waits for it runs or is stopped. */
const remote = new Set(["arrives", "busy", "rejected", "silent", "reset", "dropped"]);
const disturbingOutcomes = new Set(["busy", "rejected", "silent", "reset", "dropped", "write fails"]);
export const disturbances = [...disturbingOutcomes, "kill", "stop", "lock lost", "disk full", "revoke", "time passes"];
/** What ends a disturbance. */
export const relieves = new Set(["continue", "disk has room"]);

const parsed = new Map<string, Stored | undefined>();

/** What a text of the vault holds; most texts come again in other schedules. */
function storedIn(text: string): Stored | undefined {
  if (!parsed.has(text)) {
    type Kept = { sessionId: string; accessToken: string; refreshToken: string };
    const session = (JSON.parse(text) as { profiles: Record<string, { session?: Kept }> }).profiles["default"]?.session;
    parsed.set(text, session && { login: session.sessionId, access: session.accessToken, refresh: session.refreshToken });
  }
  return parsed.get(text);
}

/** What the processes share, and the choices that the scheduler has. */
export class World {
  time = 0;
  /** How much of it passed although somebody could go on. */
  delayedMs = 0;
  /** What the vault holds, and what that is. */
  text = "";
  stored: Stored | undefined;
  writes = 0;
  isDiskFull = false;
  readonly locks = new Map<string, { readonly process: Process }>();
  readonly processes: Process[] = [];
  readonly service: Service;
  readonly ledger: Ledger = new Ledger(this);
  #disturbancesLeft: number;

  constructor(kind: ServiceKind, disturbances: number) {
    this.service = new Service(kind);
    this.#disturbancesLeft = disturbances;
  }

  get now(): number {
    return beginning + this.time;
  }

  get isOver(): boolean {
    return this.processes.every(({ status }) => status === "over");
  }

  holdsRefreshLock(process: Process): boolean {
    return this.locks.get(refreshLock)?.process === process;
  }

  begin(text: string): void {
    this.text = text;
    this.stored = storedIn(text);
    this.ledger.begin(this.stored);
  }

  write(process: Process, text: string): void {
    const before = this.stored;
    this.text = text;
    this.stored = storedIn(text);
    this.writes += 1;
    this.ledger.written(process, before, this.stored);
  }

  /** All that can happen now; nothing when every process has ended, or when nobody would ever go on. */
  choices(): Choice[] {
    run(undefined);
    const choices: Choice[] = [];
    const mayDisturb = this.#disturbancesLeft > 0;
    let canGoOn = false;
    let nextTime = Infinity;
    for (const process of this.processes) {
      const isStopped = process.status === "stopped";
      for (const wait of process.waits) {
        for (const what of wait.outcomes()) {
          const isDisturbance = disturbingOutcomes.has(what);
          if ((isStopped && !remote.has(what)) || (isDisturbance && !mayDisturb)) continue;
          canGoOn ||= !isDisturbance;
          choices.push({ what, isDisturbance, process, wait });
        }
        if (!isStopped && wait.due > this.time) nextTime = Math.min(nextTime, wait.due);
      }
      if (isStopped) choices.push({ what: "continue", isDisturbance: false, process });
    }
    // Time passes when nobody can go on. That it passes before, since everybody is slow, is a disturbance.
    if (nextTime < Infinity && (mayDisturb || !canGoOn)) choices.push({ what: "time passes", isDisturbance: canGoOn, nextTime });
    if (this.isDiskFull) choices.push({ what: "disk has room", isDisturbance: false });
    const isStuck = this.isOver || choices.every(({ isDisturbance }) => isDisturbance);
    if (isStuck) return [];
    if (mayDisturb) this.#addDisturbances(choices);
    return choices;
  }

  #addDisturbances(choices: Choice[]): void {
    const disturb = (what: string, process?: Process, lock?: string): void => void choices.push({ what, isDisturbance: true, process, lock });
    for (const process of this.processes) {
      if (process.status !== "running") continue;
      disturb("kill", process);
      disturb("stop", process);
      if (!process.isActing) for (const [lock, holder] of this.locks) if (holder.process === process) disturb("lock lost", process, lock);
    }
    if (!this.isDiskFull) disturb("disk full");
    if (this.stored && !this.service.endedOnPurpose.has(this.stored.login)) disturb("revoke");
  }

  /** Makes it happen. What the code of the process does then, it does when the caller lets other code run. */
  take({ what, isDisturbance, process, wait, lock, nextTime = 0 }: Choice): void {
    if (isDisturbance) {
      this.#disturbancesLeft -= 1;
      this.ledger.happened.add(what);
    }
    run(process);
    if (wait) {
      if (process) process.isActing = false;
      return wait.take(what);
    }
    switch (what) {
      case "time passes":
        if (isDisturbance) this.delayedMs += nextTime - this.time;
        this.time = nextTime;
        return;
      case "disk full":
      case "disk has room":
        this.isDiskFull = what === "disk full";
        return;
      case "revoke":
        return this.service.end(this.stored?.login ?? "");
      case "lock lost":
        this.locks.delete(lock ?? "");
        if (lock === refreshLock && process) this.ledger.interrupted(process);
        return;
      default:
        process?.[what as "kill" | "stop" | "continue"]();
    }
  }

  /** All that decides how it goes on: two worlds with the same go on alike, and what has been found of one holds for the other. */
  get state(): string {
    const locks = [...this.locks].map(([name, { process }]) => `${name}:${process.name}`);
    const processes = this.processes.map(({ state }) => state);
    return [this.time, this.delayedMs, this.writes, this.text, this.isDiskFull, this.#disturbancesLeft, locks, processes, this.service.state, this.ledger.state].join("|");
  }
}
