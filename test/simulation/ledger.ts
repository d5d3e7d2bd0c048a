import { AuthError } from "../../src/base/errors.ts";
import type { Process } from "./process.ts";
import { parts } from "./use.ts";
import type { World } from "./world.ts";

const all = parts.sessions | parts.locks | parts.service | parts.ledger;

/** A request with a refresh token, from sending to failure, or until its result is stored. */
export interface RefreshRequest {
  readonly process: Process;
  readonly token: string;
  /** The refresh token in the response. */
  next: string | undefined;
  /** Whether the process has received it. */
  isAnswered: boolean;
}

/** The stored session, for the invariants. */
export interface Stored {
  readonly login: string;
  readonly access: string;
  readonly refresh: string;
  /** As far as the processes know. */
  readonly expiresAt: number;
}

/** What explains a caller's error: any other error is a violation. */
const explanations: Readonly<Record<string | number, readonly string[]>> = {
  lock_unavailable: ["stop", "lock lost", "silent", "time passes", "disk full", "write fails", "cut off"],
  storage_unreachable: ["cut off"],
  network_unavailable: ["refused"],
  refresh_unconfirmed: ["silent", "reset", "dropped", "time passes", "stop"],
  service_unavailable: ["busy", "replay"],
  storage_unwritable: ["disk full", "write fails", "lock lost"],
  not_authenticated: ["logout", "revoke", "window"],
  session_ended: ["logout", "revoke", "window"],
  401: ["logout", "revoke", "window", "rejected"],
  503: ["busy"],
};

/** The largest validity that any caller needs, in milliseconds. */
const needMs = 120_000;

/** Of a token that is given out, in milliseconds: it may expire while its process is stopped, before it is sent. */
const marginMs = 60_000;

/**
 * The longest wait of a caller, without stops of its process, in milliseconds: for a holder at work, then for its own
 * response.
 */
const patienceMs = 2 * 300_000 + 30_000;

/**
 * The invariants, each where it is decided. The first violation is kept and not thrown: the code under test catches errors.
 *
 * Three histories are allowed that cost a login or a request, since no lock and no store can prevent them while the service is not told who
 * holds the claim (RFC 9700 §4.14.2 knows no fencing token):
 *
 * - The window: a process that has sent a token is killed, or loses its claim, before the answer is stored. The login may be lost, until something
 *   is stored that the service goes on with. See {@link Ledger.interrupted}.
 * - Overtaken, in a shared store: the process that took over from such a holder sends the same token, and the late answer is stored between what the
 *   store has just said and that. A store and a service are not asked in one moment; files on this machine are. See {@link Ledger.sent}.
 * - Late, in files: such an answer is stored, without the lock that was lost, after another process has looked for it in vain and before it
 *   removes what the service has refused. No file is replaced on condition of another. See {@link Ledger.written}.
 */
export class Ledger {
  violation: string | undefined;
  /** Events that may explain an error. */
  readonly happened = new Set<string>();
  /** Logins that may be lost, see {@link Ledger.interrupted}. */
  readonly #lost = new Set<string>();
  readonly #world: World;
  readonly #requests = new Set<RefreshRequest>();
  /** Refresh tokens whose successor was stored. */
  readonly #replaced = new Set<string>();
  readonly #access = new Set<string>();
  /** The write that stored what is there, if the process had lost its claim; else 0. */
  #lateWrite = 0;

  constructor(world: World) {
    this.#world = world;
  }

  violate(what: string): void {
    this.violation ??= what;
  }

  /**
   * No refresh token is sent without the lock, by two living processes, after its successor, or without need (NFR-009).
   */
  sent(process: Process, token: string): RefreshRequest {
    const { service, shared, stored, now } = this.#world;
    this.#world.looksAt(all);
    this.#world.changes(parts.ledger);
    const login = service.loginOf(token);
    const request = { process, token, next: undefined, isAnswered: false };
    // A login sends another session's token only to end it, after storing its own.
    if (process.ownLogin !== undefined) return request;
    const isOvertaken = this.#lateWrite > 0 && shared?.hasJustSigned(process) === true;
    if (isOvertaken) this.#lose(token);
    // In a shared store nobody else finds a login that was replaced.
    const needsClaim = shared === undefined || stored?.login === login;
    if (needsClaim && !isOvertaken && !this.#world.holdsClaim(process, login))
      this.violate(`${process.name} sends ${token} without the lock`);
    if (this.#replaced.has(token) && !isOvertaken)
      this.violate(`${process.name} sends ${token}, which has been replaced in the store`);
    const isEnough = stored?.refresh === token && stored.expiresAt > now + needMs;
    if (isEnough && !process.refused.has(stored.access) && !isOvertaken)
      this.violate(`${process.name} sends ${token}, although ${stored.access} is stored and enough`);
    for (const other of this.#requests) {
      // A repeat after a lost response: the token is the only one there is.
      const isSpent = other.token === token && other.next !== token && !service.endedOnPurpose.has(login);
      if (isSpent)
        this.violate(
          `${process.name} sends ${token}, and ${other.process.name} ${other.isAnswered ? "has not stored" : "waits for"} the answer to it`,
        );
    }
    this.#requests.add(request);
    return request;
  }

  failed(request: RefreshRequest): void {
    this.#requests.delete(request);
    const { service, stored } = this.#world;
    this.#world.looksAt(all);
    this.#world.changes(parts.ledger);
    const isFollowed =
      stored !== undefined && stored.refresh !== request.token && service.isSuccessor(stored.refresh, request.token);
    request.process.successor = isFollowed ? stored.refresh : undefined;
    if (request.next !== undefined) this.#lose(request.next);
  }

  /**
   * A process was killed, lost its lock, or could not store the session. The one window: a rotated token that is not
   * stored may lose the login. Nothing else may.
   */
  interrupted(process: Process): void {
    this.#world.looksAt(all);
    this.#world.changes(parts.ledger);
    for (const request of this.#requests) if (request.process === process) this.failed(request);
  }

  /**
   * In a shared store, a process was silent for too long. If it has sent the token, the login may be lost, even before
   * the service has seen it.
   */
  takenOver(process: Process): void {
    this.#world.changes(parts.ledger);
    for (const request of this.#requests) {
      if (request.process !== process) continue;
      this.#requests.delete(request);
      this.#lose(request.token);
    }
    this.happened.add("lock lost");
  }

  #lose(token: string): void {
    this.#lost.add(this.#world.service.loginOf(token));
    this.happened.add("window");
  }

  /** Stored sessions change only so: a logout and a newer login win, and nothing transient removes one. */
  written(process: Process | undefined, before: Stored | undefined, after: Stored | undefined): void {
    this.#world.looksAt(all);
    this.#world.changes(parts.ledger);
    if (after !== undefined) this.#access.add(after.access);
    if (process === undefined) return;
    const { service } = this.#world;
    const change = `${process.name} stores ${after?.refresh ?? "no session"} in the place of ${before?.refresh ?? "none"}`;
    const isLogin = after !== undefined && after.login === process.ownLogin;
    const isLogout = after === undefined && process.isLogout && before?.login === process.found;
    if (isLogout) this.happened.add("logout");
    if (before?.refresh !== after?.refresh && !isLogin && !isLogout) {
      if (before === undefined) this.violate(`${change}, which brings a session back`);
      else if (after !== undefined && !service.isSuccessor(after.refresh, before.refresh))
        this.violate(`${change}, which it does not follow`);
      else if (after === undefined && this.#lateWrite <= process.lookedAt) {
        if (service.goesOnWith(before.refresh)) this.violate(`${change}, which the service still takes`);
        else if (!this.#mayBeLost(before.login)) this.violate(`${change}: a login is lost outside of the window`);
      }
    }
    if (before && after && before.refresh !== after.refresh && after.login === before.login)
      this.#replaced.add(before.refresh);
    for (const request of this.#requests)
      if (request.process === process && request.isAnswered) this.#requests.delete(request);
    if (after === undefined) return;
    this.#lateWrite = isLogin || this.#world.holdsClaim(process, after.login) ? 0 : this.#world.writes;
    const isOnTheWay = [...this.#requests].some(
      ({ token }) => token !== after.refresh && service.loginOf(token) === after.login,
    );
    if (service.goesOnWith(after.refresh) && !isOnTheWay) this.#lost.delete(after.login);
  }

  stored(access: string): void {
    this.#world.changes(parts.ledger);
    this.#access.add(access);
  }

  #mayBeLost(login: string): boolean {
    return this.#lost.has(login) || this.#world.service.endedOnPurpose.has(login);
  }

  /** Every caller gets in time a valid, stored token, or an explained error. */
  served(
    process: Process,
    { waitedMs, pausedMs, result }: { waitedMs: number; pausedMs: number; result: unknown },
  ): void {
    this.#world.looksAt(all);
    if (waitedMs > patienceMs) this.violate(`${process.name} is served after ${waitedMs} ms`);
    if (typeof result === "string") {
      if (!this.#access.has(result) && !process.isUnsaved)
        this.violate(`${process.name} gets ${result}, which was never stored`);
      if (!this.#world.service.isValid(result, this.#world.now - pausedMs))
        this.violate(`${process.name} gets ${result}, which has expired`);
    } else if (result !== undefined && result !== 200) {
      const failure = result instanceof AuthError ? result.code : (result as number);
      if (failure === "session_ended" || failure === "service_unavailable") this.#hasLooked(process);
      const isLate = failure === 401 && pausedMs >= marginMs;
      const isExplained = isLate || explanations[failure]?.some((event) => this.happened.has(event)) === true;
      if (!isExplained)
        this.violate(
          `${process.name} fails with ${result instanceof Error ? result.stack : failure}, which nothing explains`,
        );
    }
  }

  /** A process whose token was refused after its replacement must have found that. */
  #hasLooked({ name, successor }: Process): void {
    const { stored, service } = this.#world;
    const isThere = successor !== undefined && stored?.refresh === successor && service.goesOnWith(successor);
    if (isThere) this.violate(`${name} fails, although ${successor} is stored and good`);
  }

  /** A process could not store its session. A disk full before the token was sent is no reason. */
  gaveUp(process: Process): void {
    const reasons = ["write fails", "lock lost", "stop", "time passes", "cut off"];
    const isExplained = reasons.some((event) => this.happened.has(event));
    if (!isExplained) this.violate(`${process.name} could not store its session, although room was taken for it`);
    this.interrupted(process);
    process.end();
  }

  ended(process: Process): void {
    this.#world.looksAt(parts.locks);
    // One that could not store its session keeps the lock: only on its own machine is it seen to have ended.
    const isHolder = [...this.#world.locks.values()].some((holder) => holder.process === process);
    if (isHolder && process.status !== "over") this.violate(`${process.name} ends with a lock`);
  }

  /** In the end the stored session is the service's current one. */
  end(): void {
    const { service, stored } = this.#world;
    if (stored === undefined || this.#mayBeLost(stored.login) || service.goesOnWith(stored.refresh)) return;
    this.violate(`${stored.refresh} is stored in the end, and the service does not take it`);
  }

  /** All that later verdicts depend on. */
  get state(): string {
    const requests = [...this.#requests].map(
      ({ process, token, next, isAnswered }) => `${process.name} ${token} ${next} ${isAnswered}`,
    );
    return [
      requests,
      [...this.happened].sort(),
      [...this.#lost].sort(),
      [...this.#replaced].sort(),
      [...this.#access].sort(),
      this.#lateWrite,
    ].join(";");
  }
}
