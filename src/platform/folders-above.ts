import { readFileSync, realpathSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { userName } from "./user-name.ts";

/** A folder that users other than this one and root can change. */
export interface OpenFolder {
  readonly path: string;
  readonly mode: number;
  readonly uid: number;
}

/** The owner of what has none in a user namespace (a sandbox, a rootless container): almost always root outside of it. */
const unmapped = 65534;
const sticky = 0o1000;

/**
 * The folders above one in which another user can replace what is there with another folder. sshd makes the same check of
 * `authorized_keys` (StrictModes), but only up to the home; this one goes up to the root, and accepts the user's own group.
 * Not for Windows, where modes say nothing.
 *
 * @param path - the folder; if a link leads to it, the folders on both ways count
 * @throws what the file system says, when one of them cannot be looked at
 */
export function openFoldersAbove(path: string): readonly OpenFolder[] {
  const folders = new Set<string>();
  for (let at of [path, realpathSync(path)]) while (at !== dirname(at)) folders.add((at = dirname(at)));
  return [...folders].flatMap((folder) => {
    const { uid, gid, mode } = statSync(folder);
    const isTrusted = [0, unmapped, process.geteuid?.()].includes(uid);
    const others = (mode & 0o002) !== 0 || ((mode & 0o020) !== 0 && gid !== 0 && !isOwnGroup(gid));
    // In a sticky folder, as /tmp is, only the owner of an entry can rename it.
    return isTrusted && (!others || (mode & sticky) !== 0) ? [] : [{ path: folder, uid, mode: mode & 0o7777 }];
  });
}

/** Where every user has a group of the same name (as on Debian and Fedora), that group is the user alone. */
function isOwnGroup(gid: number): boolean {
  const user = userName();
  let groups = "";
  try {
    groups = readFileSync("/etc/group", "utf8");
  } catch {
    // Groups are stored elsewhere: then this one may be anybody's.
  }
  const [name, , , members = ""] = groups.split("\n").map((line) => line.split(":")).find(([, , id]) => id === String(gid)) ?? [];
  return name === user && (members === "" || members === user);
}
