import { createHash, randomBytes } from "node:crypto";
import { AuthError } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import { newDerivedHeader } from "./derived-key.ts";
import type { Keychain } from "./keychain.ts";
import type { KeySource } from "./sealed-file.ts";
import type { KeyHeader } from "./vault.ts";

/** A value and where it comes from, in the words the user typed: `--profile`, `SPEC_KITTY_PROFILE`. */
export interface Setting<T> {
  readonly value: T;
  readonly source: string;
}

/** Where the key that seals the sessions lives, or that nothing is kept at all. */
export type StorageKind = "keychain" | "file" | "memory";

/** What the choice of a key source depends on. */
export interface ChoiceFacts {
  /** What the user asked for; undefined leaves it to the choice. */
  requested: Setting<StorageKind> | undefined;
  /** The key of the file that is there already; undefined when there is none. */
  current: KeyHeader | undefined;
  keychain: Keychain;
  /** The folder of the file: each has a keychain entry of its own. */
  folder: string;
  hasPassphrase: boolean;
  /** Consent to the file that was given beforehand: `--yes`. */
  granted: boolean;
  /**
   * Asks for consent to the file, once.
   * @throws AuthError `consent_required` where nobody can be asked
   */
  consent: (reason: string) => Promise<boolean>;
}

/**
 * Chooses, at login and before the user is sent anywhere, where the key lives that seals the sessions. A keychain is
 * written to and read from here, so that a locked one shows now and not when there is a session to lose.
 *
 * There is no silent step down: without a keychain the encrypted file needs one explicit yes.
 *
 * @throws {@link AuthError} `keychain_unavailable` when one was asked for, `consent_required`
 */
export async function chooseKey(facts: ChoiceFacts): Promise<KeyHeader> {
  const { requested, current, keychain, folder } = facts;
  const inUse = current?.source;
  if (requested?.value === "file" || (requested === undefined && (inUse === "machine" || inUse === "passphrase"))) {
    const source = facts.hasPassphrase ? "passphrase" : "machine";
    // Consented to when the file was made.
    if (current && inUse === source) return current;
    if (inUse !== "machine" && inUse !== "passphrase" && requested?.source !== "SPEC_KITTY_STORAGE") await agree(facts, "--storage file was asked for");
    return newDerivedHeader(source);
  }
  try {
    return await keychainHeader(keychain, inUse === "keychain" && current?.source === "keychain" ? current.account : accountOf(folder));
  } catch (error) {
    if (requested !== undefined || inUse === "keychain" || !(error instanceof AuthError) || error.code !== "keychain_unavailable") throw error;
    await agree(facts, error.message);
    return newDerivedHeader(facts.hasPassphrase ? "passphrase" : "machine");
  }
}

/** The key that a header names in the keychain. */
export function keychainKey(keychain: Keychain): KeySource {
  return {
    mismatch: {
      message: "it was sealed with another key than the keychain's, or it was changed",
      hint: "Start afresh: spec-kitty auth logout --all --force, then spec-kitty auth login",
    },
    async open(header) {
      if (header.source !== "keychain") throw new TypeError("not a keychain key");
      const key = await keychain.read(header.account);
      if (key === undefined) {
        throw new AuthError("keychain_unavailable", `the keychain no longer has the key of the session ("${header.account}")`, {
          hint: "Start afresh: spec-kitty auth logout --all --force, then spec-kitty auth login",
        });
      }
      return Buffer.from(key.reveal(), "base64url");
    },
  };
}

async function keychainHeader(keychain: Keychain, account: string): Promise<KeyHeader> {
  if ((await keychain.read(account)) === undefined) {
    const key = new Secret(randomBytes(32).toString("base64url"));
    await keychain.write(account, key);
    const kept = await keychain.read(account);
    if (kept === undefined || !kept.equals(key)) {
      throw new AuthError("keychain_unavailable", "the keychain took a key and does not give it back", { hint: "Run: spec-kitty auth login --storage file" });
    }
  }
  return { source: "keychain", account };
}

/** Derived from the folder and not random, so that a login that is given up leaves no entry behind that the next does not use. */
function accountOf(folder: string): string {
  return `sessions-${createHash("sha256").update(folder).digest("hex").slice(0, 12)}`;
}

async function agree({ granted, consent }: ChoiceFacts, reason: string): Promise<void> {
  if (granted || (await consent(reason))) return;
  throw new AuthError("consent_required", "the session was not stored: the encrypted file was declined", {
    hint: "Keep it in memory, for this one command: spec-kitty auth login --storage memory",
  });
}
