import { execFile } from "node:child_process";
import { dirname } from "node:path";
import { promisify } from "node:util";
import { findProgram } from "./find-program.ts";
import type { Environment } from "./paths.ts";

/**
 * What git prints, which alone knows where its configuration is and how it is written. No shell is involved. Throws the failure of the
 * process, whose `code` is `ENOENT` where there is no git.
 *
 * @param env - names the home folder whose configuration it is, and where git is looked for: a program that passes an environment of
 * its own to the command must not have its user's files changed
 */
export async function runGit(args: readonly string[], env: Environment): Promise<string> {
  const found = findProgram("git", env);
  if (found === undefined) throw Object.assign(new Error("there is no git in PATH"), { code: "ENOENT" });
  // Not in the working folder: its repository has a configuration too, and on Windows may have libraries that git would load.
  return (await promisify(execFile)(found, [...args], { env, cwd: dirname(found) })).stdout;
}
