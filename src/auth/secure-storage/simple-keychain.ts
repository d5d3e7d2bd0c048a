/** One secret text for each directory. */
export interface SimpleKeychain {
  /** Undefined when there is none. */
  get(account: string): string | undefined | Promise<string | undefined>;
  set(account: string, text: string): void | Promise<void>;
  /** Succeeds when there is none. */
  delete(account: string): void | Promise<void>;
}
