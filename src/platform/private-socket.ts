import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { isAbsolute, join } from "node:path";
import { isAuthError } from "../base/errors.ts";
import { checkFoldersAbove } from "./folders-above.ts";
import type { Environment } from "./paths.ts";
import { checkFolder } from "./private-files.ts";

export interface SocketPlace {
  readonly path: string;
  /** Call this once something listens. */
  open(): void;
  remove(): void;
}

/** macOS has the shortest limit: 103 bytes and a zero. */
const longestPath = 103;

/**
 * A socket path that only this user can connect to.
 *
 * The directory keeps others out (0700): systems may ignore the mode of a socket (unix(7)), which exists only once
 * something listens. On Windows only its creator and administrators can write to a named pipe of Node's.
 *
 * @param isShared - other users may connect too, as in a container with the directory mounted
 */
export function privateSocket(
  name: string,
  { env, platform, isShared }: { env: Environment; platform: NodeJS.Platform; isShared: boolean },
): SocketPlace {
  if (platform === "win32") {
    const path = `\\\\.\\pipe\\${name}-${randomBytes(12).toString("hex")}`;
    return { path, open: () => undefined, remove: () => undefined };
  }
  // Gone at logout and in no backup.
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

/** Whether no other user can replace the directory. */
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
