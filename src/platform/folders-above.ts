import { existsSync, lstatSync, readFileSync, readlinkSync, realpathSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { AuthError, hint } from "../base/errors.ts";
import { userName } from "./paths.ts";
import { modeRemedy, octal } from "./private-files.ts";

/** A directory that users other than this one and root can change. */
export interface OpenFolder {
  readonly path: string;
  readonly mode: number;
  readonly uid: number;
}

/** The owner shown for files whose owner is not mapped in this user namespace: see {@link isUnmapped}. */
const unmapped = 65534;
const sticky = 0o1000;

/**
 * The parent directories in which another user can replace the path. As sshd does for `authorized_keys` (StrictModes),
 * but up to the root, and accepting the user's own group. Not for Windows, where modes say nothing.
 *
 * @param path - if links lead to it, the parents of each link count too
 * @throws the file system's error, when one of them cannot be examined
 */
export function openFoldersAbove(path: string): readonly OpenFolder[] {
  const folders = new Set<string>();
  const links = new Set<string>();
  // The real path first: circular links end here.
  for (const way of [realpathSync(path), path]) addFoldersOnTheWay(way, folders, links);
  return [...[...folders].flatMap((folder) => openEntry(folder, true)), ...[...links].flatMap(foreignLink)];
}

/**
 * Refuses a place for sessions where another user can put a directory of their own: below one that all can write to
 * (unless sticky), or one of another user. Of group-writable ones, the doctor warns.
 *
 * @param path - need not exist yet
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
    const what = isOwners ? `can be changed by everyone (mode ${octal(mode)})` : `belongs to another user (uid ${uid})`;
    throw new AuthError("storage_unsafe", `"${open}" ${what}, so others could replace "${path}"`, {
      hint:
        uid === process.geteuid?.()
          ? modeRemedy(open, "o-w")
          : hint`Set ${{ variable: "CONFIG_DIR" }} to a directory you own`,
    });
  }
}

/** What another user could change to have another file read. */
export function openWayTo(path: string, isFolder = false): readonly OpenFolder[] {
  return [...openEntry(path, isFolder), ...openFoldersAbove(path)];
}

/** Its parents, and those of each link's target. */
function addFoldersOnTheWay(path: string, folders: Set<string>, links: Set<string>): void {
  const above = dirname(path);
  if (above === path) return;
  if (!folders.has(above)) addFoldersOnTheWay(above, folders.add(above), links);
  if (lstatSync(path).isSymbolicLink())
    addFoldersOnTheWay(resolve(realpathSync(above), readlinkSync(path)), folders, links.add(path));
}

/** Another user's link in a directory open to all: its owner can redirect it at any time. */
function foreignLink(path: string): OpenFolder[] {
  const { uid, mode } = lstatSync(path);
  return isTrustedOwner(uid) ? [] : [{ path, uid, mode: mode & 0o7777 }];
}

export function isTrustedOwner(uid: number): boolean {
  return uid === 0 || uid === process.geteuid?.() || (uid === unmapped && isUnmapped());
}

/**
 * Whether {@link unmapped} stands for an owner outside of a sandbox or rootless container, almost always root. Where
 * the number is mapped, it is the user `nobody`, as which servers run other people's requests.
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
  // In a sticky directory, such as /tmp, only an entry's owner can rename it.
  return isTrusted && (!others || (isFolder && (mode & sticky) !== 0)) ? [] : [{ path, uid, mode: mode & 0o7777 }];
}

/** On macOS, members of the administrators' group, who own Homebrew's directories, can become root. */
function isTrustedGroup(gid: number): boolean {
  return gid === 0 || (process.platform === "darwin" && gid === 80) || isOwnGroup(gid);
}

/** Named after the user (Debian, Fedora), without other members in its list or by their first group. */
function isOwnGroup(gid: number): boolean {
  const user = userName();
  // A group stored elsewhere may be anybody's.
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
