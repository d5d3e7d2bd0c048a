import type { App } from "../app/app.ts";
import { AuthError, reasonOf, systemErrorCode, hint } from "../base/errors.ts";
import type { Identity } from "../base/identity.ts";
import { runGit } from "../platform/git.ts";

/** This program as a credential helper in git's configuration. */

export function gitHelper({ command }: Identity, profile?: string): string {
  return `!${command} auth git-credential${profile === undefined ? "" : ` --profile ${profile}`}`;
}

/** The URLs for which git asks this program, with any profile. */
export async function gitSetups({ identity, env }: App): Promise<{ origin: string; helper: string }[]> {
  const ours = gitHelper(identity);
  const found = await configureGit(env, "--get-regexp", "-z", "^credential\\..*\\.helper$");
  return found.split("\0").flatMap((entry) => {
    const [, origin, helper] = /^credential\.(.*)\.helper\n(.*)$/s.exec(entry) ?? [];
    const isOurs = helper === ours || helper?.startsWith(`${ours} `);
    return origin !== undefined && helper !== undefined && isOurs ? [{ origin, helper }] : [];
  });
}

/**
 * Runs `git config --global`.
 *
 * @returns its output; nothing where there is no such entry
 * @throws {@link AuthError} `configuration_invalid` without git, or when it refuses the change
 */
export async function configureGit(env: App["env"], ...args: readonly string[]): Promise<string> {
  try {
    return await runGit(["config", "--global", ...args], env);
  } catch (cause) {
    // git-config(1): 1 for a missing name, 5 for a missing entry to remove.
    const code = (cause as { code?: unknown }).code;
    if (code === 1 || code === 5) return "";
    const missing = systemErrorCode(cause) === "ENOENT";
    throw new AuthError(
      "configuration_invalid",
      missing ? "git is not installed, or not in PATH" : `git rejected the configuration (${reasonOf(cause)})`,
      {
        hint: missing
          ? "Install git, then run the command again"
          : hint`See its configuration: ${{ run: ["git", "config", "--global", "--list"] }}`,
        cause,
      },
    );
  }
}
