import type { Identity } from "../../base/identity.ts";

export function text({ command, variable }: Identity): string {
  const messages = [
    [
      "the service did not confirm the logout… (…): the tokens may remain valid until they expire",
      "You are logged out here. End the session on the service's website.",
    ],
    ["the keychain did not respond within … s: it may be waiting to be unlocked", "Look for the keychain's dialog."],
    ['"…" is damaged: it was truncated or changed', "Restore a backup, or log in again."],
    [
      '"…" can be read by others (mode …): not trusted',
      "Run the command in the hint. If others use this machine, log in again.",
    ],
    ["the login was denied (…)", "You pressed Deny, or the issuer refuses this account."],
    ['profile "…" is logged in to …, not to …', `Unset ${variable("SAAS_URL")}, or use another profile.`],
    ["cannot reach … (…)", `Run "${command} auth doctor" to find the cause: network, proxy or URL.`],
  ];
  return `"${command} auth doctor" finds most problems. These messages need an explanation (… varies):

${messages.map(([message, advice]) => `    ${message}\n\n${advice}`).join("\n\n")}`;
}
