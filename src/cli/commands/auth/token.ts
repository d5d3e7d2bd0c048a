import { hint } from "../../../base/errors.ts";
import { defineCommand, jsonOption, profileOption, usageError, type Command } from "../../command.ts";
import type { JsonOutput } from "../../json-output.ts";
import { isoTime } from "../../output.ts";

export const command: Command = defineCommand({
  usage: "auth token",
  description:
    "Print a valid access token, refreshed if necessary. Keep it secret: anyone with it can act as you until it expires.",
  options: {
    "min-validity": { range: [0, 31_536_000], value: "SECONDS", help: "minimum remaining validity" },
    "id-token": { help: "print the ID token instead" },
    rejected: { help: "replace a rejected token, read from stdin" },
    header: { help: "print the Authorization header, for curl -H @-" },
    ...profileOption,
    ...jsonOption,
  },
  examples: [
    [({ command }) => `curl -H "Authorization: Bearer $(${command} auth token)" https://service.example/api/v1/me`],
    [
      ({ command }) => `${command} auth token --header | curl -H @- https://service.example/api/v1/me`,
      "keep the token out of the process list",
    ],
    [({ command }) => `printf %s "$TOKEN" | ${command} auth token --rejected`],
  ],
  async run(context, values) {
    const { app, out, signal } = context;
    if (values.header && values.json)
      throw usageError(
        "--header and --json cannot be used together",
        hint`Usage: ${{ command: "auth token --header" }}`,
      );
    const shown = (token: string): string => (values.header ? `Authorization: Bearer ${token}` : token);
    if (out.isAnswerShown) out.warn("anyone with this token can act as you until it expires: keep it secret");
    const rejected = values.rejected
      ? (await (await import("../../input.ts")).readStandardInput(context, 64 * 1024)).toString("utf8").trim()
      : undefined;
    if (values["id-token"]) {
      const { token, expiresAt } = await (await import("../../credential.ts")).idTokenOf(context, rejected);
      if (!values.json) return out.answer(shown(token));
      return out.json<JsonOutput["auth token --id-token"]>({ idToken: token, expiresAt: isoTime(expiresAt) });
    }
    const minValidityMs = 1000 * (values["min-validity"] ?? 0);
    const {
      token: accessToken,
      expiresAt,
      tokenType,
    } = await app.tokens().getToken({ minValidityMs, signal, rejected });
    const leftMs = (expiresAt ?? Infinity) - app.clock.now();
    if (leftMs < minValidityMs)
      out.warn(
        `the token is valid for ${(await import("../../../base/duration.ts")).duration(leftMs)}, less than --min-validity`,
      );
    if (tokenType === "DPoP") {
      const { unboundToken } = await import("../../credential.ts");
      out.warn(hint`no other program can use this token: it is bound to a key (DPoP). ${unboundToken}`);
    }
    if (!values.json) return out.answer(shown(accessToken));
    const source = app.tokenSource?.origin;
    out.json<JsonOutput["auth token"]>({ accessToken, tokenType, expiresAt: isoTime(expiresAt), source });
  },
});
