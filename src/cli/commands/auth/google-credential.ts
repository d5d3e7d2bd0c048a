import { defineCommand, profileOption, type Command } from "../../command.ts";
import { idTokenOf } from "../../credential.ts";

/**
 * Executable-sourced credentials of Google's libraries (AIP-4117): they run this command and exchange its output at
 * Google.
 */
export const command: Command = defineCommand({
  usage: "auth google-credential",
  description: "Give Google Cloud's libraries the ID token, as executable-sourced credentials.",
  options: { ...profileOption },
  examples: [["auth google-credential"], ["auth google-credential --profile work"]],
  async run(context) {
    const { token, expiresAt } = await idTokenOf(context);
    context.out.jsonLine({
      version: 1,
      success: true,
      token_type: "urn:ietf:params:oauth:token-type:id_token",
      id_token: token,
      expiration_time: Math.floor(expiresAt / 1000),
    });
  },
});
