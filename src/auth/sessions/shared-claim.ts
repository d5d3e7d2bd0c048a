import { createHash, randomBytes } from "node:crypto";
import { AuthError } from "../../base/errors.ts";
import type { Clock } from "../../platform/clock.ts";
import type { ThisMachine } from "./local.ts";
import { isSameToken, type Profile, type Session } from "./session.ts";
import type { Entry, Intent, SharedEntries } from "./shared-entries.ts";
import type { AwaitedWork, Claim, ClaimOptions, StoredProfile } from "./store.ts";
import { lastRefresh, note, noteOffset, refuseOlder } from "./this-machine.ts";

/** Between two looks at somebody else's refresh: the first wait and the longest, in milliseconds. With `watch` only the latter. */
const [firstLookMs, slowestLookMs] = [40, 1_000];
/** Waited for longer than this, another process is named, in milliseconds. */
const tellMs = 1_000;
/** An outage of a store is usually over by then, and a platform that stops a process grants it as much, in milliseconds. */
const outageMs = 30_000;

export interface ClaimsOptions {
  readonly clock: Clock;
  readonly machine: ThisMachine;
  /** How long somebody who is refreshing may show no sign before the refresh is taken over, in milliseconds. */
  readonly silentAfterMs: number;
  readonly onWait: (awaited: AwaitedWork) => void;
}

/**
 * Who may spend the refresh token of a login in a shared store. There is no lock and no lease: a process that wants to spend one first
 * stores an intent next to it, by compare and swap, and who wins that may. Everybody else waits until it is gone, and finds the new tokens
 * then.
 *
 * A holder that is stopped or cut off finds a conflict when it comes back, and takes what is there. An intent that somebody has seen
 * without a sign of life for `silentAfterMs` of their own monotonic clock belongs to nobody, and is replaced, again by compare and swap.
 * What that leaves is a holder that is silent for longer than the limit between sending the token and storing the answer: then the
 * token is sent twice, and a service that detects this ends the session. No store and no lease can prevent that, since the service is
 * not asked for a fencing token (RFC 9700 §4.14.2).
 */
export class SharedClaims {
  readonly #entries: SharedEntries;
  readonly #options: ClaimsOptions;
  /** The intent of others that was seen last of each login, and since when, by the monotonic clock. */
  readonly #seen = new Map<string, { readonly sign: string; readonly since: number }>();
  /** Intents of this process that may still be stored, since the store did not answer, and that nobody spends anything by. */
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
    // Whether a holder is at work cannot be seen: one that is gone is noticed after the limit, and not before.
    const limitMs = whileAtWorkMs > timeoutMs ? Math.max(whileAtWorkMs, 2 * silentAfterMs) : timeoutMs;
    const looks = this.#looks(name);
    let isTold = false;
    let mayBeStored = false;
    try {
      for (let entry = found as Entry; ; entry = await this.#entries.load(name)) {
        const now = entry.profile?.session;
        if (now?.id !== session.id || !isSameToken(now, session)) return undefined;
        // The answer to our own save was lost.
        if (entry.intent?.id === intent.id) return this.#hold(entry, session, intent, startedAt);
        if (entry.intent === undefined || this.#isFree(name, entry.intent)) {
          mayBeStored = true;
          const savedAt = clock.monotonic();
          const last = Math.max(this.#entries.refreshesSeen(entry), lastRefresh(session.id, this.#options.machine));
          const claimed = await this.#entries.save(entry, { profile: entry.profile as Profile, intent });
          if (claimed === undefined) continue;
          const claim = this.#hold(claimed, session, intent, savedAt);
          // Only now it is certain that nobody has stored anything since it was read.
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

  #hold(claimed: Entry, session: Session, intent: Intent, claimedAt: number): Claim {
    const { clock, silentAfterMs, machine } = this.#options;
    const { name } = claimed;
    const entries = this.#entries;
    const ended = new AbortController();
    let entry = claimed;
    /** One change at a time: each is about the version that the one before it has made. */
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
    /** Stores a sign of life, unless somebody else has taken over. */
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
          // Both clocks: the one stands still while the machine sleeps, and the other may be set back.
          const silentMs = Math.max(clock.monotonic() - signedAt, clock.now() - signedAtWall);
          // This process may have been stopped since, and only a sign tells others that it goes on: a look at the store would be out of
          // date when its answer comes. Not at once: nobody takes over sooner.
          if (silentMs >= silentAfterMs / 10) await sign();
          return isOurs(entry);
        }),
      store: (next) =>
        inTurn(async () => {
          // First: a process that finds the new session before it knows how far this machine's clock is off would refresh once more.
          noteOffset(next, machine);
          for (;;) {
            // Still the token that this one has spent: what it got for it is the session, even if another process is about to send it
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

  /** Whether an intent holds nobody back: it is one's own, or has been there without a sign of life for too long. */
  #isFree(name: string, { id, signs }: Intent): boolean {
    if (this.#givenUp.has(id)) return true;
    const { clock, silentAfterMs } = this.#options;
    const sign = `${id} ${signs}`;
    const seen = this.#seen.get(name);
    if (seen?.sign === sign) return clock.monotonic() - seen.since > silentAfterMs;
    this.#seen.set(name, { sign, since: clock.monotonic() });
    return false;
  }

  /** Waits until a login may have changed: until the store says so, or for a while that grows. */
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
          // Jitter: sixty-four processes that have seen the same change do not ask at the same moment again.
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
    hint: "Nothing was lost. Try again in a moment",
  });
}
