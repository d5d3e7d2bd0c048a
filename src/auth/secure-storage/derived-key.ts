import { createHash, randomBytes, scrypt } from "node:crypto";
import { lstatSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { AuthError } from "../../base/errors.ts";
import { hint } from "../../base/hint.ts";
import type { Identity } from "../../base/identity.ts";
import type { Secret } from "../../base/secret.ts";
import { readPrivateFile } from "../../platform/private-files.ts";
import { startOver, type KeySource } from "./sealed-file.ts";
import type { KeyHeader } from "./vault.ts";

/** 16 MiB of memory and about 35 ms for each guess at a passphrase (RFC 7914 §2). */
const cost = { N: 16384, r: 8, p: 1 } as const;
const keyBytes = 32;

type DerivedHeader = Exclude<KeyHeader, { source: "keychain" }>;

/** A header with a fresh salt, for a new key. */
export function newDerivedHeader(source: DerivedHeader["source"]): KeyHeader {
  return { source, kdf: "scrypt", ...cost, salt: randomBytes(16).toString("base64") };
}

/**
 * The key that is derived from a passphrase. Every process derives it again: kept anywhere, it would open the file for a program
 * that does not know the passphrase, and kept under a fast hash it would make guessing cheap.
 *
 * @param passphrase - the variable `…_PASSPHRASE`; undefined when it is not set
 */
export function passphraseKey(passphrase: Secret | undefined): KeySource {
  const setIt = hint`Set ${{ variable: "PASSPHRASE" }} to the passphrase of the login`;
  return {
    mismatch: { message: "the passphrase is not the one it was sealed with, or the file was changed", hint: setIt },
    async open(header) {
      if (passphrase === undefined) throw new AuthError("storage_unreadable", "the session is sealed with a passphrase, and none is set", { hint: setIt });
      return derive(Buffer.from(passphrase.reveal().normalize("NFC")), header);
    },
  };
}

/**
 * The key that is derived from this machine and user. Any process of this user on this machine can derive it: it guards a stray
 * copy of the file (a backup, a synced or copied home), and nothing else.
 *
 * That is also why the derived key may be cached in the user's runtime folder, where a process finds it without the cost of
 * scrypt: a process that can read the cache can read the machine id and run scrypt too, and a copy of the home does not hold the
 * cache. A cached key is a guess: only a file that it opens shows that it is right.
 *
 * @param fingerprint - from {@link machineFingerprint}
 * @param cacheFolder - `runtimeFolder` of platform/paths; not used when it belongs to another user or is a link. Undefined: no cache
 */
export function machineKey(fingerprint: string, cacheFolder: string | undefined): KeySource {
  const folder = cacheFolder === undefined || isLink(cacheFolder) ? undefined : cacheFolder;
  const openUncached = async (header: KeyHeader): Promise<Buffer> => {
    const key = await derive(Buffer.from(fingerprint), header);
    // Another user's folder, a full disk: the file can be opened without a cache, so no failure of the cache is an error.
    if (folder !== undefined) {
      const { reservePrivateFile } = await import("../../platform/private-file-changes.ts");
      attempt(() => reservePrivateFile(join(folder, cacheName(fingerprint, header)), 0).commit(key.toString("hex")));
    }
    return key;
  };
  return {
    mismatch: { message: "it was sealed on another machine or by another user, or it was changed", hint: startOver },
    async open(header) {
      const cached = attempt(() => (folder ? readPrivateFile(join(folder, cacheName(fingerprint, header)))?.toString("latin1") : undefined));
      return cached && /^[0-9a-f]{64}$/.test(cached) ? Buffer.from(cached, "hex") : openUncached(header);
    },
    openUncached,
  };
}

/** Another fingerprint or another salt gives another name, so that the key cached for one header is never tried for another. */
function cacheName(fingerprint: string, header: KeyHeader): string {
  return `${createHash("sha256").update(JSON.stringify([fingerprint, header])).digest("hex").slice(0, 32)}.key`;
}

/**
 * What distinguishes this machine and user from others: the machine id where the system has one, else the host name; and the user's
 * number or name. Each tool has its own.
 *
 * @param identity - the tool
 * @param hostname - `os.hostname()`
 * @param user - the user's number, or name where there is no number
 */
export function machineFingerprint(identity: Identity, hostname: string, user: string | number): string {
  const id = ["/etc/machine-id", "/var/lib/dbus/machine-id"].map((path) => attempt(() => readFileSync(path, "utf8").trim())).find(Boolean);
  return JSON.stringify([identity.name, id ?? hostname, user]);
}

async function derive(secret: Buffer, header: KeyHeader): Promise<Buffer> {
  if (header.source === "keychain") throw new TypeError("a keychain key is not derived");
  // The header is not authenticated until the key is known: a cost chosen by an attacker could use up all memory.
  if (header.N !== cost.N || header.r !== cost.r || header.p !== cost.p) {
    const asked = `N ${header.N}, r ${header.r}, p ${header.p}`;
    throw new AuthError("storage_damaged", `the session file asks for scrypt with ${asked}, which this version never wrote`, { hint: startOver });
  }
  const run = promisify<Buffer, Buffer, number, typeof cost, Buffer>(scrypt);
  return run(secret, Buffer.from(header.salt, "base64"), keyBytes, cost);
}

/** In a temporary folder any user can plant a link, to a folder of this user's that is copied or backed up, say. */
function isLink(path: string): boolean {
  return attempt(() => lstatSync(path).isSymbolicLink()) === true;
}

function attempt<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch {
    return undefined;
  }
}
