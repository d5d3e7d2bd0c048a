import { existsSync, lstatSync, readFileSync, readlinkSync, realpathSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { AuthError, hint } from "../base/errors.ts";
import { userName } from "./paths.ts";
import { modeRemedy } from "./private-files.ts";

/** A folder that users other than this one and root can change. */
export interface OpenFolder {
  readonly path: string;
  readonly mode: number;
  readonly uid: number;
}

/** The owner shown for files whose owner has no number in this user namespace: see {@link isUnmapped}. */
const unmapped = 65534;
const sticky = 0o1000;

/**
 * The folders above one in which another user can replace what is there with another folder. sshd makes the same check of
 * `authorized_keys` (StrictModes), but only up to the home; this one goes up to the root, and accepts the user's own group.
 * Not for Windows, where modes say nothing.
 *
 * @param path - the folder; if links lead to it, the folders of each link count too
 * @throws what the file system says, when one of them cannot be examined
 */
export function openFoldersAbove(path: string): readonly OpenFolder[] {
  const folders = new Set<string>();
  const links = new Set<string>();
  // The real path first: links that lead in a circle end here.
  for (const way of [realpathSync(path), path]) addFoldersOnTheWay(way, folders, links);
  return [...[...folders].flatMap((folder) => openEntry(folder, true)), ...[...links].flatMap(foreignLink)];
}

/**
 * Refuses a place for sessions in which another user can put their own folder: below one that everybody can write to (unless it is
 * sticky), or one that belongs to somebody else. Folders that a group can write to are left to the doctor, who warns.
 *
 * @param path - the folder; it need not exist yet
 * @throws {@link AuthError} `storage_unsafe`
 */
export function checkFoldersAbove(path: string): void {
  if (process.platform === "win32") return;
  let existing = path;
  while (!existsSync(existing)) existing = dirname(existing);
  const above = existing === path ? openFoldersAbove(path) : openWayTo(existing, true);
  for (const { path: open, uid, mode } of above) {
    const isOwners = isTrustedOwner(uid);
    if (isOwners && (mode & 0o002) === 0) continue;
    const what = isOwners
      ? `can be changed by everybody (mode ${mode.toString(8).padStart(4, "0")})`
      : `belongs to another user (uid ${uid})`;
    throw new AuthError(
      "storage_unsafe",
      `"${open}" ${what}, so another directory could be put in place of "${path}"`,
      {
        hint:
          uid === process.geteuid?.()
            ? modeRemedy(open, "o-w")
            : hint`Set ${{ variable: "CONFIG_DIR" }} to a directory of yours`,
      },
    );
  }
}

/** What another user could change to have another file read at a path: the file itself, and {@link openFoldersAbove} it. */
export function openWayTo(path: string, isFolder = false): readonly OpenFolder[] {
  return [...openEntry(path, isFolder), ...openFoldersAbove(path)];
}

/** Adds the folders in which the system looks a path up: those above it, and those above each place that a link on the way names. */
function addFoldersOnTheWay(path: string, folders: Set<string>, links: Set<string>): void {
  const above = dirname(path);
  if (above === path) return;
  if (!folders.has(above)) addFoldersOnTheWay(above, folders.add(above), links);
  if (lstatSync(path).isSymbolicLink())
    addFoldersOnTheWay(resolve(realpathSync(above), readlinkSync(path)), folders, links.add(path));
}

/** A link of another user's, in a folder where everybody may have one: its owner can make it lead elsewhere at any time. */
function foreignLink(path: string): OpenFolder[] {
  const { uid, mode } = lstatSync(path);
  return isTrustedOwner(uid) ? [] : [{ path, uid, mode: mode & 0o7777 }];
}

/** Whether an owner of a folder above ours can do no more to it than root and this user can anyway. */
export function isTrustedOwner(uid: number): boolean {
  return uid === 0 || uid === process.geteuid?.() || (uid === unmapped && isUnmapped());
}

/**
 * Whether {@link unmapped} stands for an owner that cannot be shown (a sandbox, a rootless container), which is almost always root outside
 * of it. Where that number is mapped, it is the user `nobody`, and servers run requests of other people as that user.
 */
function isUnmapped(): boolean {
  const ranges = rowsOf("/proc/self/uid_map", /\s+/);
  return (
    ranges.length > 0 &&
    !ranges.some(([first, , count]) => Number(first) <= unmapped && unmapped < Number(first) + Number(count))
  );
}

function openEntry(path: string, isFolder: boolean): OpenFolder[] {
  const { uid, gid, mode } = statSync(path);
  const isTrusted = isTrustedOwner(uid);
  const others = (mode & 0o002) !== 0 || ((mode & 0o020) !== 0 && !isTrustedGroup(gid));
  // In a sticky folder, as /tmp is, only the owner of an entry can rename it.
  return isTrusted && (!others || (isFolder && (mode & sticky) !== 0)) ? [] : [{ path, uid, mode: mode & 0o7777 }];
}

/** On macOS, Homebrew's folders belong to the group of administrators, each of whom can become root. */
function isTrustedGroup(gid: number): boolean {
  return gid === 0 || (process.platform === "darwin" && gid === 80) || isOwnGroup(gid);
}

/**
 * Where every user has a group of the same name (as on Debian and Fedora), that group has no other members: neither in its list nor as
 * their first group.
 */
function isOwnGroup(gid: number): boolean {
  const user = userName();
  // Where groups are stored elsewhere, this one may be anybody's.
  const [name, , , listed = ""] = rowsOf("/etc/group", ":").find(([, , id]) => id === String(gid)) ?? [];
  const first = rowsOf("/etc/passwd", ":").flatMap(([member = "", , , id]) => (id === String(gid) ? member : []));
  return name === user && [...listed.split(",").filter(Boolean), ...first].every((member) => member === user);
}

function rowsOf(path: string, separator: string | RegExp): string[][] {
  try {
    return readFileSync(path, "utf8")
      .trim()
      .split("\n")
      .map((line) => line.trim().split(separator));
  } catch {
    return [];
  }
}
