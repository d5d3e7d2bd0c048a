import { accessSync, constants, statSync } from "node:fs";
import { posix, win32 } from "node:path";
import type { Environment } from "./paths.ts";

/**
 * The absolute path of a program, from such a path or from a bare name in `PATH`; undefined if there is none.
 *
 * Every program is started by this path (S-016). The system itself would look for a bare name in the working directory,
 * perhaps another user's project: Windows first, and all systems where an entry of `PATH` is relative or empty.
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

/** @throws as the system does where there is none */
export function requireProgram(program: string, env: Environment): string {
  const found = findProgram(program, env);
  if (found !== undefined) return found;
  throw Object.assign(new Error("there is no such program"), { code: "ENOENT" });
}

/** A Windows path without a drive depends on the working directory. */
function isAbsolute(path: string, platform: NodeJS.Platform): boolean {
  return platform === "win32" ? /^(?:[a-z]:[\\/]|[\\/]{2})/i.test(path) : path.startsWith("/");
}

/** Only these two kinds start without a shell. */
function withEndings(path: string, env: Environment, platform: NodeJS.Platform): string[] {
  if (platform !== "win32" || /\.(com|exe)$/i.test(path)) return [path];
  const endings = (variable(env, "PATHEXT") || ".COM;.EXE").split(";");
  return endings.filter((ending) => /^\.(com|exe)$/i.test(ending)).map((ending) => path + ending);
}

/** Windows ignores case in variable names. */
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
