/** An embedding program's keychain, for the key of the sessions: one secret text for each directory. */
export interface SimpleKeychain {
  /** The text of an entry; undefined when there is none. */
  get(account: string): string | undefined | Promise<string | undefined>;
  /** Replaces the text. */
  set(account: string, text: string): void | Promise<void>;
  /** Removes the entry, if there is one. */
  delete(account: string): void | Promise<void>;
}
