import type { Hint } from "../../base/errors.ts";

/** What a slot says openly about its key. */
export type KeyWay =
  | { readonly source: "keychain"; readonly account: string }
  | {
      readonly source: "passphrase";
      readonly kdf: "scrypt";
      readonly N: number;
      readonly r: number;
      readonly p: number;
      readonly salt: string;
    }
  /** `secret`: a digest that tells a lost secret from another machine's. */
  | { readonly source: "machine"; readonly kdf: "hkdf"; readonly secret: string; readonly salt: string };

/** One way to open a data key, as in LUKS and age. */
export interface KeySlot {
  /** The data key's id, and the directory of what it seals. */
  readonly key: string;
  readonly way: KeyWay;
  /** A digest of the machine's id; empty where it has none. */
  readonly machine: string;
  /** The machine's name, for messages. */
  readonly host: string;
  /** The data key, sealed. */
  readonly wrapped: string;
}

/** A key for a future slot. */
export interface NewKey {
  readonly way: KeyWay;
  readonly key: Buffer;
}

/** The OS keychain, a passphrase, or this machine. */
export interface KeySource {
  /**
   * The 256-bit key of a slot.
   * @throws {@link AuthError} `keychain_unavailable`, `storage_unreadable` or `storage_damaged`, naming what is missing
   */
  open(slot: KeySlot): Promise<Buffer>;
  /** A key for a new slot, with the secret or keychain entry that it needs. */
  create(): Promise<NewKey>;
  /** The error for a wrong key. */
  readonly mismatch: { readonly message: string; readonly hint: Hint };
}
