import { AuthError } from "../../base/errors.ts";
import type { Choice, Profile } from "./session.ts";
import { SharedClaims, type ClaimsOptions } from "./shared-claim.ts";
import { SharedEntries, type EntriesOptions } from "./shared-entries.ts";
import type { Claim, ClaimOptions, ProfileChange, Remaining, SessionStore, StoredProfile } from "./store.ts";
import { noteChange } from "./this-machine.ts";

interface SharedSessionsOptions extends EntriesOptions, ClaimsOptions {
  /** The login in use where none is named. */
  readonly login: string;
}

/** Logins in a store that machines share. Changes are compare and swap; spending a refresh token takes a claim. */
export class SharedSessions implements SessionStore {
  readonly #options: SharedSessionsOptions;
  readonly #entries: SharedEntries;
  readonly #claims: SharedClaims;

  constructor(options: SharedSessionsOptions) {
    this.#options = options;
    this.#entries = new SharedEntries(options);
    this.#claims = new SharedClaims(this.#entries, options);
  }

  async choice(): Promise<Choice> {
    return { active: this.#options.login };
  }

  async choose(change: (choice: Choice) => Choice): Promise<Choice> {
    const before = await this.choice();
    const after = change(before);
    if (after.active === before.active) return before;
    throw new AuthError(
      "configuration_invalid",
      `this program uses the login "${before.active}" of a shared store, and no other`,
      {
        hint: "Set the option login in the program",
      },
    );
  }

  /** There may be thousands, and a store lists none. */
  async names(): Promise<readonly string[]> {
    const { login } = this.#options;
    return (await this.read(login)).profile === undefined ? [] : [login];
  }

  read(name: string): Promise<StoredProfile> {
    return this.#entries.load(name);
  }

  async change(name: string, change: ProfileChange): Promise<Profile | undefined> {
    const { machine } = this.#options;
    for (;;) {
      const entry = await this.#entries.load(name);
      const profile = change(entry.profile);
      if (profile === entry.profile) return profile;
      const [before, after] = [entry.profile?.session, profile?.session];
      // A refresh of a login that ends here stores nothing: it finds another one, or none (S-003).
      const intent = after?.id === before?.id ? entry.intent : undefined;
      if ((await this.#entries.save(entry, profile && { profile, intent })) === undefined) continue;
      noteChange(before, after, machine);
      return profile;
    }
  }

  claim(found: StoredProfile, options: ClaimOptions): Promise<Claim | undefined> {
    return this.#claims.claim(found, options);
  }

  async removeAll(but?: "sessions"): Promise<Remaining> {
    const { login } = this.#options;
    const left = await this.change(login, (profile) =>
      but === undefined || profile?.session === undefined ? undefined : profile,
    );
    return { profiles: left === undefined ? [] : [login], hosts: [] };
  }
}
