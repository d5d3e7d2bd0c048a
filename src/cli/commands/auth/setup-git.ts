import { notLoggedIn } from "../../../auth/token-manager/ended-login.ts";
import { defineCommand, jsonOption, profileOption, type Command, type Context } from "../../command.ts";
import { configureGit, gitHelper, gitSetups } from "../../git-helper.ts";
import type { JsonOutput } from "../../json-output.ts";

export const command: Command = defineCommand({
  usage: "auth setup-git",
  description:
    "Set up git to use the login for the service, with a credential helper. " +
    "Without --profile, the helper follows the profile in use.",
  options: { undo: { help: "remove the helper, for every service" }, ...profileOption, ...jsonOption },
  examples: [
    ["auth setup-git"],
    ["auth setup-git --undo"],
    ["auth setup-git --profile work", "always use this profile"],
  ],
  async run(context, values) {
    if (values.undo) return undo(context, values.json === true);
    const { app, out } = context;
    const { name, profile } = await app.profileInUse();
    if (profile === undefined) throw notLoggedIn(name, profile, app.clock.now());
    const { origin, pathname } = new URL(profile.service);
    const helper = gitHelper(app.identity, values.profile);
    // The empty one first: earlier helpers, such as one that stores, are not asked for this URL.
    await configureGit(app.env, "--replace-all", `credential.${origin}.helper`, "");
    await configureGit(app.env, "--add", `credential.${origin}.helper`, helper);
    if (pathname !== "/") await configureGit(app.env, "--replace-all", `credential.${origin}.useHttpPath`, "true");
    if (values.json) out.json<JsonOutput["auth setup-git"]>({ url: origin, helper });
    else
      out.done(
        `git uses the login of ${values.profile === undefined ? "the profile in use" : `profile "${name}"`} for ${origin}.`,
      );
  },
});

/** Removes only entries of this command: the user may have others for the same URL. */
async function undo({ app, out }: Context, json: boolean): Promise<void> {
  const setups = await gitSetups(app);
  for (const { origin, helper } of setups) {
    await configureGit(app.env, "--fixed-value", "--unset-all", `credential.${origin}.helper`, helper);
    await configureGit(app.env, "--unset-all", `credential.${origin}.helper`, "^$");
    await configureGit(app.env, "--unset-all", `credential.${origin}.useHttpPath`, "^true$");
  }
  if (json)
    return out.json<JsonOutput["auth setup-git --undo"]>({
      removed: setups.map(({ origin: url, helper }) => ({ url, helper })),
    });
  if (setups.length === 0) return out.answer("git does not use the login.");
  out.done(`git no longer uses the login for ${setups.map(({ origin }) => origin).join(", ")}.`);
}
