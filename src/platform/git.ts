import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Environment } from "./paths.ts";

/**
 * What git prints, which alone knows where its configuration is and how it is written. No shell is involved. Throws the failure of the
 * process, whose `code` is `ENOENT` where there is no git.
 */
export async function runGit(args: readonly string[], env: Environment): Promise<string> {
  return (await promisify(execFile)("git", [...args], { env })).stdout;
}
