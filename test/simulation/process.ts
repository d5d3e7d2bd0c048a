import { noChoice, type Session } from "../../src/auth/sessions/session.ts";
import type { Claim, ClaimOptions, SessionStore, StoredProfile } from "../../src/auth/sessions/store.ts";
import { AuthError } from "../../src/base/errors.ts";
import type { Fetch } from "../../src/base/runtime-types.ts";
import type { Clock } from "../../src/platform/clock.ts";
import { address, type Answer } from "./service.ts";
import { parts } from "./use.ts";
import type { World } from "./world.ts";

/** A wait of a process, until the scheduler picks an outcome. */
export interface Wait {
  readonly name: string;
  /** Among all of its process. */
  readonly number: number;
  outcomes(): readonly string[];
  /** When time alone allows another outcome. */
  due(): number;
  settle(outcome: string): void;
}

/** Allowed silence of an unseen holder, in milliseconds: see process-lock/holder.ts. */
const silentMs = 27_000;

const numbers = new Map<string, number>();
/** The same in every schedule. */
function numberOf(text: string): number {
  if (!numbers.has(text)) numbers.set(text, numbers.size);
  return numbers.get(text) ?? 0;
}

/** The process whose code runs: one, until all it began waits for the scheduler. */
let running: Process | undefined;
export const setRunning = (process: Process | undefined): void => void (running = process);

/** A process with its view of the world. */
export class Process {
  readonly name: string;
  readonly world: World;
  status: "new" | "running" | "stopped" | "over" = "new";
  readonly waits = new Set<Wait>();
  /** Its last stop, or its end. */
  silentSince = 0;
  stoppedMs = 0;
  /** It just found its claim held. Its next act counts as the same moment: no code can look and act in one. */
  isActing = false;
  /** Its own login; the login stored first, and whether it ends that one. */
  ownLogin: string | undefined;
  found: string | undefined;
  isLogout = false;
  /** It failed to store a session: then it may give out an unstored one. */
  isUnsaved = false;
  /** Cut off from a shared store since then. */
  cutOffSince: number | undefined;
  /** Access tokens answered with 401. */
  readonly refused = new Set<string>();
  /** What it waited for last. */
  did = "";
  /** Which write it has seen last. */
  lookedAt = 0;
  /** The stored refresh token when a sent one was refused. */
  successor: string | undefined;
  /**
   * Two hashes of all it has seen. Its code is deterministic, so this is its state: with the same hashes and world, two
   * schedules continue alike.
   */
  #seen = 0;
  #seenToo = 0;
  #triesInVain = 0;
  #waits = 0;

  constructor(name: string, world: World) {
    this.name = name;
    this.world = world;
    world.processes.push(this);
  }

  get state(): string {
    const { status, silentSince, stoppedMs, isActing, ownLogin, found, isUnsaved, cutOffSince, successor } = this;
    const waits = [...this.waits].map(({ name, due }) => name + due());
    return [
      status,
      silentSince,
      stoppedMs,
      isActing,
      ownLogin,
      found,
      isUnsaved,
      cutOffSince,
      successor,
      this.#seen,
      this.#seenToo,
      waits,
    ].join();
  }

  see<T extends string | number | boolean>(value: T): T {
    if (running !== this) return value;
    const number = numberOf(String(value));
    this.#seen = Math.imul(this.#seen ^ number, 0x9e3779b1) ^ (this.#seen >>> 15);
    this.#seenToo = Math.imul(this.#seenToo + number + 1, 0x85ebca6b) ^ (this.#seenToo >>> 13);
    return value;
  }

  /** Waits for the scheduler: others may run, and the process may be stopped or killed. Returns the outcome. */
  wait(
    name: string,
    outcomes: () => readonly string[] = () => ["goes on"],
    due: () => number = () => Infinity,
    signal?: AbortSignal,
  ): Promise<string> {
    return new Promise((resolve, reject) => {
      const wait: Wait = {
        name,
        number: (this.#waits += 1),
        outcomes,
        due,
        settle: (outcome) => {
          this.waits.delete(wait);
          this.did = name;
          resolve(this.see(outcome));
        },
      };
      this.waits.add(wait);
      signal?.addEventListener("abort", () => (this.waits.delete(wait), reject(signal.reason)), { once: true });
    });
  }

  /** Ends it, done or killed: its locks are free, and nothing more is sent or written. */
  end(): void {
    this.status = "over";
    this.isActing = false;
    this.silentSince = this.world.time;
    this.waits.clear();
    this.world.changes(parts.locks | parts.lives);
    // A visible process is seen to be dead.
    if (!this.world.isUnseen)
      for (const [name, { process }] of this.world.locks) if (process === this) this.world.locks.delete(name);
  }

  /**
   * The local store, unless replaced, as others see it: profile and login are two files, read in turn, each written
   * whole or not at all. A full disk refuses claims, which take space for the next session, and every other write.
   */
  store: SessionStore = {
    choice: async () => noChoice,
    names: async () => ["default"],
    read: (name) => this.#read(name),
    change: async (name, change) => {
      const held = await this.#lock("profiles", 10_000, 10_000, () => false);
      try {
        const { profile: before } = await this.#read(name);
        const after = change(before);
        if (after === before) return after;
        await this.#write("write the profile");
        if (held === undefined || !this.see(held.isHeld()))
          throw new AuthError("lock_unavailable", "the lock was lost", { hint: "Try again" });
        this.world.setProfile(this, after);
        return after;
      } finally {
        held?.release();
      }
    },
    choose: async (change) => change(noChoice),
    claim: (found, options) => this.#claim(found, options),
    removeAll: async () => {
      this.world.ledger.violate("everything is removed");
      return { profiles: [], hosts: [] };
    },
  };

  async #read(name: string): Promise<StoredProfile> {
    const { world } = this;
    for (;;) {
      await this.wait("read the profile");
      const { profile, writes } = world;
      world.looksAt(parts.sessions);
      this.lookedAt = writes;
      this.see(String(writes));
      if (profile?.session === undefined) return { name, profile };
      await this.wait("read the login");
      world.looksAt(parts.sessions);
      const session = world.logins.get(profile.session.id);
      this.see(session === undefined ? "no login" : session.accessToken.reveal() + session.refreshToken?.reveal());
      this.found ??= session?.sessionId;
      if (session === undefined && world.profile?.session?.id === profile.session.id)
        world.ledger.violate("a profile names a login that is not there");
      if (session !== undefined) return { name, profile: { ...profile, session } };
    }
  }

  async #write(what: string, hasRoom = false): Promise<void> {
    const outcome = await this.wait(what, () => ["goes on", "write fails"]);
    this.world.looksAt(parts.disk);
    if (outcome === "write fails" || (this.see(this.world.isDiskFull) && !hasRoom)) throw diskFull();
  }

  async #claim({ name, profile }: StoredProfile, options: ClaimOptions): Promise<Claim | undefined> {
    const { world } = this;
    const session = profile?.session;
    if (session === undefined) return undefined;
    const isUnchanged = (): boolean => {
      world.looksAt(parts.sessions);
      return this.see(world.profile?.session?.id === session.id && world.logins.get(session.id) === session);
    };
    const lock = `login ${session.sessionId}`;
    const held = await this.#lock(lock, options.timeoutMs, options.whileAtWorkMs, () => !isUnchanged());
    if (held === undefined) return undefined;
    const { isHeld, release } = held;
    await this.wait("look again");
    world.looksAt(parts.disk);
    if (!isUnchanged() || this.see(world.isDiskFull)) {
      release();
      if (isUnchanged()) throw diskFull();
      return undefined;
    }
    let room = true;
    return {
      outageMs: 2_000,
      isHeld: async () => (this.isActing = this.see(isHeld() && (!room || isUnchanged()))),
      release: async () => release(),
      store: async (next: Session) => {
        const isOurs = ({ profile: now }: StoredProfile): boolean => now?.session?.id === session.id;
        try {
          if (this.see(isHeld()) || isUnchanged()) {
            const hasRoom = room;
            room = false;
            await this.#write("write the login", hasRoom);
            world.setLogin(this, session.id, next);
          }
        } catch (error) {
          const now = await this.#read(name);
          if (isOurs(now)) throw error;
          release();
          return now;
        }
        const now = await this.#read(name);
        if (!isOurs(now)) {
          world.logins.delete(session.id);
          world.changes(parts.sessions);
        }
        release();
        return now;
      },
    };
  }

  /** As `acquireProcessLock`: one try; before each further one, `unless` decides. */
  async #lock(
    name: string,
    timeoutMs: number,
    whileAtWorkMs: number,
    unless: () => boolean,
  ): Promise<{ isHeld(): boolean; release(): void } | undefined> {
    const { world } = this;
    const since = world.time;
    await this.wait(`try ${name}`);
    world.looksAt(parts.locks);
    for (let due = since + timeoutMs; this.see(world.locks.has(name)); due += 5_000) {
      const holder = (): Process | undefined => world.locks.get(name)?.process;
      const isAtWork = (): boolean =>
        (world.isUnseen || holder()?.status === "running") && world.time < since + whileAtWorkMs;
      const timeIsUp = (): readonly string[] => (isAtWork() ? ["waits on"] : ["times out"]);
      /** When an unseen holder has been silent for too long. */
      const silentAt = (): number | undefined => {
        const { status, isActing, silentSince } = holder() ?? this;
        const isSilent = world.isUnseen && status !== "running" && !isActing;
        return isSilent ? Math.max(since, silentSince) + silentMs : undefined;
      };
      const outcomes = (): readonly string[] => {
        if (unless()) return ["gives way"];
        if (!world.locks.has(name)) return ["gets it"];
        // A wait for a holder that cannot be judged continues until it can.
        const at = silentAt();
        if (at !== undefined) return world.time >= at ? ["takes it"] : [];
        return world.time >= due ? timeIsUp() : [];
      };
      const outcome = await this.wait(`wait for ${name}`, outcomes, () => silentAt() ?? due);
      world.looksAt(parts.locks | parts.sessions | parts.lives);
      if (outcome === "gives way") return undefined;
      if (outcome === "times out") throw new AuthError("lock_unavailable", `waited for ${name}`, { hint: "Try again" });
      if (outcome === "takes it") world.loseLock(name);
      if (outcome !== "waits on") break;
    }
    const holding = { process: this };
    world.locks.set(name, holding);
    world.changes(parts.locks);
    const isHeld = (): boolean => {
      world.looksAt(parts.locks);
      return world.locks.get(name) === holding;
    };
    const release = (): void => {
      if (!isHeld()) return;
      world.locks.delete(name);
      world.changes(parts.locks);
    };
    return { isHeld, release };
  }

  /** One time for all processes, which the scheduler moves. */
  readonly clock: Clock = {
    now: () => this.see(this.world.now),
    monotonic: () => this.see(this.world.time),
    sleep: async (ms, { background = false, signal } = {}) => {
      signal?.throwIfAborted();
      const due = this.world.time + ms;
      // A disk may stay full: after a few tries another shows nothing new.
      const isInVain = (): boolean => background && this.#triesInVain > 3 && this.world.isDiskFull;
      await this.wait(
        "sleep",
        () => (this.world.time >= due && !isInVain() ? ["goes on"] : []),
        () => due,
        signal,
      );
      if (background) this.world.looksAt(parts.disk);
      if (background && this.see(this.world.isDiskFull)) this.#triesInVain += 1;
    },
    timeout: (ms) => new Limit(this, this.world.time + ms) as unknown as AbortSignal,
  };

  readonly fetch: Fetch = async (input, { headers, body, signal } = {}) => {
    const { authorization = "" } = (headers ?? {}) as Record<string, string>;
    const refreshToken = new URLSearchParams(String(body)).get("refresh_token") ?? undefined;
    const answer = await this.ask(
      String(input).slice(address.length),
      authorization.replace("Bearer ", ""),
      refreshToken,
      (signal as Limit | undefined)?.at,
    );
    // As much of a `Response` as the code reads. A refusal has no body, and a header with the reason.
    const isRefusal = answer.status === 401;
    const challenge = isRefusal ? `Bearer error="${String(answer.body["error"])}"` : null;
    const chunks = Object.assign([Buffer.from(JSON.stringify(answer.body))], { cancel: async () => undefined });
    return {
      status: answer.status,
      ok: answer.status === 200,
      url: "",
      headers: { get: (name: string) => (name === "www-authenticate" ? challenge : null) },
      body: isRefusal ? null : chunks,
    } as unknown as Response;
  };

  /** The network and the service: a request arrives, when the service acts; its response comes later, or never. */
  async ask(
    path: string,
    accessToken: string,
    refreshToken?: string,
    due: number = this.world.time + 300_000,
  ): Promise<Answer> {
    const { world } = this;
    const { service, ledger } = world;
    const request = refreshToken === undefined ? undefined : ledger.sent(this, refreshToken);
    const isDue = (): readonly string[] => (world.time >= due ? ["times out"] : []);
    let outcome = await this.wait(
      `send ${path}`,
      () => ["arrives", "busy", "silent", "reset", "dropped", "refused", ...(request ? [] : ["rejected"]), ...isDue()],
      () => due,
    );
    let answer: Answer | undefined;
    world.changes(parts.service | parts.ledger);
    if (outcome === "busy") answer = { status: 503, body: {} };
    if (outcome === "rejected") answer = { status: 401, body: { error: "invalid_token" } };
    if (outcome === "arrives" || outcome === "silent" || outcome === "reset") {
      const served = request
        ? service.refresh(request.token, world.now)
        : service.request(path, accessToken, world.now);
      if (request) request.next = served.next;
      if (outcome === "arrives") answer = served;
      if (served.status === 409) ledger.happened.add("replay");
      if (path === "/api/v1/logout") ledger.happened.add("logout");
    }
    this.see(JSON.stringify(answer ?? outcome));
    // Received data is read before a time limit fires: see `systemClock.timeout`.
    if (outcome === "silent") outcome = await this.wait(`no answer ${path}`, isDue, () => due);
    else if (outcome !== "times out") await this.wait(`receive ${path}`);
    if (request) world.changes(parts.ledger);
    if (request && answer?.next !== undefined) request.isAnswered = true;
    else if (request) ledger.failed(request);
    if (answer?.status === 401) this.refused.add(accessToken);
    if (answer !== undefined) return answer;
    throw outcome === "times out"
      ? new DOMException("the time is up", "TimeoutError")
      : new TypeError("fetch failed", {
          cause: Object.assign(new Error(outcome), { code: outcome === "refused" ? "ECONNREFUSED" : "ECONNRESET" }),
        });
  }
}

function diskFull(): AuthError {
  return new AuthError("storage_unwritable", "the disk is full", { hint: "Try again" });
}

/** Replaces `AbortSignal` for time limits: the code checks it, combines it, and passes it on. */
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

  /** Messages to users change nothing; a store's call fails or returns. */
  addEventListener(): void {}
  removeEventListener(): void {}
}

/**
 * Puts models in the place of parts of the runtime: combined signals; and the `Response` that a refresh reads to have the code for that
 * loaded, which takes some time in a real process and is a point where others go on.
 */
export function installModels(): void {
  Math.random = () => 0.5;
  AbortSignal.any = (limits) =>
    new Limit(running, Math.min(...(limits as unknown as Limit[]).map(({ at }) => at))) as unknown as AbortSignal;
  async function* load(process: Process | undefined): AsyncGenerator<Uint8Array> {
    await process?.wait("load");
    yield Buffer.from("{}");
  }
  globalThis.Response = class {
    readonly body = load(running);
  } as unknown as typeof Response;
}
