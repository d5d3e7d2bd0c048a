import type { Reservation } from "../../platform/replace-file.ts";
import type { Clock } from "../../platform/clock.ts";

/** A keychain of the embedding program, for the key of the sealed file: one entry for each folder, as text that has to be kept as a secret. */
export interface SimpleKeychain {
  /** The text of an entry, or undefined when there is none. */
  get(account: string): string | undefined | Promise<string | undefined>;
  /** Replaces it. */
  set(account: string, text: string): void | Promise<void>;
  /** Removes it, if it is there. */
  delete(account: string): void | Promise<void>;
}

/** What a sealed file says, in the open, about the key that opens it. */
export type KeyHeader =
  | { readonly source: "keychain"; readonly account: string }
  // Of a passphrase; of the machine, in files from before there was a secret.
  | {
      readonly source: "passphrase" | "machine";
      readonly kdf: "scrypt";
      readonly N: number;
      readonly r: number;
      readonly p: number;
      readonly salt: string;
    }
  | { readonly source: "machine"; readonly kdf: "hkdf"; readonly machineId: boolean; readonly salt: string };

/** A lock that is held. */
export interface VaultLock {
  /** Whether it is still held: asked before a refresh token is sent, and again before a write. */
  held(): boolean;
  /** Releases it. Never throws; a second call does nothing. */
  release(): void;
}

/** How a lock is waited for. */
export interface VaultLockOptions {
  readonly clock: Clock;
  /** How long to wait at most, in milliseconds. */
  readonly timeoutMs: number;
  /** Asked between tries; when it returns true, the wait ends with undefined. */
  readonly unless: () => boolean;
}

/** Where the text of the sessions is kept at rest: a sealed file, memory, or a place of the embedding program. */
export interface Vault {
  /** The path on disk; undefined when there is none. */
  readonly path: string | undefined;
  /** Changes with every write; undefined when nothing is stored. Cheap enough to be asked many times a second. */
  mark(): string | undefined;
  /** The text, or undefined when there is none. */
  read(): Promise<string | undefined>;
  /** Takes the room for the next write, with `key` if that is a new one, before something is done that cannot be undone. */
  reserve(key?: KeyHeader): Reservation | Promise<Reservation>;
  /** Replaces the text as a whole; `key` seals it with another key from now on. */
  write(content: string, options?: { reservation?: Reservation; key?: KeyHeader }): Promise<void>;
  /** Removes the text. */
  remove(): void | Promise<void>;
  /** Moves a text that cannot be read out of the way. Returns where it is now. Without this method, such a text stays an error. */
  setAside?(): string | Promise<string>;
  /**
   * Takes a lock that excludes every other holder of the same name that uses this vault. Without this method, users of one vault
   * object exclude each other within the process, and processes do not: then two of them may send the same refresh token.
   *
   * @returns undefined when `unless` ended the wait
   * @throws {@link AuthError} `lock_unavailable` after `timeoutMs`
   */
  lock?(name: string, options: VaultLockOptions): Promise<VaultLock | undefined>;
}

/**
 * The small form of a vault, for an embedding program that keeps the sessions itself: in a database, in a keychain of its own, in a
 * test. The text holds tokens, so that it has to be kept as a secret.
 *
 * What it must promise: `set` replaces the text as a whole, and when it has settled, every later `get` sees it, from any process
 * that uses the same place. If several processes do, it needs a `lock` that excludes them all and that a process that dies loses.
 */
export interface SimpleVault {
  /** The text, or undefined when there is none. */
  get(): string | undefined | Promise<string | undefined>;
  /** Replaces the text as a whole. An error it throws becomes `storage_unwritable`, and the session is kept in memory meanwhile. */
  set(text: string): void | Promise<void>;
  /** Removes the text. */
  delete(): void | Promise<void>;
  /** See {@link Vault.lock}. */
  lock?: NonNullable<Vault["lock"]>;
}
