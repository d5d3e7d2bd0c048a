import type { Identity } from "../../base/identity.ts";

export function text({ command, variable }: Identity): string {
  const messages = [
    [
      `${variable("SAAS_URL")} is not set: there is no service to log in to`,
      "Set it once. It is saved in the profile.",
    ],
    ["the session needs an encrypted file (…), and there is no terminal to ask on", "Accept it: --storage file."],
    [
      'profile "…" belongs to …, and the login at … was not approved',
      "Use another profile: --profile NAME. Or change this one: --yes.",
    ],
    [
      'logins at "…" use a login page on another host, "…", and that was not approved',
      "If you know the host from a source other than the issuer: --trust-host HOST.",
    ],
    [
      '"…" requires tokens for all of "…", and that was not approved',
      "If you trust the URL with all of that service: --resource URI.",
    ],
    [
      "the service did not confirm the logout… (…): the tokens may stay valid until they expire",
      "You are logged out here. End the session on the service's page.",
    ],
    [
      "the keychain is locked",
      `Unlock it and try again, or use a file: "${command} auth login --storage file --force".`,
    ],
    ["the keychain did not respond within … s: it may be waiting to be unlocked", "Look for the keychain's dialog."],
    [
      'the key of the session is missing from the keychain ("…")',
      "The logins cannot be opened. Log in again with --force.",
    ],
    ['the secret of the session is missing: "…"', "Restore a backup, or log in again with --force."],
    [
      "the session needs a passphrase, and none is set",
      `Set ${variable("PASSPHRASE")} to the passphrase of the login.`,
    ],
    [
      'the stored logins belong to another machine or container ("…")…',
      `To share them, set the same ${variable("PASSPHRASE")} there and here, and log in there again. Or log in here with --force.`,
    ],
    [
      "the stored session is older than the last one here (refresh … of …): an old copy was restored",
      "Restore the newer files, or log in again.",
    ],
    [
      'no response to the refresh: …. "…" may have renewed the session',
      "Try again in a moment. If the session has ended, log in again.",
    ],
    ['"…" is damaged: it was truncated or changed', "Restore a backup, or log in again."],
    [
      '"…" can be read by others (mode …): not trusted',
      "Run the chmod command in the hint. If others use this machine, log in again.",
    ],
    ["cannot open the browser (…). Open the URL yourself", "Open the URL in any browser here: the login still waits."],
    ["the login was denied (…)", "The user pressed Deny, or the service refuses this account."],
    ['profile "…" is logged in to …, not to …', `Unset ${variable("SAAS_URL")}, or use another profile.`],
    ["cannot reach … (…)", `The network, a proxy or the URL: "${command} auth doctor" finds the cause.`],
    ['waited … s for the lock "…": process … on "…" has held it since …', "Wait for that process to end, or end it."],
  ];
  return `"${command} auth doctor" finds most problems and prints the fix. These messages need more; … is what varies:

${messages.map(([message, advice]) => `    ${message}\n\n${advice}`).join("\n\n")}`;
}
