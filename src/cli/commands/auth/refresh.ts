import { remainingMs } from "../../../auth/token-manager/freshness.ts";
import { defineCommand, jsonOption, profileOption, usageError, type Command } from "../../command.ts";
import { duration } from "../../../base/duration.ts";
import type { JsonOutput } from "../../json-output.ts";
import { isoTime } from "../../output.ts";

export const command: Command = defineCommand({
  usage: "auth refresh",
  description: "Refresh the access token now, even if it is still valid.",
  options: { ...profileOption, ...jsonOption },
  examples: [["auth refresh"], ["auth refresh --profile work"]],
  async run({ app, out, signal }, values) {
    const { tokenSource } = app;
    if (tokenSource !== undefined) {
      const why = {
        given: "this command cannot refresh such a token",
        exchanged: "each command gets a new token",
        lent: "the agent refreshes the login",
      }[tokenSource.kind];
      throw usageError(`${tokenSource.origin} is set, and ${why}`, [{ set: tokenSource.origin, value: null }]);
    }
    const session = await app.tokens().refresh({ signal });
    const expiresAt = session.accessTokenExpiresAt;
    if (values.json)
      return out.json<JsonOutput["auth refresh"]>({ refreshed: true, accessTokenExpiresAt: isoTime(expiresAt) });
    out.done(
      `Refreshed.${expiresAt === undefined ? "" : ` Access token valid for ${duration(remainingMs(session, app.clock.now()))}.`}`,
    );
  },
});
