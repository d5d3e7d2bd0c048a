import { createHash, randomBytes } from "node:crypto";
import { AuthError } from "../../base/errors.ts";
import type { Clock } from "../../platform/clock.ts";
import type { ThisMachine } from "./local.ts";
import { isSameToken, type Profile, type Session } from "./session.ts";
import type { Entry, Intent, SharedEntries } from "./shared-entries.ts";
import type { AwaitedWork, Claim, ClaimOptions, StoredProfile } from "./store.ts";
import { lastRefresh, note, noteOffset, refuseOlder } from "./this-machine.ts";

/**
 * Between looks at another process's refresh: first and longest wait, in milliseconds. With `watch` only the latter.
 */
const [firstLookMs, slowestLookMs] = [40, 1_000];
/** After this wait, in milliseconds, the other process is named. */
const tellMs = 1_000;
/** Most store outages are shorter, and platforms grant a stopping process as much, in milliseconds. */
const outageMs = 30_000;

export interface ClaimsOptions {
  readonly clock: Clock;
  readonly machine: ThisMachine;
  /** The allowed silence of a refreshing process before a takeover, in milliseconds. */
  readonly silentAfterMs: number;
  readonly onWait: (awaited: AwaitedWork) => void;
}

/**
 * Decides who may spend a login's refresh token in a shared store. There is no lock and no lease: a process first
 * stores an intent next to the token, by compare and swap, and the winner may spend it. All others wait until it is
 * gone, and find the new tokens.
 *
 * A holder that was stopped or cut off finds a conflict on return, and takes what is there. An intent without a sign of
 * life for `silentAfterMs`, by the observer's monotonic clock, is replaced, again by compare and swap. One case is
 * left: a holder silent for longer between sending the token and storing the response. Then the token is sent twice,
 * and a service that detects this ends the session. No store and no lease can prevent that, since the service asks for
 * no fencing token (RFC 9700 §4.14.2).
 */
export class SharedClaims {
  readonly #entries: SharedEntries;
  readonly #options: ClaimsOptions;
  /** The last foreign intent of each login, and since when, by the monotonic clock. */
  readonly #seen = new Map<string, { readonly sign: string; readonly since: number }>();
  /** Own intents that the store may hold after an unknown result; nothing is spent by them. */
  readonly #givenUp = new Set<string>();

  constructor(entries: SharedEntries, options: ClaimsOptions) {
    this.#entries = entries;
    this.#options = options;
  }

  /** See `SessionStore.claim`. */
  async claim(found: StoredProfile, { timeoutMs, whileAtWorkMs }: ClaimOptions): Promise<Claim | undefined> {
    const { clock, silentAfterMs, onWait } = this.#options;
    const { name, profile } = found;
    const session = profile?.session;
    if (session?.refreshToken === undefined) return undefined;
    const spends = createHash("sha256").update(session.refreshToken.reveal()).digest("base64url");
    const intent: Intent = { id: randomBytes(12).toString("base64url"), spends, signs: 0 };
    const startedAt = clock.monotonic();
    // Whether a holder is at work cannot be seen: a dead one is noticed after the limit.
    const limitMs = whileAtWorkMs > timeoutMs ? Math.max(whileAtWorkMs, 2 * silentAfterMs) : timeoutMs;
    const looks = this.#looks(name);
    let isTold = false;
    let mayBeStored = false;
    try {
      for (let entry = found as Entry; ; entry = await this.#entries.load(name)) {
        const now = entry.profile?.session;
        if (now?.id !== session.id || !isSameToken(now, session)) return undefined;
        // The response to our own save was lost.
        if (entry.intent?.id === intent.id) return this.#hold(entry, session, intent, startedAt, true);
        if (entry.intent === undefined || this.#isFree(name, entry.intent)) {
          mayBeStored = true;
          const savedAt = clock.monotonic();
          const last = Math.max(this.#entries.refreshesSeen(entry), lastRefresh(session.id, this.#options.machine));
          const claimed = await this.#entries.save(entry, { profile: entry.profile as Profile, intent });
          if (claimed === undefined) continue;
          const claim = this.#hold(claimed, session, intent, savedAt, entry.intent !== undefined);
          // Only now it is certain that nothing was stored since the read.
          if (session.refreshes < last) await claim.release();
          refuseOlder(session, last);
          return claim;
        }
        const waited = clock.monotonic() - startedAt;
        if (waited >= limitMs) throw busy();
        if (waited >= tellMs && !isTold) onWait({ work: "refresh" });
        isTold ||= waited >= tellMs;
        await looks.next(limitMs - waited);
      }
    } catch (error) {
      if (mayBeStored) this.#givenUp.add(intent.id);
      throw error;
    } finally {
      looks.end();
    }
  }

  /** @param isTakenOver - perhaps from a process that has sent the token and will still store the answer */
  #hold(claimed: Entry, session: Session, intent: Intent, claimedAt: number, isTakenOver: boolean): Claim {
    const { clock, silentAfterMs, machine } = this.#options;
    const { name } = claimed;
    const entries = this.#entries;
    const ended = new AbortController();
    let entry = claimed;
    /** One change at a time: each builds on the version before. */
    let last: Promise<unknown> = Promise.resolve();
    const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
      const turn = last.then(work, work);
      last = turn.catch(() => undefined);
      return turn;
    };
    const isOurs = ({ profile, intent: now }: Entry): boolean =>
      now?.id === intent.id && profile?.session?.id === session.id;

    let signedAt = claimedAt;
    let signedAtWall = clock.now() - (clock.monotonic() - claimedAt);
    let signs = 0;
    /** Unless another process has taken over. */
    const sign = async (): Promise<void> => {
      while (isOurs(entry)) {
        const [now, wall] = [clock.monotonic(), clock.now()];
        signs += 1;
        const signed = await entries.save(entry, { profile: entry.profile as Profile, intent: { ...intent, signs } });
        if (signed !== undefined) {
          [entry, signedAt, signedAtWall] = [signed, now, wall];
          return;
        }
        entry = await entries.load(name);
      }
    };

    const showSigns = async (): Promise<void> => {
      for (;;) {
        await clock.sleep(silentAfterMs / 5, { signal: ended.signal, background: true });
        await inTurn(async () => (ended.signal.aborted ? undefined : sign())).catch(() => undefined);
      }
    };
    showSigns().catch(() => undefined);

    return {
      outageMs,
      isHeld: () =>
        inTurn(async () => {
          // Both clocks: one stops during sleep, the other may be set back.
          const silentMs = (): number => Math.max(clock.monotonic() - signedAt, clock.now() - signedAtWall);
          // After a stop, only a sign tells others that this process goes on: a load would be out of date on arrival.
          // Not at once: nobody takes over sooner.
          if (isTakenOver || silentMs() >= silentAfterMs / 10) await sign();
          // The news that the sign was stored may be out of date as well.
          return isOurs(entry) && silentMs() < silentAfterMs / 2;
        }),
      store: (next) =>
        inTurn(async () => {
          // First: a process that finds the new session without the clock's offset would refresh once more.
          noteOffset(next, machine);
          for (;;) {
            // Still the token spent here: its successor is the session, even if another process is about to send it
            // again.
            const now = entry.profile?.session;
            const isFollowed = now?.id !== session.id || !isSameToken(now, session);
            const saved = isFollowed
              ? entry
              : await entries.save(entry, { profile: { ...(entry.profile as Profile), session: next } });
            if (saved !== undefined) {
              ended.abort();
              if (!isFollowed) note(next, machine);
              return (entry = saved);
            }
            entry = await entries.load(name);
          }
        }),
      release: () =>
        inTurn(async () => {
          if (ended.signal.aborted) return;
          ended.abort();
          while (isOurs(entry)) {
            const saved = await entries.save(entry, { profile: entry.profile as Profile });
            if (saved !== undefined) return;
            entry = await entries.load(name);
          }
        }).catch(() => void this.#givenUp.add(intent.id)),
    };
  }

  /** Whether an intent blocks nobody: our own, or silent for too long. */
  #isFree(name: string, { id, signs }: Intent): boolean {
    if (this.#givenUp.has(id)) return true;
    const { clock, silentAfterMs } = this.#options;
    const sign = `${id} ${signs}`;
    const seen = this.#seen.get(name);
    if (seen?.sign === sign) return clock.monotonic() - seen.since > silentAfterMs;
    this.#seen.set(name, { sign, since: clock.monotonic() });
    return false;
  }

  /** Waits until a login may have changed: by the store's word, or for a growing while. */
  #looks(name: string): { next(leftMs: number): Promise<void>; end(): void } {
    const { clock } = this.#options;
    let wake = (): void => undefined;
    let hasChanged = false;
    const changed = (): void => {
      hasChanged = true;
      wake();
    };
    let stop: (() => void) | undefined;
    let waitMs = firstLookMs;
    return {
      next: async (leftMs) => {
        stop ??= this.#entries.watch(name, changed);
        if (stop !== undefined) waitMs = slowestLookMs;
        const awake = new AbortController();
        wake = () => awake.abort();
        if (!hasChanged) {
          // Jitter: sixty-four processes that saw one change must not ask together again.
          const ms = Math.min(leftMs, waitMs * (0.75 + Math.random() / 2));
          await clock.sleep(ms, { signal: awake.signal }).catch(() => undefined);
        }
        hasChanged = false;
        waitMs = Math.min(2 * waitMs, slowestLookMs);
      },
      end: () => stop?.(),
    };
  }
}

function busy(): AuthError {
  return new AuthError("lock_unavailable", "another process is still refreshing the session", {
    hint: "Try again in a moment",
  });
}
