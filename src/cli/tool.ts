import type { AuthOptions } from "../app/options.ts";
import type { Environment } from "../platform/paths.ts";

/** By the first word. */
export type CommandGroup = "auth" | "api" | "completion" | "sync" | "tracker";

/** A tool and its service, as for `createAuth`. */
export interface CommandOptions extends Omit<AuthOptions, "issuer" | "commands"> {
  /**
   * The authorization server, as it names itself; undefined when the user names it, or the service, at the first login.
   */
  issuer: string | undefined;
  /**
   * The groups of commands; `["auth", "api", "completion"]` by default. `sync` and `tracker` are for services that have
   * these.
   */
  commands?: readonly CommandGroup[] | undefined;
  /** The tool's own commands, for the help, the completion and suggestions. The tool runs them itself, before `run`. */
  ownCommands?: readonly { readonly words: readonly string[]; readonly summary: string }[] | undefined;
}

/** The result of {@link ToolCommands.options}. */
export interface GlobalOptions {
  /** For `createAuth`. */
  readonly profile: string | undefined;
  readonly json: boolean;
  readonly verbose: boolean;
  readonly debug: boolean;
  /** The command and what follows. */
  readonly argv: readonly string[];
}

/** A command, for the tool's own help and completion. */
export interface ToolCommand {
  /** Such as `["auth", "login"]`. */
  readonly words: readonly string[];
  readonly summary: string;
  /** Its options, such as `--timeout`, with the value's placeholder if any. Loads the command's code. */
  options(): Promise<
    readonly { readonly name: string; readonly value: string | undefined; readonly summary: string }[]
  >;
}

/** The commands of a tool. Made by {@link createCommand}. */
export interface ToolCommands {
  /** In the order of the help. */
  readonly commands: readonly ToolCommand[];
  /**
   * Runs a command line: prints the output or the error, and handles Ctrl-C.
   *
   * @param argv - without the names of runtime and tool: `process.argv.slice(2)`. It can name files to send and programs
   *   to run: never what another user typed
   * @param streams - instead of the process's own
   * @returns the exit code, for `process.exitCode`; never rejects
   */
  run(argv: readonly string[], streams?: CommandStreams): Promise<number>;
  /**
   * Prints an error of the tool's own commands in the same way: `process.exitCode = await command.fail(error)`.
   *
   * @param error - what was caught
   * @param streams - as for `run`
   * @returns the exit code of `help exit-codes`; 1 for a foreign error, which is shown by its message alone
   */
  fail(error: unknown, streams?: CommandStreams): Promise<number>;
  /**
   * Takes the common options in front of a command, for the tool's own: `acme --profile work projects`.
   *
   * @param argv - as for `run`
   * @throws {@link AuthError} `usage_invalid` for `--profile` without a name
   */
  options(argv: readonly string[]): GlobalOptions;
  /** Whether a command line is one of these commands, or their help; all others are the tool's own. */
  has(argv: readonly string[]): boolean;
}

/** Such as `process.stdout`. */
export interface OutputStream {
  /** Calls `done` once the next piece can be written. */
  write(text: string | Uint8Array, done?: () => void): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
}

/** Streams of a command; by default the process's own. */
export interface CommandStreams {
  /** For results. */
  readonly stdout?: OutputStream;
  /** For messages. */
  readonly stderr?: OutputStream;
  /** What is typed or piped in. Questions are asked only if this and `stderr` are terminals. */
  readonly stdin?: AsyncIterable<string | Uint8Array> & { readonly isTTY?: boolean };
  /** Instead of those of {@link CommandOptions}. */
  readonly env?: Environment;
}
