import type { Identity, OwnCommands } from "./identity.ts";
import type * as runtime from "./runtime-types.ts";

/** A command of this tool, without the tool's own name: that depends on the program that shows the hint. */
export interface ToolCommand {
  /** Such as `auth login`. */
  readonly command: string;
  /** The profile that the command is about; undefined for the one in use. */
  readonly profile?: string | undefined;
  /** Further options and arguments, one word each, unquoted. */
  readonly options?: readonly string[];
  /** Of a login that starts over: what a tool without such a login has its users move away, if nothing else can open that either. */
  readonly aside?: string | undefined;
}

/** A variable of this tool, without its prefix: `ACCESS_TOKEN`. With a value, the hint shows how to set it; with null, how to unset it. */
export interface ToolVariable {
  readonly variable: string;
  readonly value?: string | null;
}

/** A variable by its whole name, such as `HTTPS_PROXY`, and the value to set it to; null to unset it. */
export interface ForeignVariable {
  readonly set: string;
  readonly value: string | null;
}

/** A command of the system, one word each, unquoted: `["chmod", "600", path]`. On Windows it is shown as what does the same there. */
export interface SystemCommand {
  readonly run: readonly string[];
}

/** A piece of a hint: words, or something to type. */
export type HintPart = string | ToolCommand | ToolVariable | ForeignVariable | SystemCommand;

/**
 * The next step, as data. The words depend on the program that shows it (its name, its platform), so {@link hintText} makes them
 * last, and quotes for the shell what there is to type.
 */
export type Hint = readonly HintPart[];

/** Builds a hint from words, commands and other hints: ``hint`Run: ${login(profile)}` ``. */
export function hint(text: TemplateStringsArray, ...parts: readonly (HintPart | Hint)[]): Hint {
  return text.flatMap((words, index) => [words, parts[index] ?? ""].flat()).filter((part) => part !== "");
}

export function login(profile?: string, ...options: readonly string[]): ToolCommand {
  return { command: "auth login", profile, options };
}

/**
 * A login that leaves what cannot be opened where it is. `aside`: the one file in its way, if it is of no use to another machine either.
 */
export function loginAnew(aside?: string): ToolCommand {
  return { command: "auth login", options: ["--force"], aside };
}

/** What to do about an answer that nobody but its operator can correct. */
export const issuersMistake: Hint = ["This is a mistake of the issuer: tell its operator"];

/** The program that shows a hint, and where. */
export interface HintContext {
  readonly identity: Identity;
  /** Decides how words are quoted and variables are set; `process.platform` by default. */
  readonly platform?: runtime.Platform;
  /** The profile in use, for a login that does not name one. */
  readonly profile?: string | undefined;
  /** What the user typed, for a hint to run the same command again. */
  readonly typed?: TypedCommand | undefined;
}

/**
 * A command line of which the next try has to keep a part: without `--force` it would fail for another reason, without the address go
 * elsewhere.
 */
export interface TypedCommand {
  readonly command: string;
  /** The arguments and options to keep: an option and its value, or an argument, each. */
  readonly kept: readonly (readonly [word: string, ...value: string[]])[];
}

export function hintText(hint: Hint, { identity, platform = process.platform, profile, typed }: HintContext): string {
  const word = (text: string): string => shellWord(text, platform);
  const { commands } = identity;
  // The login of a tool that cannot start over would fail for the same reason again.
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
      // "default" is the profile in use until the user makes another: its name would only be noise.
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

/** An address says all about where to log in. */
function isGiven(word: string, options: readonly string[]): boolean {
  const isPlace = !word.startsWith("-") || word === "--issuer" || word === "--service";
  return (isPlace && options[0]?.startsWith("-") === false) || options.includes(word);
}

/** In the place of a command that the tool does not have: no text holds this character. */
const missingCommand = "\u0000";

/** Its options are the tool's business: one with more than a profile or `--force` is not there. */
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
  const clauses = text.split(/(?<=[.;,])\s+/).filter((clause) => !clause.includes(missingCommand));
  return clauses.join(" ").replace(/^or /, "").replace(/[,;]$/, "");
}

/**
 * POSIX or fish, or PowerShell on Windows: each takes a word in single quotes literally, so a path or a name from outside that contains
 * `$(…)` or a backquote never becomes a command.
 */
export function shellWord(text: string, platform: string): string {
  // Without "@" and "," for PowerShell, where they make lists, and "%", which in `--%` ends all quoting; without "=" and "~"
  // where POSIX shells expand them, and "%" where fish does.
  const isPlain = platform === "win32" ? /^[\w+=:./\\…-][\w+=:./\\~…-]*$/ : /^[\w@+:,./…-][\w@%+:,./…-]*$/;
  return isPlain.test(text) ? text : shellQuoted(text, platform);
}

/** What does the same in PowerShell as a command of other systems. Its own `rm`, `mv` and `ls` have other options. */
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

/** What sets or unsets a variable of the environment in the user's shell. PowerShell would take an unquoted value for a command. */
function shellAssignment(name: string, value: string | null, platform: string): string {
  // Of a name that is set by mistake, the environment knows any character.
  if (value === null)
    return platform === "win32"
      ? `Remove-Item ${shellWord(`Env:${name}`, platform)}`
      : `unset ${shellWord(name, platform)}`;
  return platform === "win32"
    ? `$env:${name} = ${shellQuoted(value, platform)}`
    : `export ${name}=${shellWord(value, platform)}`;
}

/**
 * A word in quotes, whether it needs them or not. PowerShell takes four more characters for a single quote (about_Quoting_Rules); any of
 * them doubled stands for itself. A backslash is left outside of POSIX quotes, in which fish takes it for an escape.
 */
export function shellQuoted(text: string, platform: string): string {
  const inside =
    platform === "win32"
      ? text.replace(/['\u2018\u2019\u201a\u201b]/g, "$&$&")
      : text.replace(/['\\]/g, (character) => `'\\${character}'`);
  return `'${inside}'`;
}
