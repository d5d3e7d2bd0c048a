import type { Hint } from "../../base/errors.ts";

/** What a slot says, in the open, about the key that opens it. */
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
  /** `secret`: a digest of the machine's secret, which tells a lost one from another machine's. */
  | { readonly source: "machine"; readonly kdf: "hkdf"; readonly secret: string; readonly salt: string };

/** One way to open a data key, as LUKS and age have it. */
export interface KeySlot {
  /** The id of the data key, and the name of the directory of what it seals. */
  readonly key: string;
  readonly way: KeyWay;
  /** A digest of the machine's id, from which the slot was made; empty where the machine has none. */
  readonly machine: string;
  /** The name of that machine, for messages. */
  readonly host: string;
  /** The data key, sealed. */
  readonly wrapped: string;
}

/** A source of the keys that open slots: the OS keychain, a passphrase, this machine. */
export interface KeySource {
  /**
   * The 256-bit key of a slot, as far as what was stored in the open tells.
   * @throws {@link AuthError} `keychain_unavailable`, `storage_unreadable` or `storage_damaged`, naming what is missing
   */
  open(slot: KeySlot): Promise<Buffer>;
  /** A key for a new slot, and what else it needs: a secret, an entry in the keychain. */
  create(): Promise<{ readonly way: KeyWay; readonly key: Buffer }>;
  /** The error when the key is not the slot's. */
  readonly mismatch: { readonly message: string; readonly hint: Hint };
}
