import { isDeepStrictEqual } from "node:util";
import { chooseKey } from "../../auth/secure-storage/key-choice.ts";
import type { KeyHeader } from "../../auth/secure-storage/vault.ts";
import { AuthError, hint, login } from "../../base/errors.ts";
import { checkFoldersAbove } from "../../platform/folders-above.ts";
import type { App } from "../app.ts";
import type { LoginOptions } from "./options.ts";

/**
 * The key that will seal the session of a login, agreed with the user before the service is asked anything: a login that cannot
 * be stored must not be started.
 *
 * @param onConsent - asks the user to agree to the encrypted file
 * @param startsOver - what is stored cannot be opened, and is left behind
 * @returns gives the key when the session is stored, or undefined to leave the file's key unchanged. A login can take minutes, and
 * one that changes nothing must not undo what another has changed meanwhile, perhaps to a better key
 * @throws AuthError as `chooseKey`, `storage_unsafe` for a folder that others can replace, and `storage_unwritable` when there is no space
 */
export async function agreedKey(
  app: App,
  onConsent: LoginOptions["onConsent"],
  startsOver = false,
): Promise<() => KeyHeader | undefined> {
  if (!app.isSealed) return () => undefined;
  checkFoldersAbove(app.folder);
  const current = startsOver ? undefined : app.sealedFile.header();
  const key = await chooseKey({
    requested: app.settings.storage,
    current,
    keychain: await app.keychain(),
    folder: app.folder,
    hasPassphrase: app.settings.passphrase !== undefined,
    async consent(reason) {
      const answer = await onConsent?.({ about: "file", reason });
      if (answer !== undefined) return answer;
      const problem = `the session would be stored in an encrypted file (${reason}), and there is no terminal to ask for your consent`;
      throw new AuthError("consent_required", problem, {
        hint: hint`Agree beforehand: ${{ variable: "STORAGE", value: "file" }}, or ${login(undefined, "--storage", "file", ...(startsOver ? ["--force"] : []), "--yes")}`,
      });
    },
  });
  const isKept = isDeepStrictEqual(key, current);
  // A full disk, or a folder that cannot be written, shows now as well.
  (await app.store.reserve(isKept ? undefined : key)).discard();
  return () => (isKept && app.sealedFile.header() !== undefined ? undefined : key);
}
