import { accessSync, constants, statSync } from "node:fs";
import { posix, win32 } from "node:path";
import type { Environment } from "./paths.ts";

/**
 * The absolute path of a program, given by such a path or by a bare name that `PATH` leads to; undefined when there is none.
 *
 * Every program is started by what this returns (S-016). The system itself would look for a bare name in the working folder, which may
 * be somebody else's project: Windows looks there first, and every system where an entry of `PATH` is relative or empty. For the same
 * reason a relative path is no program.
 *
 * @param platform - decides how paths are written, and which endings a name may lack
 */
export function findProgram(
  program: string,
  env: Environment,
  platform: NodeJS.Platform = process.platform,
): string | undefined {
  const path = platform === "win32" ? win32 : posix;
  if (isAbsolute(program, platform)) return withEndings(program, env, platform).find(canRun);
  if (path.basename(program) !== program || program.includes(":")) return undefined;
  return variable(env, "PATH")
    .split(path.delimiter)
    .map((entry) => (platform === "win32" ? entry.replaceAll('"', "") : entry))
    .filter((entry) => isAbsolute(entry, platform))
    .flatMap((entry) => withEndings(path.join(entry, program), env, platform))
    .find(canRun);
}

/** On Windows, a path without a drive is one of the current drive, and so of the working folder. */
function isAbsolute(path: string, platform: NodeJS.Platform): boolean {
  return platform === "win32" ? /^(?:[a-z]:[\\/]|[\\/]{2})/i.test(path) : path.startsWith("/");
}

/** Only programs of these two kinds are started without a shell. */
function withEndings(path: string, env: Environment, platform: NodeJS.Platform): string[] {
  if (platform !== "win32" || /\.(com|exe)$/i.test(path)) return [path];
  const endings = (variable(env, "PATHEXT") || ".COM;.EXE").split(";");
  return endings.filter((ending) => /^\.(com|exe)$/i.test(ending)).map((ending) => path + ending);
}

/** On Windows, names of variables have no case. */
function variable(env: Environment, name: string): string {
  return env[name] ?? Object.entries(env).find(([other]) => other.toUpperCase() === name)?.[1] ?? "";
}

function canRun(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
