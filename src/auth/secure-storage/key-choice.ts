import { AuthError, hint, login } from "../../base/errors.ts";
import { whereSealed } from "./keychain.ts";
import type { KeySource, KeyWay, NewKey } from "./key-slot.ts";

export type StorageKind = "keychain" | "file" | "memory";

export interface ChoiceFacts {
  requested: { readonly value: StorageKind } | undefined;
  /** How this machine opens what is stored; undefined if nothing is, or it cannot. */
  current: KeyWay | undefined;
  sourceOf: (source: KeyWay["source"]) => Promise<KeySource>;
  hasPassphrase: boolean;
  /** Asks for consent to the file, once. Throws `consent_required` if it cannot ask. */
  consent: (reason: string) => Promise<boolean>;
}

/** Whether to derive the key: by request, else as for what is stored. */
function wantsFile(requested: ChoiceFacts["requested"], current: KeyWay | undefined): boolean {
  return requested === undefined ? current !== undefined && current.source !== "keychain" : requested.value === "file";
}

interface KeyChoice {
  readonly source: KeyWay["source"];
  readonly key?: NewKey;
}

/**
 * Chooses at login, before the user is sent anywhere, how to open the sessions. A keychain is written and read now: a
 * locked one must not show only when there is a session to lose.
 *
 * There is no silent fallback: without a keychain, the encrypted file needs one explicit yes.
 *
 * @returns the key's source, and the key for a new slot; without one, the current slot is as requested
 * @throws {@link AuthError} `keychain_unavailable` when one was requested, `consent_required`
 */
export async function chooseKey(facts: ChoiceFacts): Promise<KeyChoice> {
  const { requested, current, sourceOf } = facts;
  const file = facts.hasPassphrase ? "passphrase" : "machine";
  const create = async (source: KeyWay["source"]): Promise<KeyChoice> => ({
    source,
    key: await (await sourceOf(source)).create(),
  });
  if (wantsFile(requested, current)) {
    // Requesting the file is consent, as it was when the file was made.
    return current?.source === file ? { source: file } : create(file);
  }
  try {
    const choice = await create("keychain");
    return current?.source === "keychain" ? { source: "keychain" } : choice;
  } catch (error) {
    const mayFallBack =
      requested === undefined &&
      current?.source !== "keychain" &&
      error instanceof AuthError &&
      error.code === "keychain_unavailable";
    if (!mayFallBack) throw current?.source === "keychain" ? whereSealed(error) : error;
    await agree(facts, error.message);
    return create(file);
  }
}

async function agree({ consent }: ChoiceFacts, reason: string): Promise<void> {
  if (await consent(reason)) return;
  const agreed = login(undefined, "--yes");
  throw new AuthError(
    "consent_required",
    "not logged in: you declined the encrypted file (no protection from your own programs)",
    {
      hint: hint`Accept the file: ${agreed}. Or store nothing: ${login(undefined, "--storage", "memory")}`,
    },
  );
}
