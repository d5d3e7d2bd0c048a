import { homedir } from "node:os";
import { posix, win32 } from "node:path";
import { AuthError } from "../base/errors.ts";

/** Environment variables, as `process.env` has them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The folder that holds everything this program keeps: `SPEC_KITTY_CONFIG_DIR`, else the platform's own place.
 *
 * @param env - the process's environment
 * @param platform - as `process.platform`
 * @param home - gives the user's home folder; may fail where there is none, and is asked only where it is needed
 * @throws {@link AuthError} `configuration_invalid` when there is no home folder to fall back to, or the variable is relative to a
 * working folder that is gone
 * @internal
 */
export function configFolder(env: Environment, platform: NodeJS.Platform, home: () => string = homedir): string {
  const path = platform === "win32" ? win32 : posix;
  const chosen = env["SPEC_KITTY_CONFIG_DIR"];
  if (chosen) return absolute(path, chosen);
  if (platform === "win32" && env["APPDATA"]) return path.join(env["APPDATA"], "spec-kitty");
  // The XDG base directory specification says to ignore a relative path.
  const xdg = env["XDG_CONFIG_HOME"];
  if (platform !== "win32" && platform !== "darwin" && xdg && path.isAbsolute(xdg)) return path.join(xdg, "spec-kitty");
  const folder = homeFolder(home);
  // A relative one would leave the sessions in whatever folder a command is run from.
  if (!path.isAbsolute(folder)) {
    throw new AuthError("configuration_invalid", "there is no home folder to keep the session in", {
      hint: "Set SPEC_KITTY_CONFIG_DIR to a folder of yours",
    });
  }
  if (platform === "win32") return path.join(folder, "AppData", "Roaming", "spec-kitty");
  if (platform === "darwin") return path.join(folder, "Library", "Application Support", "spec-kitty");
  return path.join(folder, ".config", "spec-kitty");
}

function absolute(path: typeof posix, folder: string): string {
  try {
    return path.resolve(folder);
  } catch (cause) {
    throw new AuthError("configuration_invalid", `SPEC_KITTY_CONFIG_DIR is "${folder}", which is relative, and the folder that this command was started in is gone`, {
      hint: "Set SPEC_KITTY_CONFIG_DIR to a path from the root, or go to the folder that it is relative to: cd FOLDER",
      cause,
    });
  }
}

function homeFolder(home: () => string): string {
  try {
    return home();
  } catch {
    // No HOME, and a user number that nobody has given a name: a container's.
    return "";
  }
}

/**
 * A folder of this user's that does not outlive the machine's uptime by design and is not part of a backup or of a
 * copied home: `XDG_RUNTIME_DIR`, else the system's temporary folder. What is put there is checked for its owner.
 *
 * @param env - the process's environment
 * @param platform - as `process.platform`
 * @param temporary - the system's temporary folder, `os.tmpdir()`
 * @param uid - the user's number, undefined on Windows, whose temporary folder is per user already
 * @internal
 */
export function runtimeFolder(env: Environment, platform: NodeJS.Platform, temporary: string, uid: number | undefined): string {
  const path = platform === "win32" ? win32 : posix;
  const xdg = env["XDG_RUNTIME_DIR"];
  if (platform !== "win32" && xdg && path.isAbsolute(xdg)) return path.join(xdg, "spec-kitty");
  return path.join(temporary, uid === undefined ? "spec-kitty" : `spec-kitty-${uid}`);
}
