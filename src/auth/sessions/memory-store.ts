import { AuthError } from "../../base/errors.ts";
import type { Clock } from "../../platform/clock.ts";
import { noChoice, type Choice, type Profile, type Session } from "./session.ts";
import type { Claim, ClaimOptions, ProfileChange, Remaining, SessionStore, StoredProfile } from "./store.ts";

export class MemoryStore implements SessionStore {
  readonly #clock: Clock;
  readonly #profiles = new Map<string, Profile>();
  /** Claimed logins, each with a promise of its release. */
  readonly #claimed = new Map<string, Promise<void>>();
  #choice: Choice = noChoice;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async choice(): Promise<Choice> {
    return this.#choice;
  }

  async names(): Promise<readonly string[]> {
    return [...this.#profiles.keys()].sort();
  }

  async read(name: string): Promise<StoredProfile> {
    return { name, profile: this.#profiles.get(name) };
  }

  async change(name: string, change: ProfileChange): Promise<Profile | undefined> {
    const after = change(this.#profiles.get(name));
    if (after === undefined) this.#profiles.delete(name);
    else this.#profiles.set(name, after);
    return after;
  }

  async choose(change: (choice: Choice) => Choice): Promise<Choice> {
    return (this.#choice = change(this.#choice));
  }

  async claim(found: StoredProfile, { timeoutMs, whileAtWorkMs }: ClaimOptions): Promise<Claim | undefined> {
    const { name, profile } = found;
    const id = profile?.session?.id ?? "";
    const until = this.#clock.monotonic() + Math.max(timeoutMs, whileAtWorkMs);
    for (let other = this.#claimed.get(id); other !== undefined; other = this.#claimed.get(id)) {
      const left = until - this.#clock.monotonic();
      if (left <= 0)
        throw new AuthError("lock_unavailable", "this process is still refreshing the session", {
          hint: "Try again",
        });
      const isOver = new AbortController();
      // In the background: the claiming part of the program keeps it alive.
      const late = this.#clock.sleep(left, { signal: isOver.signal, background: true }).catch(() => undefined);
      await Promise.race([other, late]);
      isOver.abort();
    }
    if (this.#profiles.get(name) !== profile || profile?.session === undefined) return undefined;
    let settle = (): void => undefined;
    this.#claimed.set(id, new Promise((resolve) => (settle = resolve)));
    let isReleased = false;
    const release = async (): Promise<void> => {
      if (isReleased) return;
      isReleased = true;
      this.#claimed.delete(id);
      settle();
    };
    return {
      outageMs: 0,
      isHeld: async () => true,
      store: async (next: Session) => {
        const now = this.#profiles.get(name);
        if (now?.session?.id === id) this.#profiles.set(name, { ...now, session: next });
        await release();
        return this.read(name);
      },
      release,
    };
  }

  async removeAll(but?: "sessions"): Promise<Remaining> {
    for (const [name, { session }] of this.#profiles)
      if (but === undefined || session === undefined) this.#profiles.delete(name);
    return { profiles: [...this.#profiles.keys()], hosts: [] };
  }
}
