import type { Hint } from "./hint.ts";
import type { Identity } from "./identity.ts";
import type * as runtime from "./runtime-types.ts";
import { shellAssignment, shellWord } from "./shell.ts";

/** The program that shows a hint, and where. */
export interface HintContext {
  readonly identity: Identity;
  /** Decides how words are quoted and variables are set; `process.platform` by default. */
  readonly platform?: runtime.Platform;
  /** The profile in use, for a login that does not name one. */
  readonly profile?: string | undefined;
}

/**
 * The words of a hint, ready to show.
 *
 * @param hint - from an error
 * @param context - under what name, on which platform and about which profile it is shown
 */
export function hintText(hint: Hint, { identity, platform = process.platform, profile }: HintContext): string {
  const word = (text: string): string => shellWord(text, platform);
  return hint
    .map((part) => {
      if (typeof part === "string") return part;
      if ("run" in part) return part.run.map(word).join(" ");
      if ("set" in part) return shellAssignment(part.set, part.value, platform);
      if ("variable" in part) {
        const name = identity.variable(part.variable);
        return part.value === undefined ? name : shellAssignment(name, part.value, platform);
      }
      const about = part.profile ?? (part.command === "auth login" ? profile : undefined);
      // "default" is the profile in use until the user makes another: its name would only be noise.
      const named = about === undefined || about === "default" || part.options?.includes("--profile") ? [] : ["--profile", about];
      return [identity.command, part.command, ...[...named, ...(part.options ?? [])].map(word)].join(" ");
    })
    .join("");
}
