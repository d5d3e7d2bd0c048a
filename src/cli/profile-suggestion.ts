import { dirname } from "node:path";
import { isProfileName } from "../auth/sessions/session.ts";
import { isAuthError, hint } from "../base/errors.ts";
import { readProfileFile } from "../platform/profile-file.ts";
import type { Context } from "./command.ts";

/** The file decides nothing: a clone brings it along, and would choose whose token its scripts get (S-010). */
export async function showSuggestion({ app, out }: Pick<Context, "app" | "out">, path: string): Promise<void> {
  const name = readProfileFile(path).trim();
  if (!isProfileName(name)) return out.warn(`"${path}" does not contain the name of a profile, and has no effect`);
  const stored = await app.store.choice().catch((error: unknown) => {
    // The command itself reports read errors.
    if (!isAuthError(error)) throw error;
  });
  const folder = dirname(path);
  // The user has chosen for this directory or one below, or has no choice.
  if (
    stored === undefined ||
    stored.active === name ||
    (stored.here !== undefined && stored.here.length >= folder.length)
  )
    return;
  if ((await app.store.read(name)).profile === undefined)
    return out.warn(
      `"${path}" suggests the profile "${name}", but it does not exist: this command uses "${stored.active}"`,
    );
  const go = folder === app.folderHere ? "" : hint`${{ run: ["cd", folder] }}, then `;
  out.say(`"${path}" suggests the profile "${name}"; this command uses "${stored.active}".`);
  out.hint(hint`To use "${name}": ${go}${{ command: "auth switch", options: [name, "--here"] }}`);
}
