import type * as runtime from "./runtime-types.ts";
import type { Identity } from "./identity.ts";

/** A command of this tool. How the tool itself is called is not part of it: that depends on the program that shows the hint. */
export interface ToolCommand {
  /** Without the tool's name: `auth login`. */
  readonly command: string;
  /** The profile that the command is about; undefined: the one in use. */
  readonly profile?: string | undefined;
  /** Further options and arguments, one word each, unquoted. */
  readonly options?: readonly string[];
}

/** A variable of this tool, without its prefix: `ACCESS_TOKEN`. With a value, the hint shows how to set it. */
export interface ToolVariable {
  readonly variable: string;
  readonly value?: string;
}

/** A variable that is not this tool's, such as `HTTPS_PROXY`, and the value to set it to. */
export interface ForeignVariable {
  readonly set: string;
  readonly value: string;
}

/** A command of the system, one word each, unquoted: `["chmod", "600", path]`. */
export interface SystemCommand {
  readonly run: readonly string[];
}

/** A piece of a hint: words, or something to type. */
export type HintPart = string | ToolCommand | ToolVariable | ForeignVariable | SystemCommand;

/**
 * The next step, as data. The words depend on who shows it (under what name, on which platform), so they are made last, by
 * {@link hintText}; and what to type is quoted for the shell there and nowhere else.
 */
export type Hint = readonly HintPart[];

/** Builds a hint, of words, commands and other hints: ``hint`Run: ${login(profile)}` ``. */
export function hint(text: TemplateStringsArray, ...parts: readonly (HintPart | Hint)[]): Hint {
  return text.flatMap((words, index) => [words, parts[index] ?? ""].flat()).filter((part) => part !== "");
}

/**
 * The command that logs in.
 *
 * @param profile - where it is known which one is meant
 * @param options - such as `--force`
 */
export function login(profile?: string, ...options: readonly string[]): ToolCommand {
  return { command: "auth login", profile, options };
}

/** The program that shows a hint, and where. */
export interface HintContext {
  readonly identity: Identity;
  /** Decides how words are quoted and variables are set; `process.platform` by default. */
  readonly platform?: runtime.Platform;
  /** The profile in use, for a login whose hint was written where it was not known. */
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
  const assignment = (name: string, value: string): string => (platform === "win32" ? `$env:${name} = ${word(value)}` : `export ${name}=${word(value)}`);
  return hint
    .map((part) => {
      if (typeof part === "string") return part;
      if ("run" in part) return part.run.map(word).join(" ");
      if ("set" in part) return assignment(part.set, part.value);
      if ("variable" in part) {
        const name = identity.variable(part.variable);
        return part.value === undefined ? name : assignment(name, part.value);
      }
      const about = part.profile ?? (part.command === "auth login" ? profile : undefined);
      // "default" is the profile in use until the user makes another: naming it would only be noise.
      const named = about === undefined || about === "default" || part.options?.includes("--profile") ? [] : ["--profile", about];
      return [identity.command, part.command, ...[...named, ...(part.options ?? [])].map(word)].join(" ");
    })
    .join("");
}

/**
 * A word as the user's shell takes it: POSIX, or PowerShell on Windows. Both take a word in single quotes as it is, so a path
 * or a name from outside that holds `$(…)` or a backquote is a word and never a command.
 */
export function shellWord(text: string, platform: NodeJS.Platform): string {
  if (/^[\w@%+=:,./~…-]+$/.test(text)) return text;
  if (platform === "win32") return /^[\w@%+=:,./\\~…-]+$/.test(text) ? text : `'${text.replaceAll("'", "''")}'`;
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
