import type { Reservation } from "../../platform/files.ts";

/** What a sealed file says, in the open, about the key that opens it. */
export type KeyHeader =
  | { readonly source: "keychain"; readonly account: string }
  | { readonly source: "passphrase" | "machine"; readonly kdf: "scrypt"; readonly N: number; readonly r: number; readonly p: number; readonly salt: string };

/** What keeps the sessions' text at rest: a sealed file, or memory. */
export interface Vault {
  /** Where it is on disk; undefined when it is nowhere. */
  readonly path: string | undefined;
  /** Changes with every write; undefined when there is nothing. Cheap enough to be asked many times a second. */
  mark(): string | undefined;
  /** The text, or undefined when there is none. */
  read(): Promise<string | undefined>;
  /** Takes the room for the next write before something is done that cannot be done twice. */
  reserve(): Reservation;
  /** Replaces the text whole; `key` seals it with another key from now on. */
  write(content: string, options?: { reservation?: Reservation; key?: KeyHeader }): Promise<void>;
  /** Removes the text. */
  remove(): void;
}
