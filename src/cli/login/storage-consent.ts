import { isDeepStrictEqual } from "node:util";
import { chooseKey } from "../../auth/secure-storage/key-choice.ts";
import type { KeyHeader } from "../../auth/secure-storage/vault.ts";
import { AuthError } from "../../base/errors.ts";
import type { Context } from "../command.ts";

/**
 * The key that a login's session will be sealed with, agreed with the user before anything is asked of the service: a login
 * that cannot be stored must not be asked for.
 *
 * @param granted - whether the user has agreed to the encrypted file beforehand
 * @returns the key, to be asked for when the session is stored: undefined then to leave the file's as it is. A login can take
 * minutes, and one that changes nothing must not take back what another has changed meanwhile, to a better key perhaps
 * @throws AuthError as `chooseKey`, and `storage_unwritable` where there is no room
 */
export async function agreedKey({ app, out, terminal, signal }: Context, granted: boolean): Promise<() => KeyHeader | undefined> {
  if (!app.isKept) return () => undefined;
  const current = app.sealedFile.header();
  const key = await chooseKey({
    requested: app.settings.storage,
    current,
    keychain: app.keychain,
    folder: app.folder,
    hasPassphrase: app.settings.passphrase !== undefined,
    granted,
    async consent(reason) {
      if (!terminal.isInteractive) {
        throw new AuthError("consent_required", `the session would be kept in an encrypted file (${reason}), and nobody is here to agree to that`, {
          hint: "Agree beforehand: spec-kitty auth login --storage file --yes, or export SPEC_KITTY_STORAGE=file",
        });
      }
      out.say(`The key of the session would not be in a keychain: ${reason}.`);
      out.say("It would be kept in an encrypted file that this user on this machine can open: safe from a stray copy, not from your own programs.");
      return /^y(es)?$/i.test(await terminal.ask("Keep it in the encrypted file? [y/N] ", signal));
    },
  });
  // A full disk, or a folder that cannot be written, shows now as well.
  (await app.store.reserve()).discard();
  const isKept = isDeepStrictEqual(key, current);
  return () => (isKept && app.sealedFile.header() !== undefined ? undefined : key);
}
