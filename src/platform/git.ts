import { execFile } from "node:child_process";
import { dirname } from "node:path";
import { promisify } from "node:util";
import { requireProgram } from "./find-program.ts";
import type { Environment } from "./paths.ts";

/**
 * The output of git, which alone knows where its configuration is.
 *
 * @param env - names the home directory and the `PATH`: a program with an environment of its own must not have its
 *   user's files changed
 * @throws the failure of the process, with `code` `ENOENT` where there is no git
 */
export async function runGit(args: readonly string[], env: Environment): Promise<string> {
  const found = requireProgram("git", env);
  // Not in the working directory: its repository has a configuration too, and on Windows perhaps libraries for git.
  return (await promisify(execFile)(found, [...args], { env, cwd: dirname(found) })).stdout;
}
