import { defineCommand, profileOption, type Command } from "../../command.ts";
import { idTokenOf } from "../../credential.ts";
import type { GoogleCredential } from "../../json-output.ts";

/** Executable-sourced credentials of Google's libraries (AIP-4117): they run this command and exchange what it prints at Google. */
export const command: Command = defineCommand({
  usage: "auth google-credential",
  description:
    "A source of credentials for Google Cloud: prints the ID token of the login in the form of executable-sourced credentials. " +
    "The libraries exchange it for a token of Google's, and ask again when it has expired.",
  options: { ...profileOption },
  examples: [
    ["auth google-credential", "show what Google's libraries would get"],
    ["auth google-credential --profile work", "for another account"],
  ],
  async run(context) {
    const { token, expiresAt } = await idTokenOf(context);
    const answer: GoogleCredential = {
      version: 1,
      success: true,
      token_type: "urn:ietf:params:oauth:token-type:id_token",
      id_token: token,
      expiration_time: Math.floor(expiresAt / 1000),
    };
    context.out.jsonLine(answer);
  },
});
