import type { Identity } from "../../base/identity.ts";
import { bulletList } from "../format.ts";

export function text({ name, service, clientId = "cli_native", variable }: Identity): string {
  const variables = bulletList([
    [
      variable("SAAS_URL"),
      `the service${service === undefined ? ". Needed for the first login" : `, instead of \`${service}\``}; after that the profile remembers it, and a different value never receives its tokens`,
    ],
    [variable("CLIENT_ID"), `the client ID registered at the service; \`${clientId}\` by default`],
    [
      variable("CLIENT_SECRET"),
      "the client secret, where the issuer gives one to native clients. It is in every copy of a program, so it is not secret",
    ],
    [variable("PROFILE"), "the account to use, like `--profile`"],
    [
      variable("STORAGE"),
      "where the key of the session lives, like `--storage`; `file` is also consent to the encrypted file",
    ],
    [variable("PASSPHRASE"), "the secret that the key of the encrypted file is derived from"],
    [
      variable("ACCESS_TOKEN"),
      "a token that is used as is for every request, and never stored or refreshed. It takes precedence over the stored session",
    ],
    [
      variable("AGENT"),
      "the agent that lends a login, and its secret, as `auth agent` prints it; nothing is stored here",
    ],
    [
      `${variable("IDENTITY")}, ${variable("ID_TOKEN")}, ${variable("IDENTITY_ISSUER")}, ${variable("IDENTITY_GRANT")}, ` +
        `${variable("IDENTITY_AUDIENCE")}, ${variable("IDENTITY_RESOURCE")}, ${variable("IDENTITY_SCOPE")}, ${variable("IDENTITY_TOKEN_TYPE")}`,
      "an identity to exchange for access tokens, see `help ci`",
    ],
    [variable("TRACE"), "`1` logs every request to stderr, like `--verbose`"],
    [
      variable("CONFIG_DIR"),
      `the folder where everything is stored, instead of \`$XDG_CONFIG_HOME/${name}\` or \`~/.config/${name}\`; ` +
        `on macOS \`~/Library/Application Support/${name}\`; on Windows \`%APPDATA%\\${name}\``,
    ],
    ["BROWSER", "the program that opens addresses. The address is its one argument; no shell is involved"],
    [
      "HTTPS_PROXY, HTTP_PROXY, NO_PROXY",
      "the proxy for every request, and the hosts that need none. The lower-case name takes precedence. Requests to this machine never use a proxy",
    ],
    ["NODE_EXTRA_CA_CERTS", "a file of additional certificate authorities, such as a company's own"],
    ["NO_COLOR, FORCE_COLOR, CI", "their usual meaning"],
  ]);
  return `${variables}

An option takes precedence over a variable, and an empty variable counts as not set. The profile in use is the one that \`--profile\`
names, else \`${variable("PROFILE")}\`, else the one that the user chose for this folder or the nearest folder above it (\`auth switch
PROFILE --here\`), else the active one (\`auth switch\`). A file \`.${name}-profile\` in a folder is only a suggestion.

The proxy variables are honored on every supported version of Node. A WebSocket goes through the proxy if the runtime can do that; otherwise it is
refused, with the reason, and never connected directly. A company's own certificate authority is trusted through the system's store if the
runtime can read it, else through \`NODE_EXTRA_CA_CERTS\`.`;
}
