import { targetOf } from "../../../http/token-target.ts";
import { isJsonObject, parseJson, textOf } from "../../../http/json-members.ts";
import { defineCommand, profileOption, usageError, type Command } from "../../command.ts";
import { credentialOf, plainOrigin, serviceOf } from "../../credential.ts";
import { readStandardInput } from "../../input.ts";
import { isoTime } from "../../output.ts";

/**
 * Bazel's credential helper protocol (EngFlow's credential-helper-spec): `get`, with the URL as JSON on standard input.
 */
export const command: Command = defineCommand({
  usage: "auth bazel-credential get",
  description: "Give Bazel the Authorization header, for URLs of the service only.",
  options: { ...profileOption },
  choices: ["get"],
  examples: [
    [
      ({ command }) => `printf '#!/bin/sh\\nexec ${command} auth bazel-credential "$@"\\n' > ~/bin/bazel-credential`,
      "make the helper program",
    ],
    [
      ({ command }) => `echo '{"uri":"https://service.example/cache"}' | ${command} auth bazel-credential get`,
      "show what Bazel gets",
    ],
  ],
  async run(context, _values, [action]) {
    if (action !== "get") throw usageError(`"${action}" is not an action`, "Use get");
    const asked = parseJson((await readStandardInput(context, 64 * 1024)).toString("utf8"));
    const uri = isJsonObject(asked) ? textOf(asked["uri"]) : undefined;
    if (uri === undefined) throw usageError('standard input is not JSON with a "uri"', "Let Bazel run this command");
    const service = await serviceOf(context.app);
    // S-001: with a Bazel pattern such as *.example, any host may ask.
    if (service === undefined || plainOrigin(uri) === undefined || !targetOf(uri, service).isService)
      return context.out.jsonLine({});
    const { token, expiresAt } = await credentialOf(context);
    const headers = { Authorization: [`Bearer ${token}`] };
    context.out.jsonLine({ headers, expires: isoTime(expiresAt) });
  },
});
