import type { Readable } from "node:stream";
import type { App } from "../app/app.ts";
import type { Auth } from "../app/auth.ts";
import { AuthError, type Hint } from "../base/errors.ts";
import type { TypedCommand } from "../base/hint.ts";
import type { Identity } from "../base/identity.ts";
import type { Terminal } from "../platform/terminal.ts";
import type { Output } from "./output.ts";

/** For a shell's completion: fixed words, or names on this machine. */
export type Choices = readonly string[] | "files" | "profiles" | "teams";

/** Takes a whole number if it has a `range`, else text if it has a `value`; without both it is a flag. */
export interface OptionSpec {
  readonly short?: string;
  /** An earlier name, still accepted. */
  readonly alias?: string;
  /** Names in other tools: only for hints. */
  readonly elsewhere?: readonly string[];
  /** The value's placeholder in the help, such as `SECONDS`. */
  readonly value?: string;
  /** Of a whole number, inclusive. */
  readonly range?: readonly [least: number, greatest: number];
  readonly choices?: Choices;
  readonly multiple?: true;
  /** Saved in the profile for the next login. */
  readonly isSaved?: true;
  /** In the second group of the help. */
  readonly isAdvanced?: true;
  readonly help: string;
}

export type OptionValues<O extends Readonly<Record<string, OptionSpec>>> = {
  readonly [Name in keyof O]: OptionValue<O[Name]> | undefined;
};

type OptionValue<O extends OptionSpec> = O extends { range: object }
  ? number
  : O extends { value: string }
    ? O extends { multiple: true }
      ? readonly string[]
      : string
    : boolean;

export type HelpText = string | ((identity: Identity) => string);

export interface Context {
  readonly app: App;
  /** The library's `Auth`. Loaded when called: printing a token does not need it. */
  readonly auth: () => Promise<Auth>;
  readonly out: Output;
  readonly terminal: () => Promise<Terminal>;
  /** Opened when called. */
  readonly stdin: () => Readable;
  /** Aborts on Ctrl-C; its reason is the error to end with. */
  readonly signal: AbortSignal;
  readonly commands: readonly CommandEntry[];
}

/** A command's place in the tool. Loaded when called. */
export interface CommandEntry {
  readonly words: readonly string[];
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

export interface TopicEntry {
  readonly name: string;
  readonly summary: string;
  /** A choice that a tool with a built-in issuer does not offer. */
  readonly isOfUsers?: true | undefined;
  /** See `page` for its line breaks. */
  readonly load: () => Promise<(identity: Identity) => string>;
}

export interface Command {
  /** Words and arguments, without the tool's name: `auth switch [PROFILE]`. The last may repeat: `FILE…`. */
  readonly usage: string;
  readonly description: HelpText;
  readonly options: Readonly<Record<string, OptionSpec>>;
  readonly choices?: Choices;
  /** Options to repeat in a hint, with the arguments: without them another command would run. */
  readonly repeated?: readonly string[];
  /** Lines to paste. A string follows the tool's name; a function gives the whole line. */
  readonly examples: readonly (readonly [line: HelpText, does?: string])[];
  /** @returns the exit code; 0 by default */
  run(
    context: Context,
    values: OptionValues<Readonly<Record<string, OptionSpec>>>,
    positionals: readonly string[],
  ): Promise<number | void>;
}

export function defineCommand<const O extends Readonly<Record<string, OptionSpec>>>(
  command: Omit<Command, "options" | "run"> & {
    options: O;
    run(context: Context, values: OptionValues<O>, positionals: readonly string[]): Promise<number | void>;
  },
): Command {
  return command as unknown as Command;
}

export const profileOption: { readonly profile: OptionSpec & { value: string } } = {
  profile: { value: "NAME", choices: "profiles", help: "profile to use" },
};
export const jsonOption: { readonly json: OptionSpec } = { json: { help: "print JSON" } };

export const commonOptions: Readonly<Record<"json" | "verbose" | "debug" | "no-input" | "help", OptionSpec>> = {
  // For commands whose output is never JSON, or always.
  json: { help: "print a failure as JSON" },
  verbose: { help: "log each request to stderr, without secrets" },
  debug: { help: "show the stack trace of an error" },
  "no-input": { help: "never prompt for input" },
  help: { short: "h", help: "show this help" },
};

/** A command's own options first, which take precedence over the common ones. */
export function optionsOf({ options }: Command): [name: string, option: OptionSpec][] {
  return Object.entries<OptionSpec>({ ...options, ...commonOptions, ...options });
}

export function commandName({ usage }: Pick<Command, "usage">): string {
  return usage.split(" [")[0] ?? usage;
}

/** For a hint to run the command again. */
export function typedCommand(
  { usage, repeated }: Command,
  values: Readonly<Record<string, unknown>>,
  positionals: readonly string[],
): TypedCommand | undefined {
  if (repeated === undefined) return undefined;
  const options = repeated.flatMap((name) =>
    [values[name] ?? []]
      .flat()
      .map((value): [string, ...string[]] => (value === true ? [`--${name}`] : [`--${name}`, String(value)])),
  );
  return { command: commandName({ usage }), kept: [...positionals.map((word): [string] => [word]), ...options] };
}

export function usageError(message: string, hint: Hint | string): AuthError {
  return new AuthError("usage_invalid", message, { hint });
}

/** Options after `--` would go to the program there. */
export function usageLine({ usage }: Command): string {
  return usage.replace(/(?= \[-- |$)/, " [options]");
}
