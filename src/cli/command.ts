import type { App } from "../app/app.ts";
import type { Terminal } from "../platform/terminal.ts";
import type { Output } from "./output.ts";

/** One option of a command: what the parser needs and what the help says. */
export interface OptionSpec {
  readonly type: "string" | "boolean";
  readonly short?: string;
  /** The placeholder of its value in the help, such as `SECONDS`. */
  readonly value?: string;
  /** The values that it takes, where they are few: for completion. */
  readonly choices?: readonly string[];
  /** Whether it may be given again and again; its value is then a list. */
  readonly multiple?: true;
  readonly help: string;
}

/** The values of a command's options, by name. */
export type OptionValues<O extends Readonly<Record<string, OptionSpec>>> = {
  readonly [Name in keyof O]: (O[Name]["type"] extends "boolean" ? boolean : O[Name]["multiple"] extends true ? readonly string[] : string) | undefined;
};

/** What a command runs with. */
export interface Context {
  readonly app: App;
  readonly out: Output;
  readonly terminal: Terminal;
  /** Aborts when the user presses Ctrl-C; its reason is the error to end with. */
  readonly signal: AbortSignal;
  /** Every command of the program. */
  readonly commands: readonly CommandEntry[];
  /** What the groups of them are about, by their first word. */
  readonly groups: Readonly<Record<string, string>>;
}

/** A command's place in the program. It is loaded when it is called, so that one command does not pay for another. */
export interface CommandEntry {
  readonly words: readonly string[];
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

/** A command: options, what the help says of it, and a run. */
export interface Command {
  /** Its words and arguments, without the program's name: `auth switch [PROFILE]`. */
  readonly usage: string;
  readonly description: string;
  readonly options: Readonly<Record<string, OptionSpec>>;
  /** How many arguments it takes at least and at most. */
  readonly arguments?: readonly [least: number, most: number];
  /** Ready to paste, with what each does. */
  readonly examples: readonly (readonly [command: string, does: string])[];
  /** @returns the exit code; 0 when it returns nothing */
  run(context: Context, values: OptionValues<Readonly<Record<string, OptionSpec>>>, positionals: readonly string[]): Promise<number | void>;
}

/** A command whose run sees its own options by name and type. */
export function defineCommand<const O extends Readonly<Record<string, OptionSpec>>>(
  command: Omit<Command, "options" | "run"> & {
    options: O;
    run(context: Context, values: OptionValues<O>, positionals: readonly string[]): Promise<number | void>;
  },
): Command {
  return command as unknown as Command;
}

/** Options that several commands share. */
export const profileOption: { readonly profile: OptionSpec & { type: "string" } } = {
  profile: { type: "string", value: "NAME", help: "the account to use instead of the active one" },
};
export const jsonOption: { readonly json: OptionSpec & { type: "boolean" } } = {
  json: { type: "boolean", help: "print the answer as JSON" },
};
