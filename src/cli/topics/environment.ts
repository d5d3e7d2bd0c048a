import type { Identity } from "../../base/identity.ts";
import { bulletList } from "../format.ts";

export function text({ name, service, clientId, variable }: Identity): string {
  // Without a default client, a login registers one.
  const client = clientId ?? (service === undefined ? "cli_native" : "one that a login registers");
  const variables = bulletList([
    [
      variable("SAAS_URL"),
      `the URL of the service${service === undefined ? ", for the first login" : `, instead of \`${service}\``}; saved in the profile`,
    ],
    [variable("CLIENT_ID"), `the client ID at the service (default: ${client})`],
    [variable("CLIENT_SECRET"), "the client secret, if the issuer requires one of native clients"],
    [variable("PROFILE"), "the account, like `--profile`"],
    [variable("STORAGE"), "like `--storage`; `file` is also consent to the encrypted file"],
    [variable("PASSPHRASE"), "the passphrase of the encrypted file"],
    [variable("ACCESS_TOKEN"), "a token for every request, used as is. It takes precedence over the stored session"],
    [variable("AGENT"), "the agent of a lent login, as `auth agent` prints it"],
    [
      `${variable("IDENTITY")}, ${variable("ID_TOKEN")}, ${variable("IDENTITY_ISSUER")}, ${variable("IDENTITY_GRANT")}, ` +
        `${variable("IDENTITY_AUDIENCE")}, ${variable("IDENTITY_RESOURCE")}, ${variable("IDENTITY_SCOPE")}, ${variable("IDENTITY_TOKEN_TYPE")}`,
      "an identity to exchange for access tokens, see `help ci`",
    ],
    [variable("TRACE"), "`1` logs each request, like `--verbose`"],
    [
      variable("CONFIG_DIR"),
      `the directory of all files, instead of \`$XDG_CONFIG_HOME/${name}\` or \`~/.config/${name}\`; ` +
        `on macOS \`~/Library/Application Support/${name}\`; on Windows \`%APPDATA%\\${name}\``,
    ],
    ["BROWSER", "the program to open URLs with. The URL is its one argument, without a shell"],
    [
      "HTTPS_PROXY, HTTP_PROXY, NO_PROXY",
      "the proxy, and the hosts without one. The lower-case name takes precedence. Requests to this machine use no proxy",
    ],
    ["NODE_EXTRA_CA_CERTS", "a file of additional certificate authorities"],
    ["NO_COLOR, FORCE_COLOR, CI", "their usual meaning"],
  ]);
  return `${variables}

An option takes precedence over a variable. An empty variable counts as not set. The profile in use is the first of: \`--profile\`,
\`${variable("PROFILE")}\`, the choice for this directory or the nearest one above (\`auth switch PROFILE --here\`), the active profile
(\`auth switch\`). A file \`.${name}-profile\` in a directory is only a suggestion.

A WebSocket uses the proxy if the runtime can, and otherwise fails. Certificate authorities of the system are trusted if the runtime can
read them; otherwise set \`NODE_EXTRA_CA_CERTS\`.`;
}
