import { remainingMs } from "../../../auth/session.ts";
import type { RefreshAnswer } from "../../json-output.ts";
import { defineCommand, jsonOption, profileOption, type Command } from "../../command.ts";
import { duration } from "../../format.ts";
import { usageError } from "../../usage.ts";

export const refresh: Command = defineCommand({
  usage: "auth refresh",
  description: "Refresh the access token now, whether that is needed or not.",
  options: { ...profileOption, ...jsonOption },
  examples: [
    ["spec-kitty auth refresh", "one refresh"],
    ["spec-kitty auth refresh --profile work", "of another account"],
  ],
  async run({ app, out, signal }, values) {
    if (app.settings.accessToken) throw usageError("SPEC_KITTY_ACCESS_TOKEN is set, and such a token is never refreshed", "unset SPEC_KITTY_ACCESS_TOKEN");
    const session = await app.tokens().refresh({ signal });
    const expiresAt = session.accessTokenExpiresAt;
    const answer: RefreshAnswer = { refreshed: true, ...(expiresAt !== undefined && { accessTokenExpiresAt: new Date(expiresAt).toISOString() }) };
    if (values.json) return out.json(answer);
    out.done(`Refreshed.${expiresAt === undefined ? "" : ` Access token valid for ${duration(remainingMs(session, app.clock.now()))}.`}`);
  },
});
