import type { Identity } from "../../base/identity.ts";

export function text({ command, name, variable }: Identity): string {
  return `Each login is a file sealed with AES-256-GCM, in a directory that only you can change (${variable("CONFIG_DIR")}). One random
256-bit data key seals all of them. The file "keys" has a slot for each way to open the data key; "${command} auth status" names
the one in use:

- keychain: a random key in the OS keychain (macOS Keychain, Windows Credential Manager, Secret Service). Protects against other
  users, copies of the files, and programs without access to the keychain.
- file, with ${variable("PASSPHRASE")}: scrypt (N 16384, r 8, p 1) of the passphrase. Protects against other users, copies of the
  files, and programs without the passphrase.
- file, with the machine key: HKDF of a random secret and, on Linux, the machine's ID. Protects against other users and copies of
  the directory; not against your own programs or a copy of your whole home directory.
- memory: stores nothing. The session ends with the command.

The keychain is the default if it responds within 3 seconds. Otherwise, accept the file: at the prompt, or with --yes,
--storage file or ${variable("STORAGE")}=file. If the keychain is locked later, the command fails.

The secret of the machine key is the file credentials.secret in $XDG_STATE_HOME/${name} or ~/.local/state/${name}; on macOS in
~/Library/Application Support/${name}-state; on Windows in %LOCALAPPDATA%\\${name}. In a container, keep this directory too, or set a
passphrase. If the secret is lost, restore a backup, or log in again with --force.

To change the storage, log in with another --storage. To change the passphrase, log in with --force. If the data key has leaked, log out with --all and log in again.

With the same ${variable("PASSPHRASE")}, machines and containers can share the directory. For separate keys and logins, log in with
--force.

Queued events are not encrypted: plain files of mode 0600 in queue/.

Before a refresh, the command detects a session from an old copy of the files. It cannot detect an old copy of the whole home
directory.`;
}
