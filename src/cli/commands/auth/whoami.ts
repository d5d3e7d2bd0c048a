import type { App } from "../../../app/app.ts";
import { notLoggedIn, seemsExpired } from "../../../auth/token-manager/ended-login.ts";
import type { TokenSource } from "../../../auth/token-manager/token-source.ts";
import { oneLine } from "../../../base/text.ts";
import { defineCommand, jsonOption, profileOption, type Command, type Context } from "../../command.ts";
import type { JsonOutput } from "../../json-output.ts";

export const command: Command = defineCommand({
  usage: "auth whoami",
  description: ({ variable }) =>
    "Print only the user's email address, name or ID, or issuer and scope if the issuer names no user. " +
    `With ${variable("ACCESS_TOKEN")} or ${variable("IDENTITY")}, ask the service. Exit with code 4 if not logged in.`,
  options: { ...profileOption, ...jsonOption },
  examples: [["auth whoami"], [({ command }) => `git config user.email "$(${command} auth whoami)"`]],
  async run(context, values) {
    const { app, out, signal } = context;
    const answer = app.tokenSource ? await userOfToken(app, app.tokenSource, signal) : await userHere(context);
    if (values.json) return out.json<JsonOutput["auth whoami"]>(answer);
    const { user } = answer;
    if (user.isUnnamed) out.say("The issuer does not name its users. Issuer and scope name the account instead.");
    out.answer(oneLine(user.email ?? user.name ?? user.id));
  },
});

async function userOfToken(
  app: App,
  { origin, lender }: TokenSource,
  signal: AbortSignal,
): Promise<JsonOutput["auth whoami"]> {
  if (lender !== undefined) return { user: (await lender()).user, tokenSource: origin };
  const { teams: _, ...user } = (await (await import("../../../app/account-requests.ts")).ownerOfToken(app, signal))
    .user;
  return { user, tokenSource: origin };
}

async function userHere({ app, out }: Context): Promise<JsonOutput["auth whoami"]> {
  const { name, profile } = await app.profileInUse();
  const now = app.clock.now();
  if (profile?.session === undefined) throw notLoggedIn(name, profile, now);
  const expired = seemsExpired(profile.session, now);
  if (expired) out.warn(expired.words);
  return { profile: name, user: profile.session.user };
}
