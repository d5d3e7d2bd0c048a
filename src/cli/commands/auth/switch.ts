import { unknownProfile, type Profiles } from "../../../auth/session.ts";
import { AuthError, NotAuthenticatedError } from "../../../base/errors.ts";
import { accountName } from "../../account.ts";
import type { SwitchAnswer } from "../../json-output.ts";
import { defineCommand, jsonOption, type Command, type Context } from "../../command.ts";
import { columns } from "../../format.ts";
import { usageError } from "../../usage.ts";

export const switchCommand: Command = defineCommand({
  usage: "auth switch [PROFILE]",
  description: "Make another account the active one: the one that is used when neither --profile nor SPEC_KITTY_PROFILE\nnor a .spec-kitty-profile in the folder or above it names one. Without PROFILE, asks which.",
  options: { ...jsonOption },
  arguments: [0, 1],
  examples: [
    ["spec-kitty auth switch", "choose from a list"],
    ["spec-kitty auth switch work", "use the account of the profile work"],
  ],
  async run(context, values, [named]) {
    const { app, out } = context;
    const stored = await app.store.read();
    const name = named ?? (await askWhich(context, stored));
    const after = await app.store.update((profiles) => {
      if (!profiles.profiles.has(name)) throw unknownProfile(name, profiles);
      return profiles.active === name ? profiles : { ...profiles, active: name };
    });
    const answer: SwitchAnswer = { active: name };
    if (values.json) return out.json(answer);
    const profile = after.profiles.get(name);
    out.done(`The active profile is "${name}"${profile ? `: ${profile.session ? accountName(profile) : "logged out"}, ${profile.service}` : ""}.`);
    const { profile: setting } = app.settings;
    if (setting && setting.value !== name) out.warn(`here, "${setting.value}" is used all the same: ${setting.source} says so`);
    if (app.settings.accessToken) out.warn("the token in SPEC_KITTY_ACCESS_TOKEN goes before every profile");
  },
});

async function askWhich({ out, terminal, signal }: Context, { active, profiles }: Profiles): Promise<string> {
  const names = [...profiles.keys()];
  if (names.length === 0) throw new NotAuthenticatedError("nobody has logged in from here, so there is no profile to switch to");
  if (!terminal.isInteractive) {
    throw usageError("no profile was named, and nobody is here to be asked", `Run: spec-kitty auth switch PROFILE, with one of: ${names.join(", ")}`);
  }
  const rows = [...profiles].map(([name, profile], index): [string, string] => [
    `${name === active ? "*" : " "} ${index + 1}  ${name}`,
    `${profile.session ? accountName(profile) : "logged out"}, ${profile.service}`,
  ]);
  out.say(columns(rows));
  const answer = await terminal.ask("Which one, by number or name? ", signal);
  if (answer === "") throw new AuthError("interrupted", "no profile was chosen", { hint: `"${active}" is still the active one` });
  // A profile may be called 2: what is a name counts as one.
  return profiles.has(answer) ? answer : (names[Number(answer) - 1] ?? answer);
}
