import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { isAbsolute, join } from "node:path";
import { isAuthError } from "../base/errors.ts";
import { checkFoldersAbove } from "./folders-above.ts";
import type { Environment } from "./paths.ts";
import { checkFolder } from "./private-files.ts";

/** A place for a socket. */
export interface SocketPlace {
  readonly path: string;
  /** Call this once something listens there: sets who may connect. */
  open(): void;
  /** Removes what was made for it. */
  remove(): void;
}

/** Of the systems here, macOS has the shortest addresses: 103 bytes and a zero. */
const longestPath = 103;

/**
 * Makes a place for a socket that only this user can connect to.
 *
 * The directory keeps others out (0700): a system need not look at the mode of the socket itself (unix(7)), which has none until something
 * listens. On Windows a named pipe of Node's can be written to by its creator and by administrators only: for that is what the default
 * says of its owner.
 *
 * @param isShared - whether other users may connect too, as in a container that has the directory mounted. They cannot list it
 */
export function privateSocket(
  name: string,
  { env, platform, isShared }: { env: Environment; platform: NodeJS.Platform; isShared: boolean },
): SocketPlace {
  if (platform === "win32") {
    const path = `\\\\.\\pipe\\${name}-${randomBytes(12).toString("hex")}`;
    return { path, open: () => undefined, remove: () => undefined };
  }
  // Gone at logout and in no backup, where the system has such a directory and it is this user's.
  const runtime = env["XDG_RUNTIME_DIR"];
  const parents = [...(runtime !== undefined && isAbsolute(runtime) && isPrivate(runtime) ? [runtime] : []), tmpdir()];
  const parent = parents.find(
    (path) => Buffer.byteLength(join(path, `${name}-XXXXXX`, "agent.sock")) <= longestPath && isOutOfReach(path, name),
  );
  const folder = mkdtempSync(join(parent ?? "/tmp", `${name}-`));
  const path = join(folder, "agent.sock");
  if (isShared) chmodSync(folder, 0o711);
  return {
    path,
    open: () => chmodSync(path, isShared ? 0o666 : 0o600),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function isPrivate(folder: string): boolean {
  return isAccepted(() => checkFolder(folder)) && existsSync(folder);
}

/** Whether nobody else can put another directory, with a socket of theirs, in the place of one that is made there. */
function isOutOfReach(folder: string, name: string): boolean {
  return isAccepted(() => checkFoldersAbove(join(folder, name)));
}

function isAccepted(check: () => void): boolean {
  try {
    check();
    return true;
  } catch (error) {
    if (isAuthError(error)) return false;
    throw error;
  }
}
