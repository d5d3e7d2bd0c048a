import { createHash, randomBytes } from "node:crypto";
import { AuthError, reasonOf } from "../../base/errors.ts";
import type { Clock } from "../../platform/clock.ts";
import type { ThisMachine } from "./local.ts";
import { fromText, isSameToken, textOf, type Choice, type Profile, type Session } from "./session.ts";
import type { Sealer } from "./shared-sealing.ts";
import type { SharedStore } from "./shared-store.ts";
import type { AwaitedWork, Claim, ClaimOptions, SessionStore, StoredProfile } from "./store.ts";
import { inItsTime, noteOffset } from "./this-machine.ts";

/** One call of the store, and all its tries together, in milliseconds. */
const [callMs, triesMs] = [5_000, 8_000];
/** Between two looks at somebody else's refresh: the first wait and the longest, in milliseconds. With `watch` only the latter. */
const [firstLookMs, slowestLookMs] = [40, 1_000];
/** Waited for longer than this, another process is named, in milliseconds. */
const tellMs = 1_000;

export interface SharedSessionsOptions {
  readonly store: SharedStore;
  readonly sealer: Sealer;
  readonly clock: Clock;
  /** The tool's name, with which every key begins. */
  readonly tool: string;
  /** The one login that is used where none is named. */
  readonly login: string;
  readonly machine: ThisMachine;
  /** How long somebody who is refreshing may show no sign before the refresh is taken over, in milliseconds. */
  readonly silentAfterMs: number;
  readonly onWait: (awaited: AwaitedWork) => void;
}

/** Says that a refresh token is being spent, and by whom. It changes with every sign of life. */
interface Intent {
  readonly id: string;
  /** A digest of the refresh token. */
  readonly spends: string;
  readonly signs: number;
}

/** What is stored under the key of a login. */
interface Stored {
  readonly profile: Profile;
  readonly intent?: Intent | undefined;
}

/** The same as it was read: undefined members where there is nothing. */
interface Entry extends StoredProfile {
  readonly intent: Intent | undefined;
  readonly version: string | undefined;
}

/**
 * Logins in a store that many machines share, one key each. There is no lock and no lease: a process that wants to spend a refresh token first stores
 * an intent next to it, by compare and swap, and who wins that may. Everybody else waits until it is gone, and finds the new tokens then.
 *
 * A holder that is stopped or cut off finds a conflict when it comes back, and takes what is there. An intent that somebody has seen
 * without a sign of life for `silentAfterMs` of their own monotonic clock belongs to nobody, and is replaced, again by compare and swap.
 * What that leaves is a holder that is silent for longer than the limit between sending the token and storing the answer: then the
 * token is sent twice, and a service that detects this ends the session. No store and no lease can prevent that, since the service is
 * not asked for a fencing token (RFC 9700 §4.14.2).
 */
export class SharedSessions implements SessionStore {
  readonly #options: SharedSessionsOptions;
  /** The intent of others that was seen last under each key, and since when, by the monotonic clock. */
  readonly #seen = new Map<string, { readonly sign: string; readonly since: number }>();

  constructor(options: SharedSessionsOptions) {
    this.#options = options;
  }

  async choice(): Promise<Choice> {
    return { active: this.#options.login };
  }

  async choose(change: (choice: Choice) => Choice): Promise<Choice> {
    const before = await this.choice();
    const after = change(before);
    if (after.active === before.active) return before;
    throw new AuthError("configuration_invalid", `this program uses the login "${before.active}" of a shared store`, {
      hint: "Nothing was changed. Another login is chosen by the program",
    });
  }

  /** There may be thousands, and a store lists none. */
  async names(): Promise<readonly string[]> {
    const { login } = this.#options;
    return (await this.read(login)).profile === undefined ? [] : [login];
  }

  read(name: string): Promise<Entry> {
    return this.#load(name);
  }

  async change(
    name: string,
    change: (profile: Profile | undefined) => Profile | undefined,
  ): Promise<Profile | undefined> {
    for (;;) {
      const entry = await this.#load(name);
      const profile = change(entry.profile);
      if (profile === entry.profile) return profile;
      // A refresh of a login that ends here stores nothing: it finds another one, or none (S-003).
      const intent = profile?.session?.id === entry.profile?.session?.id ? entry.intent : undefined;
      if ((await this.#save(entry, profile && { profile, intent })) === undefined) continue;
      if (profile?.session !== undefined) noteOffset(profile.session, this.#options.machine);
      return profile;
    }
  }

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
    const look = this.#looks(name);
    let isTold = false;
    try {
      for (let entry = found as Entry; ; entry = await this.#load(name)) {
        const now = entry.profile?.session;
        if (now?.id !== session.id || !isSameToken(now, session)) return undefined;
        // The answer to our own save was lost.
        if (entry.intent?.id === intent.id) return this.#claimOf(entry, session, intent, startedAt);
        if (entry.intent === undefined || this.#isSilent(name, entry.intent)) {
          const savedAt = clock.monotonic();
          const claimed = await this.#save(entry, { profile: entry.profile as Profile, intent });
          if (claimed !== undefined) return this.#claimOf(claimed, session, intent, savedAt);
          continue;
        }
        const waited = clock.monotonic() - startedAt;
        if (waited >= limitMs) throw busy();
        if (waited >= tellMs && !isTold) onWait({ work: "refresh" });
        isTold ||= waited >= tellMs;
        await look.next(limitMs - waited);
      }
    } finally {
      look.end();
    }
  }

  async removeAll(but?: "sessions"): Promise<{ profiles: readonly string[]; hosts: readonly string[] }> {
    const { login } = this.#options;
    const left = await this.change(login, (profile) =>
      but === undefined || profile?.session === undefined ? undefined : profile,
    );
    return { profiles: left === undefined ? [] : [login], hosts: [] };
  }

  #claimOf(claimed: Entry, session: Session, intent: Intent, claimedAt: number): Claim {
    const { clock, silentAfterMs, machine } = this.#options;
    const { name } = claimed;
    const claimedAtWall = clock.now() - (clock.monotonic() - claimedAt);
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

    const showSigns = async (): Promise<void> => {
      for (let signs = 1; ; signs += 1) {
        await clock.sleep(silentAfterMs / 5, { signal: ended.signal, background: true });
        await inTurn(async () => {
          if (ended.signal.aborted || !isOurs(entry)) return;
          const next = { profile: entry.profile as Profile, intent: { ...intent, signs } };
          entry = (await this.#save(entry, next)) ?? (await this.#load(name));
        }).catch(() => undefined);
      }
    };
    showSigns().catch(() => undefined);

    return {
      isHeld: () =>
        inTurn(async () => {
          // Both clocks: the one stands still while the machine sleeps, and the other may be set back.
          const elapsed = Math.max(clock.monotonic() - claimedAt, clock.now() - claimedAtWall);
          // Not at once: this process may have been stopped since, but nobody takes over sooner.
          if (elapsed >= silentAfterMs / 10) entry = await this.#load(name);
          return isOurs(entry);
        }),
      store: (next) =>
        inTurn(async () => {
          // First: a process that finds the new session before it knows how far this machine's clock is off would refresh once more.
          noteOffset(next, machine);
          for (;;) {
            const saved = await this.#save(entry, { profile: { ...(entry.profile as Profile), session: next } });
            if (saved !== undefined) {
              ended.abort();
              return (entry = { ...saved, profile: { ...(saved.profile as Profile), session: next } });
            }
            entry = await this.#load(name);
            // Still the token that this one has spent: what it got for it is the session, even if another process is about to send it again.
            const now = entry.profile?.session;
            if (now?.id !== session.id || !isSameToken(now, session)) {
              ended.abort();
              return entry;
            }
          }
        }),
      release: () =>
        inTurn(async () => {
          if (ended.signal.aborted) return;
          ended.abort();
          while (isOurs(entry)) {
            const saved = await this.#save(entry, { profile: entry.profile as Profile });
            if (saved !== undefined) return;
            entry = await this.#load(name);
          }
        }).catch(() => undefined),
    };
  }

  /** Whether an intent has been there, without a sign of life, for as long as this process has looked, and that is too long. */
  #isSilent(name: string, { id, signs }: Intent): boolean {
    const { clock, silentAfterMs } = this.#options;
    const sign = `${id} ${signs}`;
    const seen = this.#seen.get(name);
    if (seen?.sign === sign) return clock.monotonic() - seen.since > silentAfterMs;
    this.#seen.set(name, { sign, since: clock.monotonic() });
    return false;
  }

  /** Waits until a key may have changed: until the store says so, or for a while that grows. */
  #looks(name: string): { next(leftMs: number): Promise<void>; end(): void } {
    const { store, clock } = this.#options;
    const key = this.#key(name);
    let wake = (): void => undefined;
    let hasChanged = false;
    const changed = (): void => {
      hasChanged = true;
      wake();
    };
    let stop: (() => void) | undefined;
    let waitMs = firstLookMs;
    return {
      async next(leftMs) {
        stop ??= store.watch?.(key, changed);
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

  #key(name: string): string {
    return `${this.#options.tool}/logins/${encodeURIComponent(name)}`;
  }

  async #load(name: string): Promise<Entry> {
    const { store, sealer, machine } = this.#options;
    const key = this.#key(name);
    const found = await this.#ask((signal) => store.load(key, { signal }));
    if (found === undefined) return { name, profile: undefined, intent: undefined, version: undefined };
    const text = await sealer.open(key, found.text);
    if (text === undefined) throw this.#damaged(key);
    const { profile, intent } = fromText<Stored>(text);
    const session = profile.session && inItsTime(profile.session, machine);
    return { name, profile: { ...profile, session }, intent, version: found.version };
  }

  /** Stores what takes the place of an entry. Undefined where that is no longer what is stored. */
  async #save({ name, version }: Entry, next: Stored | undefined): Promise<Entry | undefined> {
    const { store, sealer } = this.#options;
    const key = this.#key(name);
    // What this machine's clock has to do with a session is not stored: other machines read it too.
    const session = next?.profile.session && { ...next.profile.session, clockOffsetMs: 0 };
    const stored = next && { ...next, profile: { ...next.profile, session } };
    const text = stored && (await sealer.seal(key, textOf(stored)));
    const saved = await this.#ask((signal) => store.save(key, text, { ifVersion: version, signal }));
    if (saved === undefined) return undefined;
    return { name, profile: next?.profile, intent: next?.intent, version: next && saved };
  }

  /**
   * One call of the store, tried again while that may help. A save whose answer was lost may have been carried out: then the next try is told
   * of another version, and the caller finds its own text there.
   */
  async #ask<T>(call: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { clock } = this.#options;
    const startedAt = clock.monotonic();
    for (let waitMs = firstLookMs; ; waitMs *= 2) {
      const signal = clock.timeout(callMs);
      try {
        return await answered(call(signal), signal);
      } catch (error) {
        if (clock.monotonic() - startedAt + waitMs > triesMs) throw this.#unreachable(error);
        await clock.sleep(waitMs * (0.75 + Math.random() / 2));
      }
    }
  }

  get #place(): string {
    return this.#options.store.name ?? "the shared store";
  }

  #unreachable(cause: unknown): AuthError {
    return new AuthError("storage_unreachable", `${this.#place} does not answer (${reasonOf(cause)})`, {
      hint: "Nothing was lost. Check the store and the network, then try again",
      cause,
    });
  }

  #damaged(key: string): AuthError {
    return new AuthError("storage_damaged", `what ${this.#place} has for "${key}" does not open with this key`, {
      hint: "Pass the key that the login was sealed with. If it was changed, pass the old one after the new one",
    });
  }
}

/** A client may pay no attention to a signal: then nobody waits for it any longer. */
function answered<T>(answer: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const giveUp = (): void => reject(signal.reason);
    signal.addEventListener("abort", giveUp, { once: true });
    answer.then(resolve, reject).finally(() => signal.removeEventListener("abort", giveUp));
  });
}

function busy(): AuthError {
  return new AuthError("lock_unavailable", "another program is still refreshing the session", {
    hint: "Nothing was lost. Try again in a moment",
  });
}
