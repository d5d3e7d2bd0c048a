import { createHash, randomBytes } from "node:crypto";
import { AuthError, hint, login } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import { whereSealed, type Keychain } from "./keychain.ts";
import { newMachineHeader } from "./machine-key.ts";
import { newPassphraseHeader } from "./passphrase-key.ts";
import type { KeyHeader } from "./vault.ts";

/** Where the key that seals the sessions is kept, or that nothing is kept at all. */
export type StorageKind = "keychain" | "file" | "memory";

export interface ChoiceFacts {
  /** The user's request, and whether it was made by option (`--storage`) or by variable; undefined when there is none. */
  requested: { readonly value: StorageKind; readonly source: string } | undefined;
  /** The key of the existing file; undefined when there is no file. */
  current: KeyHeader | undefined;
  keychain: Keychain;
  /** The folder of the file: each has a keychain entry of its own. */
  folder: string;
  hasPassphrase: boolean;
  /** Asks the user to agree to the file, once. Throws `consent_required` where there is nobody to ask. */
  consent: (reason: string) => Promise<boolean>;
}

/** Whether the key is to be derived and not in the keychain: by request, else as it is for the file that exists. */
export function wantsFile(requested: ChoiceFacts["requested"], current: KeyHeader | undefined): boolean {
  return requested === undefined ? current !== undefined && current.source !== "keychain" : requested.value === "file";
}

/**
 * Chooses, at login and before the user is sent anywhere, where the key that seals the sessions is kept. A keychain is written
 * to and read here, so that a locked one shows now and not when there is a session to lose.
 *
 * There is no silent fallback: without a keychain, the encrypted file needs one explicit yes.
 *
 * @throws {@link AuthError} `keychain_unavailable` when one was requested, `consent_required`
 */
export async function chooseKey(facts: ChoiceFacts): Promise<KeyHeader> {
  const { requested, current, keychain, folder } = facts;
  const isFile = current !== undefined && current.source !== "keychain";
  if (wantsFile(requested, current)) {
    const source = facts.hasPassphrase ? "passphrase" : "machine";
    // The user agreed when the file was made.
    if (current?.source === source) return current;
    // A variable that asks for the file is an agreement too; the option alone is not.
    if (!isFile && requested?.source.startsWith("--")) await agree(facts, "--storage file was requested");
    return newFileHeader(facts);
  }
  try {
    return await keychainHeader(keychain, current?.source === "keychain" ? current.account : accountOf(folder));
  } catch (error) {
    const mayFallBack =
      requested === undefined &&
      current?.source !== "keychain" &&
      error instanceof AuthError &&
      error.code === "keychain_unavailable";
    if (!mayFallBack) throw current?.source === "keychain" ? whereSealed(error) : error;
    await agree(facts, error.message);
    return newFileHeader(facts);
  }
}

function newFileHeader({ hasPassphrase }: ChoiceFacts): KeyHeader {
  return hasPassphrase ? newPassphraseHeader() : newMachineHeader();
}

async function keychainHeader(keychain: Keychain, account: string): Promise<KeyHeader> {
  if ((await keychain.read(account)) === undefined) {
    const key = new Secret(randomBytes(32).toString("base64url"));
    await keychain.write(account, key);
    const kept = await keychain.read(account);
    if (kept === undefined || !kept.equals(key)) {
      throw new AuthError("keychain_unavailable", "the keychain accepts a key but does not return it", {
        hint: hint`Run: ${login(undefined, "--storage", "file")}`,
      });
    }
  }
  return { source: "keychain", account };
}

/** Derived from the folder and not random, so that an abandoned login leaves no entry behind that the next one does not use. */
function accountOf(folder: string): string {
  return `sessions-${createHash("sha256").update(folder).digest("hex").slice(0, 12)}`;
}

async function agree({ consent }: ChoiceFacts, reason: string): Promise<void> {
  if (await consent(reason)) return;
  const agreed = login(undefined, "--yes");
  throw new AuthError(
    "consent_required",
    "you are not logged in, and nothing was stored: the encrypted file was declined",
    {
      hint: hint`The file is safe from a copy and from other users, but not from your own programs. To agree to it: ${agreed}. To log in for one command, and store nothing: ${login(undefined, "--storage", "memory")}`,
    },
  );
}
