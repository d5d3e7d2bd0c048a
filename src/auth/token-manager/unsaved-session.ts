import { AuthError, NotAuthenticatedError } from "../../base/errors.ts";
import type { Clock } from "../../platform/clock.ts";
import { isSameToken, type Session } from "../sessions/session.ts";
import type { Claim } from "../sessions/store.ts";
import type { CurrentSession } from "./current-session.ts";
import type { AuthEventStream } from "../sessions/events.ts";

/** First and longest wait between tries to store, in milliseconds. */
const [firstTryMs, slowestTryMs] = [100, 5_000];

/** A refreshed session, and the claim that keeps others from sending the spent token. */
export interface RefreshedSession {
  readonly session: Session;
  readonly claim: Claim;
}

/** Stores what a refresh brought, and keeps it, with its claim, until the store has taken it. */
export class UnsavedSession {
  readonly #current: CurrentSession;
  readonly #clock: Clock;
  readonly #events: AuthEventStream;
  #kept: RefreshedSession | undefined;
  #storing: Promise<Session | undefined> | undefined;
  #isPaused = false;

  constructor({ current, clock, events }: { current: CurrentSession; clock: Clock; events: AuthEventStream }) {
    this.#current = current;
    this.#clock = clock;
    this.#events = events;
  }

  /** What is in memory only. */
  get kept(): RefreshedSession | undefined {
    return this.#kept;
  }

  forget(): void {
    this.#kept = undefined;
  }

  /**
   * Undefined when a new login came first, whose token may not be enough either. What the store does not take is
   * returned all the same, and tried again.
   */
  async store(next: RefreshedSession): Promise<Session | undefined> {
    const isFirst = this.#kept === undefined;
    this.#kept = next;
    try {
      return await this.#storeKept();
    } catch (error) {
      if (!(error instanceof AuthError) || error instanceof NotAuthenticatedError) throw error;
      this.#events.emit("unsaved", { profile: this.#current.profile, error });
      if (isFirst) void this.#keepTrying();
      this.#current.hold(next.session);
      return next.session;
    }
  }

  /** One more try. A logout meanwhile is no failure; callers hear of every other one. */
  async tryAgain(): Promise<void> {
    if (!this.#isPaused) await this.#storeKept().catch(() => undefined);
  }

  /** Tries nothing during `work`, while the refresh token of what is kept may be on its way. */
  async pausedFor<T>(work: () => Promise<T>): Promise<T> {
    this.#isPaused = true;
    try {
      return await work();
    } finally {
      this.#isPaused = false;
    }
  }

  /** The last tries of a process, for a short while. Throws {@link AuthError} `storage_…`. */
  async close(): Promise<void> {
    const until = this.#clock.monotonic() + (this.#kept?.claim.outageMs ?? 0);
    for (let waitMs = firstTryMs; this.#kept !== undefined; waitMs *= 2) {
      try {
        await this.#storeKept();
      } catch (error) {
        if (error instanceof NotAuthenticatedError || this.#clock.monotonic() + waitMs > until) throw error;
        await this.#clock.sleep(waitMs);
      }
    }
  }

  /** In the background: neither callers nor other processes should depend on the next request here. */
  async #keepTrying(): Promise<void> {
    for (let waitMs = firstTryMs; this.#kept !== undefined; waitMs = Math.min(2 * waitMs, slowestTryMs)) {
      await this.#clock.sleep(waitMs, { background: true });
      await this.tryAgain();
    }
  }

  /** Once for all callers. */
  #storeKept(): Promise<Session | undefined> {
    const kept = this.#kept;
    if (kept === undefined) return Promise.resolve(undefined);
    return (this.#storing ??= this.#replace(kept).finally(() => (this.#storing = undefined)));
  }

  /** Replaces the old session, unless a logout or a new login came first: that one counts (S-003). */
  async #replace({ session: next, claim }: RefreshedSession): Promise<Session | undefined> {
    const stored = await claim.store(next);
    this.#kept = undefined;
    const { session } = await this.#current.sessionIn(stored);
    const isOurs = session.id === next.id && session.accessToken.equals(next.accessToken) && isSameToken(session, next);
    this.#current.hold(isOurs ? next : session);
    this.#current.announce(isOurs ? "refreshed" : "adopted", session);
    return isOurs ? next : undefined;
  }
}
