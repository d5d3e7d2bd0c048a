import type { Team } from "../../../auth/oauth/user-info.ts";
import { defaultTeam } from "../../../auth/sessions/session.ts";
import { notLoggedIn } from "../../../auth/token-manager/ended-login.ts";
import { hint } from "../../../base/errors.ts";
import { oneLine } from "../../../base/text.ts";
import { defineCommand, jsonOption, profileOption, usageError, type Command } from "../../command.ts";
import type { JsonOutput } from "../../json-output.ts";

export const command: Command = defineCommand({
  usage: "auth team [TEAM]",
  description: "Show the default team, or make TEAM (an ID or a name) the default.",
  options: { ...profileOption, ...jsonOption },
  choices: "teams",
  examples: [["auth team"], ['auth team "Acme Corp"']],
  async run({ app, out }, values, [wanted]) {
    let { name, profile } = await app.profileInUse();
    if (profile?.session === undefined) throw notLoggedIn(name, profile, app.clock.now());
    if (wanted !== undefined) {
      const chosen = findTeam(wanted, profile.session.teams);
      const after = await app.store.change(name, (stored) =>
        stored === undefined || stored.team === chosen.id ? stored : { ...stored, team: chosen.id },
      );
      profile = after ?? profile;
    }
    const current = defaultTeam(profile);
    if (values.json)
      return out.json<JsonOutput["auth team"]>({ profile: name, team: current, teams: profile.session?.teams ?? [] });
    if (current === undefined) return out.answer("You are not a member of any team.");
    if (wanted === undefined) out.answer(described(current));
    else out.done(`The default team is ${described(current)}.`);
  },
});

/** An id takes precedence over a name, an exact name over other case. */
function findTeam(wanted: string, teams: readonly Team[]): Team {
  const isSameName = ({ name }: Team): boolean => name.toLowerCase() === wanted.toLowerCase();
  for (const matches of [
    teams.filter(({ id }) => id === wanted),
    teams.filter(({ name }) => name === wanted),
    teams.filter(isSameName),
  ]) {
    const [first, second] = matches;
    if (second !== undefined) {
      throw usageError(
        `${matches.length} of your teams are named "${wanted}"`,
        `Use an ID: ${matches.map(described).join(", ")}`,
      );
    }
    if (first !== undefined) return first;
  }
  const update = { command: "auth status --check" };
  throw usageError(
    `you are not a member of team "${wanted}"`,
    teams.length === 0
      ? hint`Update the list of your teams: ${update}`
      : hint`Use one of: ${teams.map(described).join(", ")}. To update the list: ${update}`,
  );
}

function described({ id, name }: Team): string {
  return oneLine(`${name} (${id})`);
}
