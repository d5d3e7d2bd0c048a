import { notLoggedIn } from "../../../auth/session.ts";
import { AuthError, reasonOf, systemErrorCode, hint } from "../../../base/errors.ts";
import { runGit } from "../../../platform/git.ts";
import { defineCommand, jsonOption, profileOption, type Command } from "../../command.ts";
import type { GitSetup } from "../../json-output.ts";

export const setupGit: Command = defineCommand({
  usage: "auth setup-git",
  description:
    "Make git use the login for repositories of the service: writes a credential helper for its address, and no other, to your git " +
    "configuration. With --profile, git always uses that profile; otherwise, the one in use.",
  options: { ...profileOption, ...jsonOption },
  examples: [
    ["auth setup-git", "git clone, fetch and push with the login"],
    ["auth setup-git --profile work", "with the login of the profile work"],
  ],
  async run({ app, identity, out }, values) {
    const { name, profile } = await app.profileInUse();
    if (profile === undefined) throw notLoggedIn(name);
    const { origin, pathname } = new URL(profile.service);
    const helper = `!${identity.command} auth git-credential${values.profile === undefined ? "" : ` --profile ${values.profile}`}`;
    const configure = (how: "--replace-all" | "--add", name: string, value: string): Promise<string> =>
      runGit(["config", "--global", how, `credential.${origin}.${name}`, value]);
    try {
      // The empty one first: what was set up before it, such as a helper that stores, is not asked for this address.
      await configure("--replace-all", "helper", "");
      await configure("--add", "helper", helper);
      if (pathname !== "/") await configure("--replace-all", "useHttpPath", "true");
    } catch (cause) {
      const missing = systemErrorCode(cause) === "ENOENT";
      throw new AuthError(
        "configuration_invalid",
        missing ? "git is not installed, or not in PATH" : `git rejected the configuration (${reasonOf(cause)})`,
        {
          hint: missing
            ? "Install git, then run the command again"
            : hint`To see its configuration: ${{ run: ["git", "config", "--global", "--list"] }}`,
          cause,
        },
      );
    }
    const answer: GitSetup = { url: origin, helper };
    if (values.json) out.json(answer);
    else
      out.done(
        `git uses the login of ${values.profile === undefined ? "the profile in use" : `profile "${name}"`} for ${origin}.`,
      );
  },
});
