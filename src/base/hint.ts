import type { Identity, OwnCommands } from "./identity.ts";

/** Without the tool's name, which depends on the program. */
interface ToolCommand {
  /** Such as `auth login`. */
  readonly command: string;
  /** Undefined: the one in use. */
  readonly profile?: string | undefined;
  /** Unquoted. */
  readonly options?: readonly string[];
  /**
   * For a login that starts over: what users of a tool without one must move away, if nothing else can open that
   * either.
   */
  readonly aside?: string | undefined;
}

/** Without the tool's prefix: `ACCESS_TOKEN`. Null unsets it. */
export interface ToolVariable {
  readonly variable: string;
  readonly value?: string | null;
}

/** By its whole name, such as `HTTPS_PROXY`; null unsets it. */
interface ForeignVariable {
  readonly set: string;
  readonly value: string | null;
}

/** Unquoted: `["chmod", "600", path]`. Windows gets its own equivalent. */
export interface SystemCommand {
  readonly run: readonly string[];
}

type HintPart = string | ToolCommand | ToolVariable | ForeignVariable | SystemCommand;

/** As data. {@link hintText} words it for the program (its name, its platform), quoted for the shell. */
export type Hint = readonly HintPart[];

/** ``hint`Run: ${login(profile)}` ``. */
export function hint(text: TemplateStringsArray, ...parts: readonly (HintPart | Hint)[]): Hint {
  return text.flatMap((words, index) => [words, parts[index] ?? ""].flat()).filter((part) => part !== "");
}

export function login(profile?: string, ...options: readonly string[]): ToolCommand {
  return { command: "auth login", profile, options };
}

/** Leaves what cannot be opened where it is. `aside`: the one file in its way, if useless on other machines too. */
export function loginAnew(aside?: string): ToolCommand {
  return { command: "auth login", options: ["--force"], aside };
}

export const issuersMistake: Hint = ["Report this to the operator of the issuer"];

export interface HintContext {
  readonly identity: Identity;
  /** For quotes and variables; `process.platform` by default. */
  readonly platform?: string;
  /** The profile in use, for a login that names none. */
  readonly profile?: string | undefined;
  /** To run again. */
  readonly typed?: TypedCommand | undefined;
}

/** Without `--force` the next try would fail for another reason, without the URL go elsewhere. */
export interface TypedCommand {
  readonly command: string;
  /** Each an argument, or an option and its value. */
  readonly kept: readonly (readonly [word: string, ...value: string[]])[];
}

export function hintText(hint: Hint, { identity, platform = process.platform, profile, typed }: HintContext): string {
  const word = (text: string): string => shellWord(text, platform);
  const { commands } = identity;
  // A tool's login that cannot start over would fail again.
  const startingOver = (path: string | undefined): string => {
    const login = commands?.login ?? "";
    if (path !== undefined)
      return `${hintText([{ run: ["mv", path, `${path}.old`] }], { identity, platform })}, then ${login}`;
    return `set ${identity.variable("CONFIG_DIR")} to another directory, then ${login}`;
  };
  const text = hint
    .map((part) => {
      if (typeof part === "string") return part;
      if ("run" in part) return (platform === "win32" ? onWindows(part.run) : part.run).map(word).join(" ");
      if ("set" in part) return shellAssignment(part.set, part.value, platform);
      if ("variable" in part) {
        const name = identity.variable(part.variable);
        return part.value === undefined ? name : shellAssignment(name, part.value, platform);
      }
      if (commands !== undefined)
        return "aside" in part
          ? (commands.setAside ?? startingOver(part.aside))
          : (ownCommand(part, commands) ?? missingCommand);
      const about = part.profile ?? (part.command === "auth login" ? profile : undefined);
      // "default" is in use until the user makes another profile.
      const named =
        about === undefined || about === "default" || part.options?.includes("--profile") ? [] : ["--profile", about];
      const options = part.options ?? [];
      const kept = typed?.command === part.command ? typed.kept.filter(([first]) => !isGiven(first, options)) : [];
      const [first, last] = [
        kept.filter(([first]) => !first.startsWith("-")),
        kept.filter(([first]) => first.startsWith("-")),
      ];
      return [
        identity.command,
        part.command,
        ...[...first.flat(), ...named, ...options, ...last.flat()].map(word),
      ].join(" ");
    })
    .join("");
  return commands !== undefined && text.includes(missingCommand)
    ? withoutMissing(text) || `Try again: ${commands.login}`
    : text;
}

/** A URL says all about where to log in. */
function isGiven(word: string, options: readonly string[]): boolean {
  const isPlace = !word.startsWith("-") || word === "--issuer" || word === "--service";
  return (isPlace && options[0]?.startsWith("-") === false) || options.includes(word);
}

/** For a command that the tool lacks: no text holds this character. */
const missingCommand = "\u0000";

/** Its options are the tool's business: one with more than a profile or `--force` does not exist. */
function ownCommand({ command, profile, options = [] }: ToolCommand, commands: OwnCommands): string | undefined {
  const [group, verb = ""] = command.split(" ");
  const isPlain =
    profile !== "NAME" &&
    options.every(
      (option, index) =>
        /^--(force|profile)$/.test(option) || (options[index - 1] === "--profile" && option !== "NAME"),
    );
  return group === "auth" && isPlain ? commands[verb as keyof OwnCommands] : undefined;
}

function withoutMissing(text: string): string {
  const clauses = text
    .split(/(?<=[.;])\s+/)
    // A condition or purpose belongs to its command.
    .flatMap((sentence) => (/^(If|To) /.test(sentence) ? [sentence] : sentence.split(/(?<=,)\s+/)))
    .filter((clause) => !clause.includes(missingCommand));
  return clauses
    .join(" ")
    .replace(/^or /, "")
    .replace(/[.,;]$/, "");
}

/**
 * POSIX, fish and PowerShell take a word in single quotes literally, so a foreign path or name with `$(…)` or a
 * backquote never becomes a command.
 */
export function shellWord(text: string, platform: string): string {
  // PowerShell: "@" and "," make lists, "%" in `--%` ends all quoting. POSIX shells expand "=" and "~", fish "%".
  const isPlain = platform === "win32" ? /^[\w+=:./\\…-][\w+=:./\\~…-]*$/ : /^[\w@+:,./…-][\w@%+:,./…-]*$/;
  return isPlain.test(text) ? text : shellQuoted(text, platform);
}

/** PowerShell equivalents. Its own `rm`, `mv` and `ls` have other options. */
const windowsCommands: Record<string, (words: readonly string[], options: readonly string[]) => readonly string[]> = {
  ls: (paths) => ["icacls", ...paths.slice(-1)],
  mv: (paths) => ["Move-Item", "-LiteralPath", ...paths],
  rm: (paths, options) => ["Remove-Item", ...options.map(() => "-Recurse"), "-LiteralPath", ...paths],
  mkdir: (paths) => ["mkdir", ...paths.slice(-1)],
  nc: ([host = "", port = ""]) => ["Test-NetConnection", host, "-Port", port],
  openssl: ([, address = ""]) => ["curl.exe", "-v", `https://${address}`],
};

function onWindows([program = "", ...args]: readonly string[]): readonly string[] {
  const isOption = (arg: string): boolean => arg.startsWith("-");
  return (
    windowsCommands[program]?.(
      args.filter((arg) => !isOption(arg)),
      args.filter(isOption),
    ) ?? [program, ...args]
  );
}

/** PowerShell would run an unquoted value. */
function shellAssignment(name: string, value: string | null, platform: string): string {
  // A variable set by mistake may have any character in its name.
  if (value === null)
    return platform === "win32"
      ? `Remove-Item ${shellWord(`Env:${name}`, platform)}`
      : `unset ${shellWord(name, platform)}`;
  return platform === "win32"
    ? `$env:${name} = ${shellQuoted(value, platform)}`
    : `export ${name}=${shellWord(value, platform)}`;
}

/**
 * Always in quotes. PowerShell takes four more characters for a single quote (about_Quoting_Rules); doubled, each
 * stands for itself. A backslash stays outside of POSIX quotes, where fish reads it as an escape.
 */
export function shellQuoted(text: string, platform: string): string {
  const inside =
    platform === "win32"
      ? text.replace(/['\u2018\u2019\u201a\u201b]/g, "$&$&")
      : text.replace(/['\\]/g, (character) => `'\\${character}'`);
  return `'${inside}'`;
}
