import type { Identity } from "../../base/identity.ts";

export function text({ command, name, variable }: Identity): string {
  return `Each login is a file, sealed with AES-256-GCM, in a directory that only you can change (${variable("CONFIG_DIR")}). One random 256-bit
data key seals them all. The file "keys" has a slot for each way to open it; "${command} auth status" names the one in use.

- keychain: a random key in the OS keychain (macOS Keychain, Windows Credential Manager, Secret Service). Protects against a copy of the
  files, other users, and programs without access to the keychain.
- file, with ${variable("PASSPHRASE")}: scrypt (N 16384, r 8, p 1) of the passphrase. Protects against a copy of the files, other users,
  and programs without the passphrase.
- file, with the machine key: HKDF of a random secret and, on Linux, the machine's ID. Protects against a copy of the directory and
  against other users; not against your own programs, nor a copy of your whole home directory.
- memory: nothing is stored, and the session ends with the command.

The keychain is the default if it responds within 3 seconds. Otherwise the file needs your consent: at the prompt, by --yes, --storage file or
${variable("STORAGE")}=file. If the keychain is locked later, the command fails.

The secret of the machine key is the file credentials.secret in $XDG_STATE_HOME/${name} or ~/.local/state/${name}; on macOS in
~/Library/Application Support/${name}-state; on Windows in %LOCALAPPDATA%\\${name}. In a container, keep this directory too, or set a
passphrase. If the secret is lost, restore a backup, or log in again with --force.

A login with another --storage replaces this machine's slot. If the data key has leaked, log out with --all and log in again.

Machines and containers can share the directory. Set the same ${variable("PASSPHRASE")} on each, or log in with --force for separate keys
and logins.

Queued events are plain files of mode 0600 in queue/, since the queue works before the first login.

The keychain runs in a process of its own, without secrets in its environment. It is stopped when its dialog hangs.

A session from an old copy of the files is detected before its refresh token is sent. A copy of the whole home directory is not.`;
}
