import { accountName } from "../../account.ts";
import { defineCommand, jsonOption, profileOption, type Command } from "../../command.ts";
import { columns, duration } from "../../format.ts";
import { describeStorage, statusOf, type AuthStatus } from "../../status.ts";

const threeDaysMs = 3 * 86_400_000;

export const status: Command = defineCommand({
  usage: "auth status",
  description: "Show who is logged in, where, until when, and where the session is kept. Asks nobody: all of it is\nknown here. Exits 0 when somebody is logged in and 4 when nobody is.",
  options: { ...profileOption, ...jsonOption },
  examples: [
    ["spec-kitty auth status", "who is logged in"],
    ["spec-kitty auth status --json", "the same for a program"],
  ],
  async run({ app, out }, values) {
    const profiles = await app.store.read();
    const name = app.settings.profile?.value ?? profiles.active;
    const profile = profiles.profiles.get(name);
    const found = statusOf(name, profile, app);
    if (values.json) {
      out.json(found);
    } else if (!found.authenticated || profile === undefined) {
      out.answer(`Not logged in (profile "${name}").`);
      out.hint("Run: spec-kitty auth login");
    } else {
      out.done(`Logged in as ${accountName(profile)}`);
      out.answer(columns(rows(found, app.clock.now())));
      const ends = found.refreshTokenExpiresAt === undefined ? Infinity : Date.parse(found.refreshTokenExpiresAt) - app.clock.now();
      if (ends < threeDaysMs) out.warn(`the login ends in ${duration(ends)}; to renew it: spec-kitty auth login --force`);
    }
    return found.authenticated ? 0 : 4;
  },
});

function rows(found: AuthStatus, now: number): [string, string][] {
  const { user, team, teams = [] } = found;
  const until = (time: string | undefined, unknown: string): string => {
    if (time === undefined) return unknown;
    const left = Date.parse(time) - now;
    return left > 0 ? `valid for ${duration(left)}, until ${time}` : `over since ${time}`;
  };
  return [
    ["User", [user?.email, user?.name].filter(Boolean).join(", ") || (user?.id ?? "")],
    ["Default team", team ? `${team.name} (${team.id})` : "none"],
    ["Teams", teams.map(({ name, role }) => (role ? `${name} (${role})` : name)).join(", ") || "none"],
    ["Access token", until(found.accessTokenExpiresAt, "valid until the service says otherwise")],
    ["Refresh token", until(found.refreshTokenExpiresAt, "managed by the service")],
    ["Storage", describeStorage(found.storage)],
    ["Session", found.sessionId ?? "without a number"],
    ["Last use", found.lastUsedAt ?? ""],
    ["Service", found.service ?? ""],
    ["Profile", found.profile],
  ];
}
