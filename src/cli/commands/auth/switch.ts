import type { App } from "../../../app/app.ts";
import { accountName, userName, type Profile } from "../../../auth/sessions/session.ts";
import { chooseProfile, readAll } from "../../../auth/sessions/store.ts";
import { AuthError, NotAuthenticatedError, hint } from "../../../base/errors.ts";
import { defineCommand, jsonOption, usageError, type Command, type Context } from "../../command.ts";
import { columns } from "../../format.ts";
import type { JsonOutput } from "../../json-output.ts";

export const command: Command = defineCommand({
  usage: "auth switch [PROFILE]",
  description: ({ variable }) =>
    `Make PROFILE the active one, or choose it from a list. --profile and ${variable("PROFILE")} take precedence.`,
  options: { here: { help: "only in this directory and below" }, ...jsonOption },
  choices: "profiles",
  examples: [["auth switch"], ["auth switch work --here"]],
  async run(context, values, [named]) {
    const { app, out } = context;
    const { store } = app;
    const name = named ?? (await askWhich(context, await readAll(store)));
    const folder = values.here ? workingFolder(app) : undefined;
    const profile = await chooseProfile(store, name, folder);
    if (values.json) return out.json<JsonOutput["auth switch"]>({ active: name, folder });
    out.done(
      `The active profile ${folder === undefined ? "" : `in ${folder} `}is "${name}": ${stateOf(profile)}, ${profile.service}.`,
    );
    const used = await app.profileInUse({ mayBeNew: true });
    if (used.name !== name) out.warn(`"${used.name}" is still in use here (${used.source})`);
    if (app.tokenSource) out.warn(`${app.tokenSource.origin} is set, and takes precedence over every profile`);
  },
});

function stateOf(profile: Profile): string {
  if (profile.session !== undefined) return accountName(profile);
  return profile.ended === undefined ? "logged out" : `${userName(profile.ended.user)}, logged out`;
}

function workingFolder({ folderHere }: App): string {
  if (folderHere !== undefined) return folderHere;
  throw usageError("the current directory no longer exists", "Run: cd DIRECTORY");
}

async function askWhich(
  { out, terminal, signal }: Context,
  { active, profiles }: Awaited<ReturnType<typeof readAll>>,
): Promise<string> {
  const names = [...profiles.keys()];
  if (names.length === 0) throw new NotAuthenticatedError("there are no profiles yet");
  const [only, ...others] = names;
  if (only !== undefined && others.length === 0) return only;
  const { isInteractive, ask } = await terminal();
  if (!isInteractive) {
    const choose = hint`Use one of: ${names.join(", ")}. Run: ${{ command: "auth switch PROFILE" }}`;
    throw usageError("missing argument: PROFILE", choose);
  }
  const rows = [...profiles].map(([name, profile], index): [string, string] => [
    `${name === active ? "*" : " "} ${index + 1}  ${name}`,
    `${stateOf(profile)}, ${profile.service}`,
  ]);
  out.say(columns(rows));
  for (;;) {
    const answer = await ask(out.question("Which one, by number or name? "), signal);
    if (!answer)
      throw new AuthError("interrupted", `no profile was chosen: "${active}" is still active`, {
        hint: hint`Run: ${{ command: "auth switch PROFILE" }}`,
      });
    // A profile may be called 2: names take precedence over numbers.
    const name = profiles.has(answer) ? answer : names[Number(answer) - 1];
    if (name !== undefined) return name;
    out.warn(`"${answer}" is not in the list`);
  }
}
