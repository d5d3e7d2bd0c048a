import { ownerOfEnvironmentToken } from "../../../app/account.ts";
import type { App } from "../../../app/app.ts";
import { notLoggedIn } from "../../../auth/session.ts";
import { chosenProfile } from "../../account.ts";
import { defineCommand, profileOption, type Command } from "../../command.ts";
import { oneLine } from "../../../base/text.ts";
import { statusOf } from "../../status.ts";
import type { UserAnswer } from "../../json-output.ts";

export const whoami: Command = defineCommand({
  usage: "auth whoami",
  description: "Print the e-mail address of who is logged in, and nothing else. Exits 4 when nobody is. Only the service\nknows whose a token in SPEC_KITTY_ACCESS_TOKEN is, so it is asked then.",
  options: { ...profileOption },
  examples: [
    ["spec-kitty auth whoami", "who am I here"],
    ['git config user.email "$(spec-kitty auth whoami)"', "use it"],
  ],
  async run({ app, out, signal }) {
    const user = app.settings.accessToken ? (await ownerOfEnvironmentToken(app, signal)).user : await userHere(app);
    out.answer(oneLine(user.email ?? user.name ?? user.id));
  },
});

async function userHere(app: App): Promise<UserAnswer> {
  const { name, profile } = await chosenProfile(app);
  const { authenticated, user } = statusOf(name, profile, app);
  if (!authenticated || user === undefined) throw notLoggedIn(name);
  return user;
}
