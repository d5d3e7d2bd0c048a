import { dirname } from "node:path";
import { AuthError, reasonOf, systemErrorCode, hint, type Hint } from "../base/errors.ts";
import { userName } from "./paths.ts";
import { folderVariable, moveAway } from "./private-files.ts";

/** Explains the system's errors for a change at `path`; throws bugs unchanged. */
export function explained<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    throw explanationOf(path, cause);
  }
}

export function explanationOf(path: string, cause: unknown): unknown {
  return systemErrorCode(cause) === undefined ? cause : unwritable(path, cause);
}

/** Returns an error with a next step unchanged. */
export function unwritable(path: string, cause: unknown): AuthError {
  if (cause instanceof AuthError) return cause;
  const said = reasonOf(cause);
  const [reason, next] = explanations(path)[said] ?? ["", otherFolder("on a local disk")];
  const why = reason === "" ? said : `${reason} (${said})`;
  return new AuthError("storage_unwritable", `cannot write "${path}": ${why}`, { hint: next, cause });
}

/** For what can be fixed. Otherwise the file system lacks something, such as ENOTSUP of a network volume. */
function explanations(path: string): Partial<Record<string, [reason: string, next: Hint]>> {
  const folder = dirname(path);
  const anotherTime = hint`Try again; if that does not help, set ${folderVariable} to a directory on a local disk`;
  return {
    ENOENT: [
      "there is no such directory",
      hint`Create it: ${{ run: ["mkdir", "-p", "-m", "700", folder] }}, or set ${folderVariable} to another`,
    ],
    ENOTDIR: ["a file is where its directory should be", otherFolder("")],
    EACCES: ["permission denied", makeItYours(folder)],
    EPERM: ["not permitted", makeItYours(folder)],
    EISDIR: ["a directory of that name is in the way", moveAway(path)],
    ERR_FS_EISDIR: ["a directory of that name is in the way", moveAway(path)],
    EROFS: ["the file system is read-only", otherFolder("on a writable file system")],
    ENOSPC: ["the disk is full", hint`Free some space, then try again`],
    EDQUOT: ["the disk quota is used up", hint`Free some space, then try again`],
    ESTALE: ["it no longer exists on the file server", anotherTime],
    EIO: ["input/output error", anotherTime],
    ETIMEDOUT: ["the file server does not respond", anotherTime],
    ENOTCONN: ["the file server is not connected", anotherTime],
  };
}

function otherFolder(which: string): Hint {
  return hint`Set ${folderVariable} to a directory${which && ` ${which}`}`;
}

/** After `sudo` with the same home directory, it is root's. */
function makeItYours(folder: string): Hint {
  const user = userName();
  if (process.platform === "win32")
    return hint`Make it yours: ${{ run: ["icacls", folder, "/grant", `${user}:(OI)(CI)F`] }}`;
  return hint`Make it yours: ${{ run: ["sudo", "chown", "-R", user, folder] }} && ${{ run: ["chmod", "-R", "u+rwX", folder] }}`;
}
