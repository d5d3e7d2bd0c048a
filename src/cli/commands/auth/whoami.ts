import { NotAuthenticatedError } from "../../../errors.ts";
import { defineCommand, profileOption, type Command } from "../../command.ts";
import { oneLine } from "../../output.ts";
import { statusOf } from "../../status.ts";

export const whoami: Command = defineCommand({
  usage: "auth whoami",
  description: "Print the e-mail address of who is logged in, and nothing else. Exits 4 when nobody is.",
  options: { ...profileOption },
  examples: [
    ["spec-kitty auth whoami", "who am I here"],
    ['git config user.email "$(spec-kitty auth whoami)"', "use it"],
  ],
  async run({ app, out }) {
    const { active, profiles } = await app.store.read();
    const name = app.settings.profile?.value ?? active;
    const { authenticated, user } = statusOf(name, profiles.get(name), app);
    if (!authenticated || user === undefined) throw new NotAuthenticatedError(`not logged in (profile "${name}")`);
    out.answer(oneLine(user.email ?? user.name ?? user.id));
  },
});
