import { defaultTeam, type Profile } from "../auth/session.ts";

/** How an account is called in a sentence: `alice@example.com (Acme Corp)`. */
export function accountName(profile: Profile): string {
  const user = profile.session?.user;
  const team = defaultTeam(profile);
  return `${user?.email ?? user?.name ?? user?.id ?? "somebody"}${team ? ` (${team.name})` : ""}`;
}
