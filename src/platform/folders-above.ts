import { readFileSync, realpathSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { userName } from "./user-name.ts";

/** A folder that others than this user and root can change. */
export interface OpenFolder {
  readonly path: string;
  readonly mode: number;
  readonly uid: number;
}

/** Who owns what has no owner in a user namespace (a sandbox, a container without root): root outside of it, as good as always. */
const unmapped = 65534;
const sticky = 0o1000;

/**
 * The folders above one in which somebody else can put another folder in the place of what is there. That is what sshd asks of
 * `authorized_keys` (StrictModes), but up to the root and not to the home only, and a group of the user's own is nobody else.
 * Not for Windows, where modes say nothing.
 *
 * @param path - the folder; where a link leads there, both ways down to it count
 * @throws what the file system does, where one of them cannot be looked at
 */
export function openFoldersAbove(path: string): readonly OpenFolder[] {
  const folders = new Set<string>();
  for (let at of [path, realpathSync(path)]) while (at !== dirname(at)) folders.add((at = dirname(at)));
  return [...folders].flatMap((folder) => {
    const { uid, gid, mode } = statSync(folder);
    const isTrusted = [0, unmapped, process.geteuid?.()].includes(uid);
    const others = (mode & 0o002) !== 0 || ((mode & 0o020) !== 0 && gid !== 0 && !isOwnGroup(gid));
    // In a sticky folder, as /tmp is, only the owner of a thing can rename it.
    return isTrusted && (!others || (mode & sticky) !== 0) ? [] : [{ path: folder, uid, mode: mode & 0o7777 }];
  });
}

/** Where every user has a group of the same name (as on Debian and Fedora), what it may write is written by the user. */
function isOwnGroup(gid: number): boolean {
  const user = userName();
  let groups = "";
  try {
    groups = readFileSync("/etc/group", "utf8");
  } catch {
    // Kept elsewhere: then the group may be anybody's.
  }
  const [name, , , members = ""] = groups.split("\n").map((line) => line.split(":")).find(([, , id]) => id === String(gid)) ?? [];
  return name === user && (members === "" || members === user);
}
