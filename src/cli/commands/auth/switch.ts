import { unknownProfile, type Profiles } from "../../../auth/session.ts";
import { AuthError, NotAuthenticatedError } from "../../../base/errors.ts";
import { hint } from "../../../base/hint.ts";
import { accountName } from "../../account.ts";
import { defineCommand, jsonOption, usageError, type Command, type Context } from "../../command.ts";
import { columns } from "../../format.ts";
import type { SwitchOutput } from "../../json-output.ts";

export const switchProfile: Command = defineCommand({
  usage: "auth switch [PROFILE]",
  description: ({ name, variable }) =>
    `Make another account the active one, which is used when neither --profile nor ${variable("PROFILE")} nor a file .${name}-profile ` +
    "in the working folder or above names one. Without PROFILE, asks which.",
  options: { ...jsonOption },
  arguments: [0, 1],
  choices: "profiles",
  examples: [
    ["auth switch", "choose from a list"],
    ["auth switch work", "use the account of the profile work"],
  ],
  async run(context, values, [named]) {
    const { app, identity, out } = context;
    const stored = await app.store.read();
    const name = named ?? (await askWhich(context, stored));
    const after = await app.store.update((profiles) => {
      if (!profiles.profiles.has(name)) throw unknownProfile(name, profiles);
      return profiles.active === name ? profiles : { ...profiles, active: name };
    });
    const answer: SwitchOutput = { active: name };
    if (values.json) return out.json(answer);
    const profile = after.profiles.get(name);
    out.done(`The active profile is "${name}"${profile ? `: ${profile.session ? accountName(profile) : "logged out"}, ${profile.service}` : ""}.`);
    const { profile: setting } = app.settings;
    if (setting && setting.value !== name) out.warn(`here, "${setting.value}" is still used, because of ${setting.source}`);
    if (app.settings.accessToken) out.warn(`the token in ${identity.variable("ACCESS_TOKEN")} takes precedence over every profile`);
  },
});

async function askWhich({ out, terminal, signal }: Context, { active, profiles }: Profiles): Promise<string> {
  const names = [...profiles.keys()];
  if (names.length === 0) throw new NotAuthenticatedError("no account has logged in here yet, so there is no profile to switch to");
  const { isInteractive, ask } = await terminal();
  if (!isInteractive) {
    const choose = hint`Run: ${{ command: "auth switch PROFILE" }}, with one of: ${names.join(", ")}`;
    throw usageError("no profile was named, and there is no terminal to ask on", choose);
  }
  const rows = [...profiles].map(([name, profile], index): [string, string] => [
    `${name === active ? "*" : " "} ${index + 1}  ${name}`,
    `${profile.session ? accountName(profile) : "logged out"}, ${profile.service}`,
  ]);
  out.say(columns(rows));
  const answer = await ask("Which one, by number or name? ", signal);
  if (answer === "") throw new AuthError("interrupted", "no profile was chosen", { hint: `"${active}" is still the active one` });
  // A profile may be called 2: a name takes precedence over a number.
  return profiles.has(answer) ? answer : (names[Number(answer) - 1] ?? answer);
}
