import { homedir, userInfo } from "node:os";
import { posix, win32 } from "node:path";
import { AuthError, hint, type Hint } from "../base/errors.ts";
import type { Identity } from "../base/identity.ts";

/** Environment variables, as `process.env` has them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The file in {@link configFolder} with the ways to open the sessions. */
export const keysFile = "keys";

/**
 * The folder of everything that is kept: the one that the variable `…_CONFIG_DIR` names, else the platform's own place.
 *
 * @param home - returns the user's home folder; may fail where there is none, and is called only where it is needed
 * @internal
 */
export function configFolder(
  identity: Identity,
  env: Environment,
  platform: NodeJS.Platform,
  home: () => string = homedir,
): string {
  const { name } = identity;
  const path = platform === "win32" ? win32 : posix;
  const variable = identity.variable("CONFIG_DIR");
  const chosen = env[variable];
  if (chosen) return absolute(path, chosen, variable);
  if (platform === "win32" && env["APPDATA"]) return path.join(env["APPDATA"], name);
  // The XDG base directory specification says to ignore a relative path.
  const xdg = env["XDG_CONFIG_HOME"];
  if (platform !== "win32" && platform !== "darwin" && xdg && path.isAbsolute(xdg)) return path.join(xdg, name);
  const folder = homeFolder(path, home, "the session", hint`Set ${{ variable: "CONFIG_DIR" }} to a directory of yours`);
  if (platform === "win32") return path.join(folder, "AppData", "Roaming", name);
  if (platform === "darwin") return path.join(folder, "Library", "Application Support", name);
  return path.join(folder, ".config", name);
}

function absolute(path: typeof posix, folder: string, source: string): string {
  try {
    return path.resolve(folder);
  } catch (cause) {
    const gone = "the current directory no longer exists";
    throw new AuthError("configuration_invalid", `${source} is "${folder}", a relative path, and ${gone}`, {
      hint: hint`Set ${{ variable: "CONFIG_DIR" }} to an absolute path, or run: cd DIRECTORY`,
      cause,
    });
  }
}

/** A relative one would leave the sessions in whatever folder a command is run from. */
function homeFolder(path: typeof posix, home: () => string, what: string, remedy: Hint): string {
  let folder = "";
  try {
    folder = home();
  } catch {
    // No HOME, and a user number without a name, as in a container.
  }
  if (path.isAbsolute(folder)) return folder;
  throw new AuthError("configuration_invalid", `there is no home directory to store ${what} in`, { hint: remedy });
}

/**
 * A folder for what belongs to this machine and user and must not travel with the configuration folder, which people synchronize
 * and put under version control: `XDG_STATE_HOME`, else the platform's own place.
 *
 * @param home - returns the user's home folder; may fail where there is none, and is called only where it is needed
 * @internal
 */
export function stateFolder(
  { name }: Identity,
  env: Environment,
  platform: NodeJS.Platform,
  home: () => string = homedir,
): string {
  const path = platform === "win32" ? win32 : posix;
  const variable = stateVariable(platform);
  const chosen = env[variable];
  if (platform !== "darwin" && chosen && path.isAbsolute(chosen)) return path.join(chosen, name);
  const remedy = hint`Set ${variable} to a directory of yours, or log in with a passphrase: set ${{ variable: "PASSPHRASE" }}`;
  const folder = homeFolder(path, home, "the secret of the session's key", remedy);
  if (platform === "win32") return path.join(folder, "AppData", "Local", name);
  if (platform === "darwin") return path.join(folder, "Library", "Application Support", `${name}-state`);
  return path.join(folder, ".local", "state", name);
}

/** The variable that {@link stateFolder} depends on, to be named in messages. @internal */
export function stateVariable(platform: NodeJS.Platform): string {
  return platform === "win32" ? "LOCALAPPDATA" : platform === "darwin" ? "HOME" : "XDG_STATE_HOME";
}

/** The system's name for this process's user; the user's number where it has no name, as in many containers. */
export function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? "");
  }
}
