import { randomBytes, scrypt } from "node:crypto";
import { promisify } from "node:util";
import { AuthError, hint, loginAnew } from "../../base/errors.ts";
import type { Secret } from "../../base/secret.ts";
import { startOver } from "./data-key.ts";
import type { KeySource, KeyWay } from "./key-slot.ts";

/** 16 MiB of memory and about 35 ms per guess (RFC 7914 §2). */
const cost = { N: 16384, r: 8, p: 1 } as const;
const keyBytes = 32;

/** Normalized: one passphrase, however its letters were typed. */
export function keyOfPassphrase(passphrase: Secret, salt: string): Promise<Buffer> {
  const run = promisify<Buffer, Buffer, number, typeof cost, Buffer>(scrypt);
  return run(Buffer.from(passphrase.reveal().normalize("NFC")), Buffer.from(salt, "base64"), keyBytes, cost);
}

/**
 * Derived anew in every process: a stored key would open the sessions without the passphrase, and a fast hash would
 * make guessing cheap.
 */
export function passphraseKey(passphrase: Secret | undefined): KeySource {
  const setIt = hint`Set ${{ variable: "PASSPHRASE" }} to the passphrase of the login. If it is lost, log in again: ${loginAnew()}`;
  const derive = async (way: KeyWay): Promise<Buffer> => {
    if (way.source !== "passphrase") throw new TypeError("not a key of a passphrase");
    if (passphrase === undefined)
      throw new AuthError("storage_unreadable", "the session needs a passphrase, and none is set", {
        hint: setIt,
      });
    const { N, r, p, salt } = way;
    // The slot is not authenticated yet: an attacker's cost could use up all memory.
    if (N !== cost.N || r !== cost.r || p !== cost.p) {
      const asked = `N ${N}, r ${r}, p ${p}`;
      throw new AuthError(
        "storage_damaged",
        `the session's key requires scrypt with ${asked}, unknown to this version`,
        { hint: startOver },
      );
    }
    return keyOfPassphrase(passphrase, salt);
  };
  return {
    mismatch: { message: "the passphrase is wrong, or the file was changed", hint: setIt },
    open: ({ way }) => derive(way),
    async create() {
      const way: KeyWay = { source: "passphrase", kdf: "scrypt", ...cost, salt: randomBytes(16).toString("base64") };
      return { way, key: await derive(way) };
    },
  };
}
