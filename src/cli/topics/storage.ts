import type { Identity } from "../../base/identity.ts";

export function text({ command, name, variable }: Identity): string {
  return `Each login is a file sealed with AES-256-GCM, in a directory that only you can change (${variable("CONFIG_DIR")}). One random
256-bit data key seals all of them. The file keys has a slot for each way to open the data key; "${command} auth status" names
the one in use. All protect against other users and copies of the directory:

- keychain: a random key in the OS keychain (macOS Keychain, Windows Credential Manager, Secret Service). It also protects against
  programs without access to the keychain.
- file, with ${variable("PASSPHRASE")}: scrypt (N 16384, r 8, p 1) of the passphrase. It also protects against programs without it.
- file, with the machine key: HKDF of a random secret and, on Linux, the machine's ID. It does not protect against your own programs
  or a copy of your whole home directory.

With --storage memory, nothing is stored: the session ends with the command.

The keychain is the default if it responds within 3 seconds. Otherwise, accept the file: at the prompt, or with --yes,
--storage file or ${variable("STORAGE")}=file. If the keychain is locked later, the command fails.

The secret of the machine key is the file credentials.secret in $XDG_STATE_HOME/${name} or ~/.local/state/${name}; on macOS in
~/Library/Application Support/${name}-state; on Windows in %LOCALAPPDATA%\\${name}. In a container, keep this directory too, or set a
passphrase.

To change the storage, log in with --force and another --storage; to change the passphrase, with --force. If the data key has
leaked, log out with --all and log in again.

With the same ${variable("PASSPHRASE")}, machines and containers can share the directory. For separate keys and logins, log in with
--force.

Queued events are not encrypted: plain files of mode 0600 in queue/.

A refresh detects an old copy of the files, but not of the whole home directory.`;
}
