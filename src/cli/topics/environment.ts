import type { Identity } from "../../base/identity.ts";
import { bulletList } from "../format.ts";

export function text({ name, command, service, clientId, variable }: Identity): string {
  // Without a default client, a login registers one.
  const client = clientId ?? (service === undefined ? "cli_native, or a registered client" : "a registered client");
  const variables = bulletList([
    [
      variable("SAAS_URL"),
      `URL of the service${service === undefined ? ", for the first login" : ` (default: ${service})`}; saved in the profile`,
    ],
    [variable("CLIENT_ID"), `client ID at the issuer (default: ${client})`],
    [variable("CLIENT_SECRET"), "client secret, if the issuer requires one"],
    [variable("PROFILE"), "like --profile"],
    [variable("STORAGE"), "like --storage"],
    [variable("PASSPHRASE"), "passphrase of the encrypted file"],
    [variable("ACCESS_TOKEN"), "access token to use as is, instead of the stored session"],
    [variable("AGENT"), `lent login, as "${command} auth agent" prints it`],
    [
      `${variable("IDENTITY")}, ${variable("ID_TOKEN")}, ${variable("IDENTITY_ISSUER")}, ${variable("IDENTITY_GRANT")}, ` +
        `${variable("IDENTITY_AUDIENCE")}, ${variable("IDENTITY_RESOURCE")}, ${variable("IDENTITY_SCOPE")}, ${variable("IDENTITY_TOKEN_TYPE")}`,
      `identity to exchange for access tokens ("${command} help ci")`,
    ],
    [variable("TRACE"), "1 logs each request, like --verbose"],
    [
      variable("CONFIG_DIR"),
      `directory of logins and queue (default: $XDG_CONFIG_HOME/${name} or ~/.config/${name}; ` +
        `on macOS ~/Library/Application Support/${name}; on Windows %APPDATA%\\${name})`,
    ],
    [
      "BROWSER",
      "program to open URLs with, or several separated by colons (on Windows, only one); if all fail, the system's browser opens. The URL is the only argument, without a shell",
    ],
    [
      "HTTPS_PROXY, HTTP_PROXY, NO_PROXY",
      "proxy, and hosts to reach without it. Lower-case names take precedence. Requests to this machine use no proxy",
    ],
    ["NODE_EXTRA_CA_CERTS", "file of additional certificate authorities"],
    ["NODE_USE_SYSTEM_CA", "1: trust the system's certificate authorities (Node.js 22.19, 24.6 and later)"],
    ["NO_COLOR, FORCE_COLOR, CI", "their usual meaning"],
  ]);
  return `An option takes precedence over a variable. An empty variable counts as not set.

${variables}

The first of these sets the profile in use: --profile; ${variable("PROFILE")}; "${command} auth switch PROFILE --here" in this
directory, or in the nearest one above; "${command} auth switch PROFILE".`;
}
