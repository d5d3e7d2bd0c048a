import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Environment } from "./paths.ts";

/**
 * What git prints, which alone knows where its configuration is and how it is written. No shell is involved. Throws the failure of the
 * process, whose `code` is `ENOENT` where there is no git.
 *
 * @param env - names the home folder whose configuration it is, and where git is looked for: a program that passes an environment of
 * its own to the command must not have its user's files changed
 */
export async function runGit(args: readonly string[], env: Environment): Promise<string> {
  return (await promisify(execFile)("git", [...args], { env })).stdout;
}
