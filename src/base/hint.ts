/** A command of this tool, without the tool's own name: that depends on the program that shows the hint. */
export interface ToolCommand {
  /** Such as `auth login`. */
  readonly command: string;
  /** The profile that the command is about; undefined for the one in use. */
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
 * The next step, as data. The words depend on the program that shows it (its name, its platform), so `hintText` makes them
 * last; only there is what to type quoted for the shell.
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
