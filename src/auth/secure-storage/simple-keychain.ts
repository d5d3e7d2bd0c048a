/** A keychain of the embedding program, for the key of the sessions: one entry for each folder, as text that has to be kept as a secret. */
export interface SimpleKeychain {
  /** The text of an entry, or undefined when there is none. */
  get(account: string): string | undefined | Promise<string | undefined>;
  /** Replaces it. */
  set(account: string, text: string): void | Promise<void>;
  /** Removes it, if it is there. */
  delete(account: string): void | Promise<void>;
}
