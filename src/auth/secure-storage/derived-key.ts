import { createHash, randomBytes, scrypt } from "node:crypto";
import { lstatSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { AuthError } from "../../base/errors.ts";
import { readPrivateFile, reservePrivateFile } from "../../platform/private-files.ts";
import type { Secret } from "../../base/secret.ts";
import type { KeySource } from "./sealed-file.ts";
import type { KeyHeader } from "./vault.ts";

/** 16 MiB of memory and about 35 ms for each guess at a passphrase (RFC 7914 §2). */
const cost = { N: 16384, r: 8, p: 1 } as const;
const keyBytes = 32;

type DerivedHeader = Exclude<KeyHeader, { source: "keychain" }>;

/** A header with a salt of its own, for a key that has not been used before. */
export function newDerivedHeader(source: DerivedHeader["source"]): KeyHeader {
  return { source, kdf: "scrypt", ...cost, salt: randomBytes(16).toString("base64") };
}

/**
 * The key that a passphrase gives. It is derived anew by every process: kept anywhere, it would open the file for a
 * program that does not know the passphrase, and kept under a quick hash it would make guessing cheap.
 *
 * @param passphrase - `SPEC_KITTY_PASSPHRASE`; undefined when it is not set
 */
export function passphraseKey(passphrase: Secret | undefined): KeySource {
  return {
    mismatch: {
      message: "SPEC_KITTY_PASSPHRASE is not the one it was sealed with, or the file was changed",
      hint: "Set SPEC_KITTY_PASSPHRASE to the passphrase of the login",
    },
    async open(header) {
      if (passphrase === undefined) {
        throw new AuthError("storage_unreadable", "the session is sealed with a passphrase, and SPEC_KITTY_PASSPHRASE is not set", {
          hint: "Set SPEC_KITTY_PASSPHRASE to the passphrase of the login",
        });
      }
      return derive(Buffer.from(passphrase.reveal().normalize("NFC")), header);
    },
  };
}

/**
 * The key that this machine and this user give. Whoever is this user on this machine can derive it: it guards a stray copy
 * of the file (a backup, a synced or copied home), and nothing else.
 *
 * That is also why it may be kept, once derived, in the user's runtime folder, where a process finds it without paying for
 * scrypt: who can read that file can read the machine id and run scrypt too, and a copy of the home does not hold it. What is
 * found there is a guess: only a file that it opens shows that it is the key.
 *
 * @param identity - from {@link machineIdentity}
 * @param cacheFolder - `runtimeFolder` of platform/paths; it is left alone when it is not this user's, or a link. Undefined: the
 * key is kept nowhere
 */
export function machineKey(identity: string, cacheFolder: string | undefined): KeySource {
  const folder = cacheFolder === undefined || isLink(cacheFolder) ? undefined : cacheFolder;
  const openAfresh = async (header: KeyHeader): Promise<Buffer> => {
    const key = await derive(Buffer.from(identity), header);
    // Somebody else's folder, a full disk: neither is needed to open the file, so neither may be in the way.
    attempt(() => {
      if (folder !== undefined) reservePrivateFile(join(folder, cacheName(identity, header)), 0).commit(key.toString("hex"));
    });
    return key;
  };
  return {
    mismatch: {
      message: "it was sealed on another machine or by another user, or it was changed",
      hint: "Start afresh here: spec-kitty auth logout --all --force, then spec-kitty auth login",
    },
    async open(header) {
      const kept = attempt(() => (folder ? readPrivateFile(join(folder, cacheName(identity, header)))?.toString("latin1") : undefined));
      return kept && /^[0-9a-f]{64}$/.test(kept) ? Buffer.from(kept, "hex") : openAfresh(header);
    },
    openAfresh,
  };
}

/** Another identity, another salt: another name, so that what is kept for one header is never tried for another. */
function cacheName(identity: string, header: KeyHeader): string {
  return `${createHash("sha256").update(JSON.stringify([identity, header])).digest("hex").slice(0, 32)}.key`;
}

/**
 * What makes this machine and user different from others: the machine id where the system has one, else the host name,
 * and the user's number or name.
 *
 * @param hostname - `os.hostname()`
 * @param user - the user's number, or name where there is no number
 */
export function machineIdentity(hostname: string, user: string | number): string {
  const id = ["/etc/machine-id", "/var/lib/dbus/machine-id"].map((path) => attempt(() => readFileSync(path, "utf8").trim())).find(Boolean);
  return JSON.stringify(["spec-kitty", id ?? hostname, user]);
}

async function derive(secret: Buffer, header: KeyHeader): Promise<Buffer> {
  if (header.source === "keychain") throw new TypeError("a keychain key is not derived");
  // The header is not authenticated until the key is there: a cost of somebody else's choosing could take all memory.
  if (header.N !== cost.N || header.r !== cost.r || header.p !== cost.p) {
    throw new AuthError("storage_damaged", `the session file asks for scrypt with N ${header.N}, r ${header.r}, p ${header.p}, which this version never wrote`, {
      hint: "Start afresh: spec-kitty auth logout --all --force, then spec-kitty auth login",
    });
  }
  const run = promisify<Buffer, Buffer, number, typeof cost, Buffer>(scrypt);
  return run(secret, Buffer.from(header.salt, "base64"), keyBytes, cost);
}

/** In a temporary folder anybody can make one, to a folder of the user's that is copied or backed up, say. */
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
