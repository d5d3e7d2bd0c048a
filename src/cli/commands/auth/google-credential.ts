import { defineCommand, profileOption, type Command } from "../../command.ts";
import { idTokenOf } from "../../credential.ts";
import type { GoogleCredential } from "../../json-output.ts";

/**
 * Executable-sourced credentials of Google's libraries (AIP-4117): they run this command and exchange its output at
 * Google.
 */
export const command: Command = defineCommand({
  usage: "auth google-credential",
  description:
    "Give the ID token to Google Cloud's libraries, as executable-sourced credentials. They exchange it for a Google token.",
  options: { ...profileOption },
  examples: [
    ["auth google-credential", "show what the libraries get"],
    ["auth google-credential --profile work", "use another account"],
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
