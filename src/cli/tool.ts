import type { AuthOptions } from "../app/options.ts";
import type { Environment } from "../platform/paths.ts";

/** Options of {@link createCommand}. */
export interface CommandOptions extends Omit<AuthOptions, "issuer" | "commands"> {
  /** Undefined if the user names it, or the service, at the first login. */
  issuer: string | undefined;
  /** `["auth", "api", "completion"]` by default; `sync` and `tracker` are for services that have these. */
  commands?: readonly ("auth" | "api" | "completion" | "sync" | "tracker")[] | undefined;
  /** For help, completion and suggestions. The tool runs them itself, before `run`. */
  ownCommands?: readonly { readonly words: readonly string[]; readonly summary: string }[] | undefined;
}

/** Made by {@link createCommand}. */
export interface ToolCommands {
  /** For the tool's own help and completion. */
  readonly commands: readonly {
    readonly words: readonly string[];
    readonly summary: string;
    /** `value` is the placeholder. Loads the command's code. */
    options(): Promise<
      readonly { readonly name: string; readonly value: string | undefined; readonly summary: string }[]
    >;
  }[];
  /**
   * Runs a command line, and handles Ctrl-C. Never rejects.
   *
   * @param argv - without the names of runtime and tool: `process.argv.slice(2)`. It can name files to send and
   *   programs to run: never what another user typed
   * @returns the exit code, for `process.exitCode`
   */
  run(argv: readonly string[], streams?: CommandStreams): Promise<number>;
  /**
   * Prints an error of the tool's own commands.
   *
   * @returns the exit code of `help exit-codes`; 1 for a foreign error, which is shown by its message alone
   */
  fail(error: unknown, streams?: CommandStreams): Promise<number>;
  /**
   * Takes the common options off the front.
   *
   * @returns with the rest as `argv`
   * @throws {@link AuthError} `usage_invalid` for `--profile` without a name
   */
  options(argv: readonly string[]): {
    readonly profile: string | undefined;
    readonly json: boolean;
    readonly verbose: boolean;
    readonly debug: boolean;
    readonly argv: readonly string[];
  };
  /** False for commands of the tool's own. */
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

/** By default, the process's own. */
export interface CommandStreams {
  readonly stdout?: OutputStream;
  readonly stderr?: OutputStream;
  /** Questions are asked only if this and `stderr` are terminals. */
  readonly stdin?: AsyncIterable<string | Uint8Array> & { readonly isTTY?: boolean };
  /** Instead of the `env` of {@link CommandOptions}. */
  readonly env?: Environment;
}
