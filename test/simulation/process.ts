import type { Vault, VaultLock, VaultLockOptions } from "../../src/auth/secure-storage/vault.ts";
import { refreshLockName } from "../../src/auth/session-store.ts";
import { AuthError } from "../../src/base/errors.ts";
import type { Fetch } from "../../src/base/runtime-types.ts";
import type { Clock } from "../../src/platform/clock.ts";
import { address, type Answer } from "./service.ts";
import type { World } from "./world.ts";

export const refreshLock: string = refreshLockName("default");

/** What a process waits for. Nothing becomes of it until the scheduler picks one of its outcomes. */
export interface Wait {
  readonly name: string;
  /** How far it has come, where it goes through several steps. */
  phase: string;
  /** When time alone makes another outcome possible. */
  due: number;
  outcomes(): readonly string[];
  take(outcome: string): void;
}

const goesOn: readonly string[] = ["goes on"];
/** What an outcome returns when the process waits on. */
const stillWaiting = Symbol("still waiting");

const numbers = new Map<string, number>();
/** A number for a text, the same in every schedule. */
function numberOf(text: string): number {
  const known = numbers.get(text);
  if (known !== undefined) return known;
  numbers.set(text, numbers.size);
  return numbers.size - 1;
}

/** The process whose code runs now. Only one does, until all that it has begun waits for the world. */
let running: Process | undefined;
export function run(process: Process | undefined): void {
  running = process;
}

/** A process: its state, and its view of the world. */
export class Process {
  readonly name: string;
  readonly world: World;
  status: "new" | "running" | "stopped" | "over" = "new";
  readonly waits = new Set<Wait>();
  /** It has just found its lock held. What it does next counts as the same moment: no code can look and act in one. */
  isActing = false;
  #stoppedAt = 0;
  stoppedMs = 0;
  /** The login that it makes. */
  ownLogin: string | undefined;
  /** Whether it logs out, and the login that it found stored first: that one it may end. */
  isLogout = false;
  found: string | undefined;
  /** The refresh token that was stored already when one was refused that it had sent. */
  successor: string | undefined;
  /** Whether it has failed to store a session: then it may give out what was never stored. */
  isUnsaved = false;
  /**
   * A hash of all that it has seen of the world. Its code is deterministic, so this is its state: where every process has seen the same
   * and the world is the same, two schedules go on alike, and one of them is enough.
   */
  #seen = 0;
  #seenToo = 0;

  constructor(name: string, world: World) {
    this.name = name;
    this.world = world;
    world.processes.push(this);
  }

  get state(): string {
    let waits = "";
    for (const { name, phase, due } of this.waits) waits += `${name}${phase}${due},`;
    return `${this.status}${this.#seen} ${this.#seenToo}${waits}${this.isActing}${this.#stoppedAt}-${this.stoppedMs}${this.ownLogin}${this.found}${this.isUnsaved}${this.successor}`;
  }

  /** Takes down what the process sees. */
  see<T extends string | number | boolean>(value: T): T {
    if (running !== this) return value;
    const number = numberOf(String(value));
    this.#seen = Math.imul(this.#seen ^ number, 0x9e3779b1) ^ (this.#seen >>> 15);
    this.#seenToo = Math.imul(this.#seenToo + number + 1, 0x85ebca6b) ^ (this.#seenToo >>> 13);
    return value;
  }

  /**
   * Waits for the scheduler: here others may go on, and the process may be stopped or killed.
   *
   * @param take - what an outcome does, and returns to the process
   * @param outcomes - what may happen now; one way by default
   */
  wait<T>(name: string, take: (outcome: string, wait: Wait) => T | typeof stillWaiting, outcomes: (wait: Wait) => readonly string[] = () => goesOn, due = Infinity): Promise<T> {
    return new Promise((resolve, reject) => {
      const settle = (outcome: string, deliver: () => void): void => {
        this.waits.delete(wait);
        this.see(name + outcome);
        deliver();
      };
      const wait: Wait = {
        name,
        phase: "",
        due,
        outcomes: () => outcomes(wait),
        take: (outcome) => {
          try {
            const value = take(outcome, wait);
            if (value !== stillWaiting) settle(outcome, () => resolve(value));
          } catch (error) {
            settle(`${outcome}: ${String(error)}`, () => reject(error as Error));
          }
        },
      };
      this.waits.add(wait);
    });
  }

  /** Ends it: killed, or because it is done. Its locks are free then, and what it has not sent or written never will be. */
  end(): void {
    this.status = "over";
    this.waits.clear();
    for (const [name, { process }] of this.world.locks) if (process === this) this.world.locks.delete(name);
  }

  /** Its code has come to its end. */
  leave(): void {
    if (this.status === "over") return;
    for (const { process } of this.world.locks.values()) if (process === this) this.world.ledger.violate(`${this.name} ends with a lock`);
    this.end();
  }

  start(): void {
    this.status = "running";
  }

  kill(): void {
    this.world.ledger.interrupted(this);
    this.end();
  }

  stop(): void {
    this.status = "stopped";
    this.#stoppedAt = this.world.time;
  }

  continue(): void {
    this.status = "running";
    this.stoppedMs += this.world.time - this.#stoppedAt;
  }

  /** The vault. Every write is whole; a full disk refuses room, and a write for which none was taken. */
  readonly vault: Vault = {
    path: undefined,
    mark: () => this.see(String(this.world.writes)),
    read: () =>
      this.wait("read", () => {
        this.found ??= this.world.stored?.login;
        this.see(this.world.text);
        return this.world.text;
      }),
    reserve: () => {
      if (this.see(this.world.isDiskFull)) throw diskFull();
      return { commit() {}, discard() {} };
    },
    write: (text, { reservation } = {}) =>
      this.wait("write", (outcome) => {
        if (outcome === "write fails" || (this.world.isDiskFull && reservation === undefined)) throw diskFull();
        this.world.write(this, text);
      }, () => ["goes on", "write fails"]),
    remove: () => this.world.ledger.violate("the vault is removed"),
    lock: (name, options) => this.#lock(name, options),
  };

  /** The lock: as `acquireProcessLock`, which tries, then waits; a waiter is asked whether it still wants the lock before each try but the first. */
  #lock(name: string, { timeoutMs, unless }: VaultLockOptions): Promise<VaultLock | undefined> {
    const { world } = this;
    const due = world.time + timeoutMs;
    const outcomes = ({ phase }: Wait): readonly string[] => {
      if (phase === "waits" && unless()) return ["gives way"];
      if (!world.locks.has(name)) return ["gets it"];
      return phase === "" ? ["waits"] : world.time >= due ? ["times out"] : [];
    };
    const take = (outcome: string, wait: Wait): VaultLock | undefined | typeof stillWaiting => {
      if (outcome === "gives way") return undefined;
      if (outcome === "times out") throw new AuthError("lock_unavailable", `waited for ${name}`);
      if (outcome === "waits") {
        wait.phase = outcome;
        return stillWaiting;
      }
      const holding = { process: this };
      world.locks.set(name, holding);
      const isHeld = (): boolean => world.locks.get(name) === holding;
      return {
        held: () => (this.isActing = this.see(isHeld())),
        release: () => void (isHeld() && world.locks.delete(name)),
      };
    };
    return this.wait(name === refreshLock ? "refresh lock" : `${name} lock`, take, outcomes, due);
  }

  /** The clock: all processes have the same. Time passes only when the scheduler lets it. */
  readonly clock: Clock = {
    now: () => this.see(this.world.now),
    monotonic: () => this.see(this.world.time),
    sleep: (ms) => {
      const due = this.world.time + ms;
      return this.wait("sleep", () => undefined, () => (this.world.time >= due ? goesOn : []), due);
    },
    timeout: (ms) => new Limit(this, this.world.time + ms) as unknown as AbortSignal,
  };

  /** The network, with the service behind it. */
  readonly fetch: Fetch = async (input, { headers, body, signal } = {}) => {
    const { authorization = "" } = (headers ?? {}) as Record<string, string>;
    const refreshToken = new URLSearchParams(String(body)).get("refresh_token") ?? undefined;
    // Without a signal, it is the runtime's own limit.
    const answer = await this.ask(String(input).slice(address.length), authorization.slice("Bearer ".length), refreshToken, (signal as Limit | undefined)?.at);
    return modelResponse(answer);
  };

  /** A request arrives, which is when the service acts; its answer comes later, or never. */
  ask(path: string, accessToken: string, refreshToken?: string, due: number = this.world.time + 300_000): Promise<Answer> {
    const { world } = this;
    const { service, ledger } = world;
    const request = refreshToken === undefined ? undefined : ledger.sent(this, refreshToken);
    let answer: Answer | TypeError;
    const serve = (): Answer => {
      if (path === "/api/v1/logout") ledger.happened.add("logout");
      if (request === undefined) return service.request(path, accessToken, world.now);
      const served = service.refresh(request.token, world.now);
      request.next = served.next;
      if (served.status === 409) ledger.happened.add("replay");
      return served;
    };
    const outcomes = ({ phase }: Wait): readonly string[] => {
      // What has come is read before a time limit strikes, however late that is.
      if (phase === "answered") return ["answer"];
      const open = phase === "" ? ["arrives", "busy", "silent", "reset", "dropped", ...(request ? [] : ["rejected"])] : [];
      return world.time >= due ? [...open, "times out"] : open;
    };
    const take = (outcome: string, wait: Wait): Answer | typeof stillWaiting => {
      if (outcome === "answer" || outcome === "times out") {
        const came = outcome === "answer" ? answer : new DOMException("the time is up", "TimeoutError");
        if (request && "next" in came && came.next !== undefined) request.isAnswered = true;
        else if (request) ledger.failed(request);
        if (came instanceof Error) throw came;
        this.see(JSON.stringify(came));
        return came;
      }
      wait.phase = outcome === "silent" ? outcome : "answered";
      if (outcome === "busy") answer = { status: 503, body: {} };
      else if (outcome === "rejected") answer = { status: 401, body: { error: "invalid_token" } };
      else {
        if (outcome !== "dropped") answer = serve();
        if (outcome !== "arrives") answer = new TypeError("fetch failed", { cause: new Error("ECONNRESET") });
      }
      return stillWaiting;
    };
    return this.wait(`fetch ${path}`, take, outcomes, due);
  }
}

function diskFull(): AuthError {
  return new AuthError("storage_unwritable", "the disk is full");
}

/** A time limit in the place of an `AbortSignal`: the code under test looks at it, combines it with another, and passes it on. */
class Limit {
  readonly #process: Process | undefined;
  readonly at: number;

  constructor(process: Process | undefined, at: number) {
    this.#process = process;
    this.at = at;
  }

  get aborted(): boolean {
    return this.#process?.see(this.#process.world.time >= this.at) ?? false;
  }
}

/** As much of a `Response` as the code under test looks at. */
function modelResponse({ status, body }: Answer): Response {
  const chunks = Object.assign([Buffer.from(JSON.stringify(body))], { cancel: async () => undefined });
  return { status, ok: status === 200, url: "", headers: { get: () => null }, body: chunks } as unknown as Response;
}

/**
 * Puts models in the place of parts of the runtime that take more time than all the rest: combined signals; the `Response` that a refresh
 * reads to have the code for that loaded, which takes some time in a real process and is a point where others go on; weak references,
 * with which every error is searched for secrets: those of the simulation are too short to be found.
 */
export function installModels(): void {
  const nothing = { deref: () => undefined };
  globalThis.WeakRef = class {
    constructor() {
      return nothing;
    }
  } as unknown as WeakRefConstructor;
  AbortSignal.any = (limits) => new Limit(running, Math.min(...(limits as unknown as Limit[]).map(({ at }) => at))) as unknown as AbortSignal;
  globalThis.Response = class {
    readonly body = loading(running);
  } as unknown as typeof Response;
}

async function* loading(process: Process | undefined): AsyncGenerator<Uint8Array> {
  await process?.wait("load", () => undefined);
  yield Buffer.from("{}");
}

