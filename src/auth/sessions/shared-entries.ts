import { AuthError, reasonOf } from "../../base/errors.ts";
import { abortable, type Clock } from "../../platform/clock.ts";
import type { ThisMachine } from "./local.ts";
import { fromText, isLoginId, textOf, type Profile, type Session } from "./session.ts";
import type { Sealer } from "./shared-sealing.ts";
import type { SharedStore } from "./shared-store.ts";
import type { StoredProfile } from "./store.ts";
import { inItsTime, withoutOffset } from "./this-machine.ts";

/** For one call of the store, and for all its tries, in milliseconds. */
const [callMs, triesMs] = [5_000, 8_000];
/** Before the second try, in milliseconds; doubles from then on. */
const firstWaitMs = 40;

/** Names the process that spends a refresh token. Changes with every sign of life. */
export interface Intent {
  readonly id: string;
  /** A digest of the refresh token. */
  readonly spends: string;
  readonly signs: number;
}

interface Stored {
  readonly profile: Profile;
  readonly intent?: Intent | undefined;
}

/** As read: undefined members where there is nothing. */
export interface Entry extends StoredProfile {
  readonly intent: Intent | undefined;
  readonly version: string | undefined;
}

export interface EntriesOptions {
  readonly store: SharedStore;
  readonly sealer: Sealer;
  readonly clock: Clock;
  /** The tool's name, the prefix of every key. */
  readonly tool: string;
  readonly machine: ThisMachine;
}

/** The logins of a shared store, one key each: sealed, by this machine's clock, with retries. */
export class SharedEntries {
  readonly #options: EntriesOptions;
  /** The newest session of each login seen by this process. */
  readonly #newest = new Map<string, Pick<Session, "id" | "refreshes">>();

  constructor(options: EntriesOptions) {
    this.#options = options;
  }

  async load(name: string): Promise<Entry> {
    const { store, sealer, machine } = this.#options;
    const key = this.#key(name);
    const found = await this.#ask((signal) => store.load(key, { signal }));
    if (found === undefined) return { name, profile: undefined, intent: undefined, version: undefined };
    const text = await sealer.open(key, found.text);
    if (text === undefined) throw this.#damaged(key);
    const { profile, intent } = fromText<Stored>(text);
    // Plain text is not authenticated, and the id names a file of this machine.
    if (profile.session !== undefined && !isLoginId(profile.session.id)) throw this.#damaged(key);
    const session = profile.session && inItsTime(profile.session, machine);
    return this.#seen({ name, profile: { ...profile, session }, intent, version: found.version });
  }

  /** Replaces an entry. Undefined if it has changed. */
  async save({ name, version }: Entry, next: Stored | undefined): Promise<Entry | undefined> {
    const { store, sealer } = this.#options;
    const key = this.#key(name);
    const session = next?.profile.session && withoutOffset(next.profile.session);
    const stored = next && { ...next, profile: { ...next.profile, session } };
    const text = stored && (await sealer.seal(key, textOf(stored)));
    const saved = await this.#ask((signal) => store.save(key, text, { ifVersion: version, signal }));
    if (saved === undefined) return undefined;
    return this.#seen({ name, profile: next?.profile, intent: next?.intent, version: next && saved });
  }

  /** If the store supports it. */
  watch(name: string, changed: () => void): (() => void) | undefined {
    return this.#options.store.watch?.(this.#key(name), changed);
  }

  /** Refreshes of an entry's login seen by this process. */
  refreshesSeen({ name, profile }: Entry): number {
    const newest = this.#newest.get(name);
    return newest !== undefined && newest.id === profile?.session?.id ? newest.refreshes : 0;
  }

  #seen(entry: Entry): Entry {
    const { name, profile } = entry;
    if (profile?.session === undefined) this.#newest.delete(name);
    else {
      const { id, refreshes } = profile.session;
      this.#newest.set(name, { id, refreshes: Math.max(refreshes, this.refreshesSeen(entry)) });
    }
    return entry;
  }

  #key(name: string): string {
    return `${this.#options.tool}/logins/${encodeURIComponent(name)}`;
  }

  /**
   * One call of the store, repeated where that may help. A save whose response was lost may have succeeded: the next
   * try then meets another version, and the caller finds its own text there.
   */
  async #ask<T>(call: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { clock } = this.#options;
    const startedAt = clock.monotonic();
    for (let waitMs = firstWaitMs; ; waitMs *= 2) {
      const signal = clock.timeout(callMs);
      try {
        // Clients may ignore the signal.
        return await abortable(call(signal), signal);
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
    return new AuthError("storage_unreachable", `${this.#place} does not respond (${reasonOf(cause)})`, {
      hint: "Check the store and the network, then try again",
      cause,
    });
  }

  #damaged(key: string): AuthError {
    return new AuthError("storage_damaged", `the entry "${key}" of ${this.#place} does not open with this key`, {
      hint: "Pass the key used at login. If the key has changed, pass the old one after the new one",
    });
  }
}
