import type { Identity } from "../../base/identity.ts";

export function storage({ command, name, variable }: Identity): string {
  return `Sessions are kept in one file, credentials.json, mode 0600, in a folder of mode 0700 (${variable("CONFIG_DIR")}; see "${command} help
environment"). It is sealed with AES-256-GCM and holds the tokens, the key that they are bound to where the provider offers DPoP, and what
the service said about the user. What differs is where the key of the file lives. "${command} auth status" always says which.

- keychain: a random 256-bit key in the OS keychain (macOS Keychain, Windows Credential Manager, Secret Service). Protects against a copy
  of the file, other users, and programs that the keychain does not let in. Does not protect against your own programs once the keychain
  is unlocked.
- file, with ${variable("PASSPHRASE")}: scrypt (N 16384, r 8, p 1, random salt) of the passphrase. Protects against a copy of the file,
  other users, and your own programs that do not know the passphrase. Does not protect against anyone who can read the environment of a
  running command or guess the passphrase.
- file, without a passphrase: HKDF of a random 256-bit secret and, on Linux, the machine's ID. The secret is a file of its own,
  credentials.secret, mode 0600, outside the folder of the sessions: in $XDG_STATE_HOME/${name} or ~/.local/state/${name}; on macOS in
  ~/Library/Application Support/${name}-state; on Windows in %LOCALAPPDATA%\\${name}. Protects against a copy of the file or of its
  folder, and against other users, even if they get such a copy. Does not protect against your own programs, or against anyone who has
  both files: a copy of your whole home (on Linux with the machine's ID, which is not secret there).
- memory: nothing is written, and the session ends with the command.

The keychain is the default if one answers within 3 seconds. Otherwise the file needs one explicit yes: at the prompt, by --yes, or by
${variable("STORAGE")}=file. Nothing is stored in plain text, and there is no silent fallback: if the keychain is locked later, the command
fails and says so.

In a container, keep the folder of the secret as well, or set a passphrase. If the secret is lost, the file cannot be opened: restore it
from a backup, or log in again with --force, which keeps what cannot be opened as credentials.json.old. A file from before there was a
secret still opens, and the next write gives it the new key. No derived key is kept anywhere; "${command} auth logout --all" also
removes those that earlier versions kept in the runtime folder.

The keychain is asked in a process of its own: a dialog that nobody answers cannot be canceled, and a process can be killed. Of your
environment it gets the variables that name the session bus, and no secret.

The file is replaced as a whole: temporary file, fsync, rename, fsync of the folder. A changed byte anywhere in it is detected. The space
for the next content is reserved before a refresh token is spent, so a full disk costs an error and not a session.

A lock is a directory with one entry in it, whose name says who holds it: taken by one rename, released by one unlink, and taken from a dead
holder by the same unlink. On Linux the entry is a socket, and a holder is dead when the kernel refuses a connection to it, in whatever
container it ran; a stopped process keeps its lock. On macOS and Windows the kernel holds a second lock on a file. A holder that cannot be
judged, such as one on another machine, renames its entry every 3 seconds. It is presumed dead after 27 seconds without that. No clock
of another machine counts. So Linux, macOS and Windows can share one folder.`;
}
