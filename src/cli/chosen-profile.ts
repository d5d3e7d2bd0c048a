import type { App } from "../app/app.ts";
import { unknownProfile, type Profile, type Profiles } from "../auth/session.ts";

/**
 * The profile that a command is about: the one that the option names, else the variable, else the one that the user chose for
 * the folder, else the active one, which may not exist yet.
 *
 * @throws {@link NotAuthenticatedError} when the one that is named does not exist; {@link AuthError} `storage_…`
 */
export async function chosenProfile({
  store,
  settings,
}: App): Promise<{ name: string; profile: Profile | undefined; all: Profiles }> {
  const all = await store.read();
  const name = settings.profile?.value ?? all.active;
  const profile = all.profiles.get(name);
  const source = settings.profile?.source ?? (all.here && chosenFor(all.here));
  // A token from the environment needs no profile.
  if (profile === undefined && source && !settings.accessToken) throw unknownProfile(name, all, source);
  return { name, profile, all };
}

/** The source of a profile that was chosen for a folder. */
export function chosenFor(folder: string): string {
  return `--here in ${folder}`;
}
