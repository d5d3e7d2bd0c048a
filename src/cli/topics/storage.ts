import type { Identity } from "../../base/identity.ts";

export function text({ command, name, variable }: Identity): string {
  return `Everything is below one directory that only you can change, created with mode 0700 (${variable("CONFIG_DIR")}; see "${command} help environment"), in files of mode 0600. Each login has a
file of its own, sealed with AES-256-GCM: the tokens, the key that they are bound to where the provider offers DPoP, and what the service said
about the user. Another sealed file for each profile says which login it has, what to remember for the next one, and of the
last one whose it was, when and why it ended, and what noticed that.

One random 256-bit data key seals all of them. The file "keys" has a slot for each way to open that key. "${command} auth status" says which one
opens it here.

- keychain: a random 256-bit key in the OS keychain (macOS Keychain, Windows Credential Manager, Secret Service). Protects against a copy
  of the files, other users, and programs that the keychain does not let in. Does not protect against your own programs once the keychain
  is unlocked.
- file, with ${variable("PASSPHRASE")}: scrypt (N 16384, r 8, p 1, random salt) of the passphrase. Protects against a copy of the files,
  other users, and your own programs that do not know the passphrase. Does not protect against anyone who can read the environment of a
  running command or guess the passphrase.
- file, without a passphrase: HKDF of a random 256-bit secret and, on Linux, the machine's ID. The secret is a file of its own,
  credentials.secret, mode 0600, outside the directory of the sessions: in $XDG_STATE_HOME/${name} or ~/.local/state/${name}; on macOS in
  ~/Library/Application Support/${name}-state; on Windows in %LOCALAPPDATA%\\${name}. Protects against a copy of the files or of their
  directory, and against other users, even if they get such a copy. Does not protect against your own programs, or against anyone who has
  both: a copy of your whole home (on Linux with the machine's ID, which is not secret there).
- memory: nothing is written, and the session ends with the command.

The keychain is the default if one answers within 3 seconds. Otherwise the file needs one explicit yes: at the prompt, by --yes, --storage file or
${variable("STORAGE")}=file. No session is stored in plain text, and there is no silent fallback: if the keychain is locked later, the command
fails and says so.

A login with another --storage replaces this machine's own slot. A passphrase keeps its slot until "${command} auth logout --all". The data key stays the
same: if somebody has opened it, log out with --all and log in again.

Several machines or containers can share the directory. Set the same ${variable("PASSPHRASE")} on each: a login there opens the slot of the passphrase.
A machine that opens none is told on which machine the logins were sealed. With --force it gets a data key and logins of its own, next to
the others, which stay as they are.

In a container, keep the directory of the secret as well, or set a passphrase. If the secret is lost, restore it from a backup, or log in again with --force.

The keychain is asked in a process of its own: a dialog that nobody answers cannot be canceled, and a process can be killed. Of your
environment it gets what leads to the session bus, the display, your home and the system's libraries (PATH, HOME, LD_LIBRARY_PATH and the
like), and no other variable.

Events and artifacts that wait are not sealed, since they can be queued before there is a key: they are plain files of mode 0600 in queue/,
with their content, your user ID and your team.

Each file is replaced as a whole: temporary file, fsync, rename, fsync of the directory. A changed byte in a sealed file is detected, and so is one file in
the place of another.

A refresh holds one lock, that of its login, from the last look before the refresh token is sent until the answer is stored. Before it sends the token,
it has that lock, has written to the directory and has taken the space for the answer. A logout or a new login does not wait for it: they
take the login out of the profile, and nobody reads what a late refresh stores. A request that was sent is waited for as long as its
connection lives. If the disk does not take the answer, the process keeps it and its lock, and tries again every few seconds.

A lock is a directory with one entry in it, whose name says who holds it: taken by one rename, released by one unlink, and taken from a dead
holder by the same unlink. On Linux a holder has a socket next to it, and is dead when the kernel refuses a connection, in whatever
container it ran; a stopped process keeps its lock. On macOS and Windows the kernel holds a second lock on a file. A holder that cannot be
judged, such as one on another machine, renames its entry every 3 seconds. It is presumed dead after 27 seconds without that. No clock
of another machine counts. So Linux, macOS and Windows can share one directory.

What a machine does not share is next to its secret: how far its clock is from each server's, and how often it has refreshed each login. So
a session from an old copy of the files is noticed before its spent refresh token is sent. A copy of the whole home takes that along, and is
not noticed.`;
}
