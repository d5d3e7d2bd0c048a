import { hint } from "../../../base/errors.ts";
import { credentialOf, plainOrigin, serviceOf } from "../../credential.ts";
import { defineCommand, profileOption, usageError, type Command } from "../../command.ts";
import { readStandardInput } from "../../input.ts";

/**
 * docker-credential-helpers' protocol: the action is an argument, the registry comes on standard input, the output is
 * JSON.
 */
export const command: Command = defineCommand({
  usage: "auth docker-credential get|list|store|erase",
  description: "Give Docker, Podman or Skopeo an access token, for a registry on the service's host. Store nothing.",
  options: { account: { value: "NAME", help: "user at the registry (default: oauth2)" }, ...profileOption },
  choices: ["get", "list", "store", "erase"],
  examples: [
    ["auth docker-credential list"],
    [({ command }) => `echo service.example | ${command} auth docker-credential get`, "show what Docker gets"],
  ],
  async run(context, values, [action]) {
    const { app, out } = context;
    const { account = "oauth2" } = values;
    const service = await serviceOf(app);
    // A registry is a whole host: a shared one may be a neighbor's (S-001).
    const ours = service !== undefined && new URL(service).pathname === "/" ? new URL(service).host : undefined;
    if (action === "list") return out.jsonLine(ours === undefined ? {} : { [ours]: account });
    if (action !== "get" && action !== "store" && action !== "erase")
      throw usageError(`"${action}" is not an action`, "Use one of: get, list, store, erase");
    const registry = (await readStandardInput(context, mostBytes)).toString("utf8").trim();
    // "docker logout" concerns what Docker stored: nothing.
    if (action === "erase") return;
    if (action === "store")
      throw usageError("nothing to store: the login provides the token", hint`Run: ${{ command: "auth login" }}`);
    if (service === undefined || ours === undefined || originOf(registry, service) !== new URL(service).origin) {
      // Clients know these words as "none", not an error (docker-credential-helpers, credentials/error.go).
      out.answer("credentials not found in native keychain");
      return 1;
    }
    const { token } = await credentialOf(context);
    out.jsonLine({ ServerURL: registry, Username: account, Secret: token });
  },
});

/** By the clients' names: a host, or a URL such as `https://registry.example/v1/`. Plain http is another one. */
function originOf(registry: string, service: string): string | undefined {
  const address = /^https?:\/\//.test(registry) ? registry : `${new URL(service).protocol}//${registry}`;
  return plainOrigin(address);
}

/** Hosts are short, and so is the input of "docker login". */
const mostBytes = 16 * 1024;
