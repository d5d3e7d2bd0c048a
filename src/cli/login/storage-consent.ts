import { isDeepStrictEqual } from "node:util";
import { chooseKey } from "../../auth/secure-storage/key-choice.ts";
import type { KeyHeader } from "../../auth/secure-storage/vault.ts";
import { AuthError } from "../../base/errors.ts";
import { hint, login } from "../../base/hint.ts";
import type { Context } from "../command.ts";

/** What the user has said beforehand. */
export interface Consent {
  /** Agrees to the encrypted file. */
  readonly granted: boolean;
  /** What is stored cannot be opened, and is done without. */
  readonly startsOver: boolean;
}

/**
 * The key that will seal the session of a login, agreed with the user before the service is asked anything: a login that cannot
 * be stored must not be started.
 *
 * @returns gives the key when the session is stored, or undefined to leave the file's key as it is. A login can take minutes, and
 * one that changes nothing must not undo what another has changed meanwhile, perhaps to a better key
 * @throws AuthError as `chooseKey`, and `storage_unwritable` when there is no space
 */
export async function agreedKey({ app, out, terminal, signal }: Context, { granted, startsOver }: Consent): Promise<() => KeyHeader | undefined> {
  if (!app.isKept) return () => undefined;
  const current = startsOver ? undefined : app.sealedFile.header();
  const key = await chooseKey({
    requested: app.settings.storage,
    current,
    keychain: app.keychain,
    folder: app.folder,
    hasPassphrase: app.settings.passphrase !== undefined,
    granted,
    async consent(reason) {
      const { isInteractive, ask } = await terminal();
      if (!isInteractive) {
        const problem = `the session would be stored in an encrypted file (${reason}), and there is no terminal to ask for your consent`;
        throw new AuthError("consent_required", problem, {
          hint: hint`Agree beforehand: ${login(undefined, "--storage", "file", ...(startsOver ? ["--force"] : []), "--yes")}, or ${{ variable: "STORAGE", value: "file" }}`,
        });
      }
      out.say(`The key of the session would not be in a keychain: ${reason}.`);
      out.say("The session would be stored in an encrypted file that your user can open on this machine.");
      out.say("It is safe from a copy and from other users, not from your own programs.");
      return /^y(es)?$/i.test(await ask("Store it in the encrypted file? [y/N] ", signal));
    },
  });
  const isKept = isDeepStrictEqual(key, current);
  // A full disk, or a folder that cannot be written, shows now as well.
  (await app.store.reserve(isKept ? undefined : key)).discard();
  return () => (isKept && app.sealedFile.header() !== undefined ? undefined : key);
}
