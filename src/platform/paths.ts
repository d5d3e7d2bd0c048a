import { homedir, userInfo } from "node:os";
import { dirname, join, posix, resolve, win32 } from "node:path";
import { AuthError, hint, type Hint } from "../base/errors.ts";
import type { Identity } from "../base/identity.ts";

// Not imported: see private-files.ts.
const { lstatSync, realpathSync } = process.getBuiltinModule("node:fs");

export type Environment = Readonly<Record<string, string | undefined>>;

export const keysFile = "keys";

/**
 * The directory of everything stored: by the variable `…_CONFIG_DIR`, else the platform's place.
 *
 * @param home - may throw, and is called only if needed
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
  // The XDG specification says to ignore a relative path.
  const xdg = env["XDG_CONFIG_HOME"];
  if (platform !== "win32" && platform !== "darwin" && xdg && path.isAbsolute(xdg)) return path.join(xdg, name);
  const folder = homeFolder(path, home, "the session", hint`Set ${{ variable: "CONFIG_DIR" }} to a directory you own`);
  if (platform === "win32") return path.join(folder, "AppData", "Roaming", name);
  if (platform === "darwin") return path.join(folder, "Library", "Application Support", name);
  return path.join(folder, ".config", name);
}

/** `own`: the program's choice. @internal */
export function storeFolder(
  own: string | undefined,
  identity: Identity,
  env: Environment,
  platform: NodeJS.Platform,
): string {
  return own === undefined ? configFolder(identity, env, platform) : resolve(own);
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

/** A relative one would store sessions in any working directory. */
function homeFolder(path: typeof posix, home: () => string, what: string, remedy: Hint): string {
  let folder = "";
  try {
    folder = home();
  } catch {
    // No HOME, and a user without a name, as in a container.
  }
  if (path.isAbsolute(folder)) return folder;
  throw new AuthError("configuration_invalid", `there is no home directory to store ${what} in`, { hint: remedy });
}

/**
 * For what must not travel with the configuration, which people synchronize and put under version control:
 * `XDG_STATE_HOME`, else the platform's place.
 *
 * @param home - may throw, and is called only if needed
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
  const remedy = hint`Set ${variable} to a directory you own, or log in with a passphrase: set ${{ variable: "PASSPHRASE" }}`;
  const folder = homeFolder(path, home, "the secret of the session's key", remedy);
  if (platform === "win32") return path.join(folder, "AppData", "Local", name);
  if (platform === "darwin") return path.join(folder, "Library", "Application Support", `${name}-state`);
  return path.join(folder, ".local", "state", name);
}

/** Decides {@link stateFolder}; for messages. @internal */
export function stateVariable(platform: NodeJS.Platform): string {
  return platform === "win32" ? "LOCALAPPDATA" : platform === "darwin" ? "HOME" : "XDG_STATE_HOME";
}

/** The number if the user has no name, as in many containers. */
export function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? "");
  }
}

/** A bound for a file system without a reachable root. */
const maxLevels = 64;

/**
 * Finds the file that suggests a profile for a directory tree, up to the home directory or the root. It decides
 * nothing, since a clone may bring it along (S-010). Never fails.
 *
 * @param home - the last directory to look in; undefined when unknown
 */
export function findProfileFile(
  { name }: Identity,
  home: string | undefined,
  from: string | undefined,
): string | undefined {
  const last = home && resolve(home);
  let folder = from;
  for (let level = 0; folder !== undefined && level < maxLevels; level += 1) {
    const path = join(folder, `.${name}-profile`);
    try {
      if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) return path;
    } catch {
      // Try the next one.
    }
    const parent = dirname(folder);
    folder = folder === last || parent === folder ? undefined : parent;
  }
  return undefined;
}

/** Resolves the working directory by default; undefined when it no longer exists. */
export function realFolder(path?: string): string | undefined {
  try {
    return realpathSync.native(path ?? process.cwd());
  } catch {
    return undefined;
  }
}
