import { isAuthError, type AuthError } from "../../base/errors.ts";
import type { Choice, Profile, Session } from "./session.ts";

/** A profile as it was read. A claim is for exactly this: if anything was stored since, there is none. */
export interface StoredProfile {
  readonly name: string;
  /** Undefined when there is no such profile. */
  readonly profile: Profile | undefined;
}

/**
 * The right to spend the refresh token of a login, and the duty to store what that brings: nobody else has it meanwhile, and all that
 * storing needs is in hand.
 */
export interface Claim {
  /** How long the end of a process waits for a store that does not take the session, in milliseconds. */
  readonly outageMs: number;
  /** Whether it is still ours: asked before the token is sent. */
  isHeld(): Promise<boolean>;
  /**
   * Stores the session that a refresh has made of the claimed one, and ends the claim. Where the login was ended or replaced meanwhile,
   * that counts, and nothing of this one stays.
   *
   * @returns the profile as it is stored now
   * @throws {@link AuthError} `storage_…`; the claim goes on, and it can be tried again
   */
  store(next: Session): Promise<StoredProfile>;
  /** Ends the claim. Never throws; a second call does nothing. */
  release(): Promise<void>;
}

export interface ClaimOptions {
  /** How long another holder is waited for at most, in milliseconds. */
  readonly timeoutMs: number;
  /** The same for a holder that is seen to be at work: it waits for the service, and what it gets will do here too. */
  readonly whileAtWorkMs: number;
}

/** What is waited for. */
export interface AwaitedWork {
  /** Another process refreshes the session, or changes what is stored; or the service does not answer yet. */
  readonly work: "refresh" | "change" | "answer";
  /** The process. Undefined where it is in another container or on another machine, and where the system does not say. */
  readonly pid?: number | undefined;
  /** The host of the service. */
  readonly host?: string | undefined;
}

/**
 * Where logins are at rest: sealed files, or memory. Nothing here costs more when there are more profiles, but for
 * {@link SessionStore.names}.
 *
 * A change of a profile never waits for a refresh, and a refresh for no change: a login that was ended or replaced is no longer the
 * profile's, so a refresh of it that ends late stores what nobody reads (S-003).
 * @internal
 */
export interface SessionStore {
  /** Which profile is used where none is named. */
  choice(): Promise<Choice>;
  /** The names of all profiles, in order. */
  names(): Promise<readonly string[]>;
  /** @throws {@link AuthError} `storage_unsafe`, `storage_damaged`, `storage_unreadable` or `keychain_unavailable` */
  read(name: string): Promise<StoredProfile>;
  /**
   * Changes a profile, and returns what is stored now. `change` gets the profile as it is now; what it returns has the same session,
   * another login's, or none. Returning undefined removes the profile; returning the same value changes nothing.
   *
   * @throws {@link AuthError} `lock_unavailable` or `storage_…`; what was stored is still there then
   */
  change(name: string, change: (profile: Profile | undefined) => Profile | undefined): Promise<Profile | undefined>;
  /** Changes the choice. Fails as {@link SessionStore.change}. */
  choose(change: (choice: Choice) => Choice): Promise<Choice>;
  /**
   * Claims the login of a profile that was read.
   *
   * @returns undefined when something else is stored by now: perhaps a token that can be used without a claim
   * @throws {@link AuthError} `lock_unavailable` or `storage_…`
   */
  claim(found: StoredProfile, options: ClaimOptions): Promise<Claim | undefined>;
  /**
   * Removes everything, readable or not; or everything but the profiles with a session.
   *
   * @param but - `sessions`: after a logout of every profile, a session that is there comes from a login made meanwhile, and stays
   * @param removeKey - removes the key as well, once nothing is left; under the same lock, so that no login that needs it comes in between
   * @returns the names of the profiles that stay, and of other machines whose logins do
   */
  removeAll(
    but?: "sessions",
    removeKey?: () => Promise<void>,
  ): Promise<{ profiles: readonly string[]; hosts: readonly string[] }>;
}

/** All profiles, by name, and which is used: for what shows them all. @internal */
export async function readAll(
  store: SessionStore,
): Promise<Choice & { readonly profiles: ReadonlyMap<string, Profile> }> {
  const profiles = new Map<string, Profile>();
  for (const name of await store.names()) {
    const { profile } = await store.read(name);
    if (profile !== undefined) profiles.set(name, profile);
  }
  return { ...(await store.choice()), profiles };
}

/** Whether an error says that what is stored cannot be opened: not now, or never again. */
export function isUnopenable(error: unknown): error is AuthError {
  return isAuthError(error) && ["storage_damaged", "storage_unreadable", "keychain_unavailable"].includes(error.code);
}
