import { isAuthError, type AuthError } from "../../base/errors.ts";
import type { AuthEvents } from "./events.ts";
import { unknownProfile, type Choice, type Profile, type Session } from "./session.ts";

/** A profile as read. A claim is for exactly this: later changes prevent it. */
export interface StoredProfile {
  readonly name: string;
  readonly profile: Profile | undefined;
}

/**
 * The right to spend a login's refresh token, exclusively, and the duty to store the result: all that storing needs is
 * in hand.
 */
export interface Claim {
  /** The wait of an ending process for a store that refuses the session, in milliseconds. */
  readonly outageMs: number;
  /** Checked before the token is sent. */
  isHeld(): Promise<boolean>;
  /**
   * Stores the refreshed session, and ends the claim. If the login was ended or replaced meanwhile, that counts, and
   * nothing of this one stays.
   *
   * @returns the profile as stored now
   * @throws {@link AuthError} `storage_…`; the claim goes on, and another try is possible
   */
  store(next: Session): Promise<StoredProfile>;
  /** Never throws; a second call does nothing. */
  release(): Promise<void>;
}

export interface ClaimOptions {
  /** The longest wait for another holder, in milliseconds. */
  readonly timeoutMs: number;
  /** For a holder seen at work: it waits for the service, and its result serves here too. */
  readonly whileAtWorkMs: number;
}

export type AwaitedWork = AuthEvents["waiting"];

/**
 * Gets the current profile; the result has the same session, another login's, or none. Undefined removes the profile;
 * the same value changes nothing.
 */
export type ProfileChange = (profile: Profile | undefined) => Profile | undefined;

/** What stays: the names of profiles, and of other machines with logins. */
export interface Remaining {
  readonly profiles: readonly string[];
  readonly hosts: readonly string[];
}

/**
 * Logins at rest: sealed files, or memory. Only {@link SessionStore.names} costs more with more profiles.
 *
 * Changes of a profile never wait for a refresh, nor a refresh for them: an ended or replaced login is no longer the
 * profile's, so its late refresh stores what nobody reads (S-003).
 */
export interface SessionStore {
  choice(): Promise<Choice>;
  /** Of all profiles, in order. */
  names(): Promise<readonly string[]>;
  /** @throws {@link AuthError} `storage_unsafe`, `storage_damaged`, `storage_unreadable` or `keychain_unavailable` */
  read(name: string): Promise<StoredProfile>;
  /**
   * @returns what is stored now
   * @throws {@link AuthError} `lock_unavailable` or `storage_…`; the stored profile is then unchanged
   */
  change(name: string, change: ProfileChange): Promise<Profile | undefined>;
  choose(change: (choice: Choice) => Choice): Promise<Choice>;
  /**
   * @returns undefined when something else was stored since: perhaps a token that needs no claim
   * @throws {@link AuthError} `lock_unavailable` or `storage_…`
   */
  claim(found: StoredProfile, options: ClaimOptions): Promise<Claim | undefined>;
  /**
   * Removes everything, readable or not; or everything but the profiles with a session.
   *
   * @param but - `sessions`: after a logout of every profile, a remaining session is from a login made meanwhile, and
   *   stays
   * @param removeKey - removes the key once nothing is left; under the same lock, so that no login that needs it comes
   *   between
   */
  removeAll(but?: "sessions", removeKey?: () => Promise<void>): Promise<Remaining>;
}

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

/**
 * Makes a profile the active one, or the one of a directory.
 *
 * @throws NotAuthenticatedError when there is no such profile
 */
export async function chooseProfile(store: SessionStore, name: string, folder?: string): Promise<Profile> {
  const { profile } = await store.read(name);
  if (profile === undefined) throw unknownProfile({ name, source: "profile" }, await store.names());
  await store.choose((choice) => {
    if (folder !== undefined) return { ...choice, folders: new Map(choice.folders).set(folder, name) };
    return choice.active === name ? choice : { ...choice, active: name };
  });
  return profile;
}

/** Whether what is stored cannot be opened, now or ever. */
export function isUnopenable(error: unknown): error is AuthError {
  return isAuthError(error) && ["storage_damaged", "storage_unreadable", "keychain_unavailable"].includes(error.code);
}
