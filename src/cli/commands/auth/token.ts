import type { TokenAnswer } from "../../json-output.ts";
import { unboundToken } from "../../credential.ts";
import { defineCommand, jsonOption, profileOption, type Command } from "../../command.ts";
import { wholeNumber } from "../../usage.ts";

export const token: Command = defineCommand({
  usage: "auth token",
  description: "Print a valid access token, refreshed if need be. Whoever has it can act as you until it expires.",
  options: {
    "min-validity": { type: "string", value: "SECONDS", help: "how long it must still be good" },
    ...profileOption,
    ...jsonOption,
  },
  examples: [
    ['curl -H "Authorization: Bearer $(spec-kitty auth token)" https://service.example/api/v1/me', "call the service from a script"],
    ["spec-kitty auth token --min-validity 600", "one that is good for ten minutes"],
  ],
  async run({ app, out, signal }, values) {
    const seconds = values["min-validity"] === undefined ? 0 : wholeNumber("min-validity", values["min-validity"], 0, 31_536_000);
    const options = { minValidityMs: seconds * 1000, signal };
    if (out.isAnswerShown) out.warn("this is a secret: who has it can act as you until it expires");
    if (app.settings.accessToken) {
      const accessToken = app.settings.accessToken.reveal();
      const answer: TokenAnswer = { accessToken, tokenType: "Bearer", source: "SPEC_KITTY_ACCESS_TOKEN" };
      return values.json ? out.json(answer) : out.answer(accessToken);
    }
    const { accessToken, accessTokenExpiresAt, tokenType } = await app.tokens().getSession(options);
    if (tokenType === "DPoP") out.warn(`no other program can use this token: it is bound to a key that stays here. ${unboundToken}`);
    if (!values.json) return out.answer(accessToken.reveal());
    const expiresAt = accessTokenExpiresAt === undefined ? undefined : new Date(accessTokenExpiresAt).toISOString();
    const answer: TokenAnswer = { accessToken: accessToken.reveal(), tokenType, ...(expiresAt && { expiresAt }) };
    out.json(answer);
  },
});
