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
  /** For messages. */
  readonly host: string;
  /** The data key, sealed. */
  readonly wrapped: string;
}

export interface NewKey {
  readonly way: KeyWay;
  readonly key: Buffer;
}

/** Keys of 256 bits. */
export interface KeySource {
  /** @throws {@link AuthError} `keychain_unavailable`, `storage_unreadable` or `storage_damaged`: what is missing */
  open(slot: KeySlot): Promise<Buffer>;
  /** A key for a new slot, with the secret or keychain entry that it needs. */
  create(): Promise<NewKey>;
  /** The error for a wrong key. */
  readonly mismatch: { readonly message: string; readonly hint: Hint };
}
