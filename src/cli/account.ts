import type { App } from "../app/app.ts";
import { defaultTeam, unknownProfile, type Profile, type Profiles } from "../auth/session.ts";

/** How an account is called in a sentence: `alice@example.com (Acme Corp)`. */
export function accountName(profile: Profile): string {
  const user = profile.session?.user;
  const team = defaultTeam(profile);
  return `${user?.email ?? user?.name ?? user?.id ?? "somebody"}${team ? ` (${team.name})` : ""}`;
}

/** The profile that a command is about. */
export interface ChosenProfile {
  readonly name: string;
  /** Undefined when nobody has named one and the active one was never logged in to. */
  readonly profile: Profile | undefined;
  readonly all: Profiles;
}

/**
 * The profile that a command is about: what the option names, else the environment, else the folder's file, else the
 * active one.
 *
 * @throws {@link NotAuthenticatedError} when one is named and there is none of that name; {@link AuthError} `storage_…`
 */
export async function chosenProfile({ store, settings }: App): Promise<ChosenProfile> {
  const all = await store.read();
  const name = settings.profile?.value ?? all.active;
  const profile = all.profiles.get(name);
  // With a token of the environment no profile is needed, and a job on a clone whose file names one has none.
  if (profile === undefined && settings.profile && !settings.accessToken) throw unknownProfile(name, all, settings.profile.source);
  return { name, profile, all };
}
