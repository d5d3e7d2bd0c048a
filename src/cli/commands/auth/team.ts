import { defaultTeam, notLoggedIn } from "../../../auth/session.ts";
import { withProfile } from "../../../auth/session-store.ts";
import { chosenProfile } from "../../account.ts";
import type { DefaultTeamAnswer, TeamAnswer } from "../../json-output.ts";
import { defineCommand, jsonOption, profileOption, type Command } from "../../command.ts";
import { oneLine } from "../../../base/text.ts";
import { usageError } from "../../usage.ts";

export const team: Command = defineCommand({
  usage: "auth team [TEAM]",
  description: "Show the team that is meant when nothing names another, or make TEAM that one. TEAM is an id or a name.",
  options: { ...profileOption, ...jsonOption },
  arguments: [0, 1],
  examples: [
    ["spec-kitty auth team", "which team is meant"],
    ['spec-kitty auth team "Acme Corp"', "mean this one from now on"],
  ],
  async run({ app, out }, values, [wanted]) {
    let { name, profile } = await chosenProfile(app);
    if (profile?.session === undefined) throw notLoggedIn(name);
    if (wanted !== undefined) {
      const chosen = teamCalled(wanted, profile.session.teams);
      const after = await app.store.update((profiles) => {
        const stored = profiles.profiles.get(name);
        return stored === undefined || stored.team === chosen.id ? profiles : withProfile(profiles, name, { ...stored, team: chosen.id });
      });
      profile = after.profiles.get(name) ?? profile;
    }
    const current = defaultTeam(profile);
    const answer: DefaultTeamAnswer = { profile: name, ...(current && { team: current }), teams: profile.session?.teams ?? [] };
    if (values.json) return out.json(answer);
    if (current === undefined) return out.answer("You are in no team.");
    if (wanted === undefined) out.answer(described(current));
    else out.done(`The default team is ${described(current)}.`);
  },
});

/** An id goes before a name, and a name as it is written before one that differs in case. */
function teamCalled(wanted: string, teams: readonly TeamAnswer[]): TeamAnswer {
  const known = teams.map(described).join(", ") || "none";
  const isSameName = ({ name }: TeamAnswer): boolean => name.toLowerCase() === wanted.toLowerCase();
  for (const matches of [teams.filter(({ id }) => id === wanted), teams.filter(({ name }) => name === wanted), teams.filter(isSameName)]) {
    const [first, second] = matches;
    if (second !== undefined) throw usageError(`"${wanted}" is the name of ${matches.length} of your teams`, `Give the id of one of them: ${matches.map(described).join(", ")}`);
    if (first !== undefined) return first;
  }
  throw usageError(`you are in no team "${wanted}"`, `Your teams: ${known}. If it is a new one, first run: spec-kitty auth status --check`);
}

function described({ id, name }: TeamAnswer): string {
  return oneLine(`${name} (${id})`);
}
