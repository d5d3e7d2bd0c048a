import type { Identity } from "../../base/identity.ts";

export function text({ command, variable }: Identity): string {
  const messages = [
    [
      `${variable("SAAS_URL")} is not set, so there is no service to log in to`,
      "Nothing was done. Set it once; the profile remembers it.",
    ],
    [
      '… is "…": plain http is for this machine only, since anyone who reads the token on the way has the session',
      "Use the https: address of the service.",
    ],
    [
      "the session would be stored in an encrypted file (…), and there is no terminal to ask for your consent",
      "There is no keychain and no terminal. Agree beforehand: --storage file.",
    ],
    [
      'profile "…" belongs to …, and the login at … was not agreed to',
      "Nothing was done. Give the other service a profile of its own: --profile NAME. Or agree to change this one: --yes.",
    ],
    [
      'logins at "…" begin at another host, "…", and that was not agreed to',
      "Nothing was opened. If you know, and not from the issuer alone, that the two belong together: --trust-host HOST. If they do not, the issuer may be after your account there.",
    ],
    [
      '"…" wants tokens that are good for all of "…", and that was not agreed to',
      "Nothing was opened. The address is a part of a larger service, and could use your tokens for all of it. If you trust it with that: --resource URI.",
    ],
    [
      "the service did not confirm the end of the session… (…): its tokens may remain valid until they expire",
      "You are logged out here. What the service did with the session is not known: end it on the service's own page, if it has one.",
    ],
    [
      "the keychain is locked",
      `The session is unchanged. Unlock the keychain and run the command again. Or log in without it: "${command} auth login --storage file --force" leaves what was stored where it is.`,
    ],
    [
      "the keychain did not answer within … s: it may be waiting to be unlocked, or the machine may be busy",
      "The session is unchanged. Look for the keychain's dialog.",
    ],
    [
      'the keychain no longer has the key of the session ("…")',
      "The logins cannot be opened without it. Log in again with --force, which leaves them where they are.",
    ],
    [
      'the secret that opens the session is missing: there is no "…"',
      "The session is unchanged. Restore that file from a backup, or set the variable that the hint names to what it was at login.",
    ],
    [
      "the session is sealed with a passphrase, and none is set",
      `The session is unchanged. Set ${variable("PASSPHRASE")} to the passphrase of the login.`,
    ],
    ['"…" cannot be opened: …', "A wrong passphrase, or a changed file; the message says which. Nothing was changed."],
    [
      'the logins that are stored were sealed on another machine or in another container ("…")…',
      `Nothing was changed. To share them, set the same ${variable("PASSPHRASE")} there and here, and log in there again. Or log in here with --force: that leaves the others as they are.`,
    ],
    [
      "the session that is stored is older than the last one here (refresh … of …): an old copy was put back",
      "Nothing was sent: its refresh token is spent, and sending it would end the session everywhere. Put the newer one back, or log in again.",
    ],
    [
      'the refresh was sent, and no answer came back: …. "…" may have renewed the session',
      "Nobody here knows whether it did. Try again in a moment. If the service has ended the session by then, log in again.",
    ],
    [
      '"…" is damaged: it is cut short or was changed',
      "The file is not what was written. Restore a backup, or start over as the hint says.",
    ],
    [
      '"…" can be read by others (mode …), so it is not trusted',
      "Somebody may have read it. Run the chmod in the hint, and log in again if others use this machine.",
    ],
    [
      '"…" cannot be written: …',
      "The disk is full or the folder is not writable. Nothing was sent, and the session is unchanged.",
    ],
    ["port … is in use by another program", "Leave out --port, and a free one is found."],
    [
      "the browser could not be opened (…). Open the address yourself",
      "The login still waits: open the address in any browser on this machine.",
    ],
    [
      "nobody answered in the browser within …",
      "Nothing was stored. Try again, or use --headless if the browser cannot reach this machine.",
    ],
    [
      "the login was denied (…)",
      "Nothing was stored. Somebody pressed Deny, or the service does not let this account in.",
    ],
    ["the code expired before it was approved", "Nothing was stored. Run the login again to get a new code."],
    [
      "the login was granted, but the service did not say who you are: …",
      "Nothing was stored, and the tokens were revoked if the service does that. Try again later.",
    ],
    [
      'not logged in (profile "…")',
      `After it: whose login ended, when and why, and which command noticed. Log in, or choose another profile: "${command} auth list".`,
    ],
    ["Session expired or revoked", "The service ended the session, and it was removed here. Log in again."],
    [
      'profile "…" is logged in to …, not to …',
      `${variable("SAAS_URL")} names a service other than the profile's. Unset it, or log in there with another profile.`,
    ],
    [
      "cannot reach … (…)",
      `Nothing was lost. The cause is the network, a proxy or the address: "${command} auth doctor" says which.`,
    ],
    [
      'waited … s for the lock "…": process … on "…" has held it since …',
      "That process is refreshing, or hangs while doing so. Nothing was sent from here. Wait for it to end, or end it.",
    ],
  ];
  return `"${command} auth doctor" checks everything at once and says what to type. Below are the messages, with … for what varies:

${messages.map(([message, advice]) => `    ${message}\n\n${advice}`).join("\n\n")}`;
}
