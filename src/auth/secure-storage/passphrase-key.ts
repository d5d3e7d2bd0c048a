import { randomBytes, scrypt } from "node:crypto";
import { promisify } from "node:util";
import { AuthError, hint } from "../../base/errors.ts";
import type { Secret } from "../../base/secret.ts";
import { startOver, type KeySource } from "./sealed-file.ts";
import type { KeyHeader } from "./vault.ts";

/** 16 MiB of memory and about 35 ms for each guess at a passphrase (RFC 7914 §2). */
const cost = { N: 16384, r: 8, p: 1 } as const;
const keyBytes = 32;

/** A header with a fresh salt, for a new key from a passphrase. */
export function newPassphraseHeader(): KeyHeader {
  return { source: "passphrase", kdf: "scrypt", ...cost, salt: randomBytes(16).toString("base64") };
}

/**
 * The key that is derived from a passphrase. Every process derives it again: kept anywhere, it would open the file for a program
 * that does not know the passphrase, and kept under a fast hash it would make guessing cheap.
 */
export function passphraseKey(passphrase: Secret | undefined): KeySource {
  const setIt = hint`Set ${{ variable: "PASSPHRASE" }} to the passphrase of the login`;
  return {
    mismatch: { message: "the passphrase is not the one it was sealed with, or the file was changed", hint: setIt },
    async open(header) {
      if (passphrase === undefined)
        throw new AuthError("storage_unreadable", "the session is sealed with a passphrase, and none is set", {
          hint: setIt,
        });
      return scryptKey(Buffer.from(passphrase.reveal().normalize("NFC")), header);
    },
  };
}

/** The key that scrypt derives from a secret. Throws `storage_damaged` when the header asks for a cost that this program never wrote. */
export async function scryptKey(secret: Buffer, header: KeyHeader): Promise<Buffer> {
  const { N, r, p, salt } = header as Extract<KeyHeader, { kdf: "scrypt" }>;
  // The header is not authenticated until the key is known: a cost chosen by an attacker could use up all memory.
  if (N !== cost.N || r !== cost.r || p !== cost.p) {
    const asked = `N ${N}, r ${r}, p ${p}`;
    throw new AuthError(
      "storage_damaged",
      `the session file asks for scrypt with ${asked}, which this version never wrote`,
      { hint: startOver },
    );
  }
  const run = promisify<Buffer, Buffer, number, typeof cost, Buffer>(scrypt);
  return run(secret, Buffer.from(salt, "base64"), keyBytes, cost);
}
