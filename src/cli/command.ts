import type { Readable } from "node:stream";
import type { App } from "../app/app.ts";
import type { Auth } from "../app/auth.ts";
import { AuthError, type Hint } from "../base/errors.ts";
import type { Identity } from "../base/identity.ts";
import type { Terminal } from "../platform/terminal.ts";
import type { Output } from "./output.ts";

/** What a shell completes a value from: a few words, or the names of what is on this machine. */
export type Choices = readonly string[] | "files" | "profiles" | "teams";

export interface OptionSpec {
  readonly type: "string" | "number" | "boolean";
  readonly short?: string;
  /** An earlier name of the option, which still works. */
  readonly alias?: string;
  /** What other tools call it: not accepted, but what the hint goes by. */
  readonly elsewhere?: readonly string[];
  /** The placeholder of its value in the help, such as `SECONDS`. */
  readonly value?: string;
  /** The least and the greatest value of a number. All numbers are whole. */
  readonly range?: readonly [least: number, greatest: number];
  readonly choices?: Choices;
  readonly multiple?: true;
  /** Whether the profile keeps the value for the next login. */
  readonly isSaved?: true;
  /** Whether the help has it in its second group. */
  readonly isAdvanced?: true;
  /** At most 60 characters. */
  readonly help: string;
}

export type OptionValues<O extends Readonly<Record<string, OptionSpec>>> = {
  readonly [Name in keyof O]: OptionValue<O[Name]> | undefined;
};

type OptionValue<O extends OptionSpec> = O["type"] extends "boolean"
  ? boolean
  : O["type"] extends "number"
    ? number
    : O["multiple"] extends true
      ? readonly string[]
      : string;

export type HelpText = string | ((identity: Identity) => string);

export interface Context {
  readonly identity: Identity;
  readonly app: App;
  /** The same as programs have it. Its code is loaded here: a command that prints a token needs none of it. */
  readonly auth: () => Promise<Auth>;
  readonly out: Output;
  readonly terminal: () => Promise<Terminal>;
  /** What is typed or piped into the command. Opened when it is called. */
  readonly stdin: () => Readable;
  /** Aborts when the user presses Ctrl-C; its reason is the error to end with. */
  readonly signal: AbortSignal;
  readonly commands: readonly CommandEntry[];
}

/** A command's place in the tool. It is loaded when it is called, so that no command waits for another's code. */
export interface CommandEntry {
  readonly words: readonly string[];
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

export interface TopicEntry {
  readonly name: string;
  readonly summary: string;
  /** Whether it is about a choice that the users of a tool with an issuer of its own do not have. */
  readonly isOfUsers?: true;
  /**
   * Loads the function that gives its text under a tool's name, which reads the same in a terminal and as Markdown; see `page` for its line
   * breaks.
   */
  readonly load: () => Promise<(identity: Identity) => string>;
}

export interface Command {
  /** Its words and arguments, without the tool's name: `auth switch [PROFILE]`. */
  readonly usage: string;
  readonly description: HelpText;
  readonly options: Readonly<Record<string, OptionSpec>>;
  readonly choices?: Choices;
  /** How many arguments it takes at least and at most; none by default. */
  readonly arguments?: readonly [least: number, most: number];
  /** Options that a hint to run it again repeats, with its arguments: without them the next try would be another one. */
  readonly repeated?: readonly string[];
  /** Lines ready to paste. A string is what follows the tool's name; a function gives the whole line. */
  readonly examples: readonly (readonly [line: HelpText, does: string])[];
  /** @returns the exit code; 0 when it returns nothing */
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

export const profileOption: { readonly profile: OptionSpec & { type: "string" } } = {
  profile: { type: "string", value: "NAME", choices: "profiles", help: "account to use (default: the active one)" },
};
export const jsonOption: { readonly json: OptionSpec & { type: "boolean" } } = {
  json: { type: "boolean", help: "print JSON, even on failure" },
};

export const commonOptions: Readonly<Record<"json" | "verbose" | "debug" | "no-input" | "help", OptionSpec>> = {
  // Of a command whose answer is never JSON, or always.
  json: { type: "boolean", help: "print a failure as JSON" },
  verbose: {
    type: "boolean",
    help: "log each request to stderr, without secrets",
  },
  debug: { type: "boolean", help: "show the stack trace of an error" },
  "no-input": { type: "boolean", help: "ask nothing on the terminal" },
  help: { type: "boolean", short: "h", help: "show this help" },
};

/** Every option of a command, its own first. What it says itself of one that every command has counts. */
export function optionsOf({ options }: Command): [name: string, option: OptionSpec][] {
  return Object.entries<OptionSpec>({ ...options, ...commonOptions, ...options });
}

/** An error in the command line: what is wrong, and the nearest thing that would be right. */
export function usageError(message: string, hint: Hint | string): AuthError {
  return new AuthError("usage_invalid", message, { hint });
}
