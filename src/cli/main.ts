import { join, resolve } from "node:path";
import { Readable } from "node:stream";
import type { App } from "../app/app.ts";
import type { Auth } from "../app/auth.ts";
import type { AuthOptions } from "../app/options.ts";
import type { AwaitedWork } from "../auth/sessions/store.ts";
import { AuthError, NotAuthenticatedError } from "../base/errors.ts";
import { hintText, type TypedCommand } from "../base/hint.ts";
import { createIdentity, type Identity } from "../base/identity.ts";
import { page } from "../base/text.ts";
import { configFolder, keysFile, type Environment } from "../platform/paths.ts";
import { readPrivateFile } from "../platform/private-files.ts";
import type { Terminal } from "../platform/terminal.ts";
import type { Command, CommandEntry, Context } from "./command.ts";
import { builtInLogin, commandTable, topicsOf } from "./command-table.ts";
import { dispatch, globalOptions, splitOptions } from "./dispatch.ts";
import { createOutput } from "./output.ts";
import type { CommandStreams } from "./streams.ts";

export type * from "./json-output.ts";
export type { CommandStreams, OutputStream } from "./streams.ts";

/** A group of commands that a tool may have, by the first word. */
export type CommandGroup = "auth" | "api" | "completion" | "sync" | "tracker";

/** What a tool says about itself and the service that its users log in to, as for `createAuth`. */
export interface CommandOptions extends Omit<AuthOptions, "issuer" | "commands"> {
  /** The authorization server, exactly as it names itself; undefined when the user is to name it, or the service, at the first login. */
  issuer: string | undefined;
  /**
   * The groups of commands that the tool has; `["auth", "api", "completion"]` by default. `sync` and `tracker` are for services that have
   * these.
   */
  commands?: readonly CommandGroup[] | undefined;
}

/** What {@link ToolCommands.options} has taken off a command line. */
export interface GlobalOptions {
  /** For `createAuth`. */
  readonly profile: string | undefined;
  readonly json: boolean;
  readonly verbose: boolean;
  readonly debug: boolean;
  /** The rest: the command and what follows it. */
  readonly argv: readonly string[];
}

/** One of the commands, for the tool's own help and completion. */
export interface ToolCommand {
  /** Such as `["auth", "login"]`. */
  readonly words: readonly string[];
  readonly summary: string;
  /** Its options, such as `--timeout`, with the placeholder of the value where one follows. The code of the command is loaded for it. */
  options(): Promise<
    readonly { readonly name: string; readonly value: string | undefined; readonly summary: string }[]
  >;
}

/** The commands of a tool. Made by {@link createCommand}. */
export interface ToolCommands {
  /** In the order of the help. */
  readonly commands: readonly ToolCommand[];
  /**
   * Runs a command line: prints the answer or the error, and handles Ctrl-C meanwhile.
   *
   * @param argv - without the runtime's and the tool's own names: `process.argv.slice(2)`
   * @param streams - what it writes to and reads from, where that is not the process's own
   * @returns the exit code, for `process.exitCode`; never rejects
   */
  run(argv: readonly string[], streams?: CommandStreams): Promise<number>;
  /**
   * Prints an error of the tool's own commands as these commands do: `process.exitCode = await command.fail(error)`.
   *
   * @param error - what was caught
   * @param streams - as for `run`
   * @returns the exit code of `help exit-codes`; 1 for an error that is not of this library
   */
  fail(error: unknown, streams?: CommandStreams): Promise<number>;
  /**
   * The options in front of a command, which all commands share, for the tool's own: `acme --profile work projects`.
   *
   * @param argv - as for `run`
   * @throws {@link AuthError} `usage_invalid` for `--profile` without a name
   */
  options(argv: readonly string[]): GlobalOptions;
  /** Whether a command line is one of these commands, or the help on one: everything else is for the tool's own. */
  has(argv: readonly string[]): boolean;
}

/**
 * Login, status, tokens, logout and the rest under a tool's own name: `acme auth login`. Help, errors, hints, pages, variables, the folder
 * and the keychain's entry have that name and no other.
 *
 * @param options - see {@link CommandOptions}
 * @throws TypeError for a name that cannot name a folder and a variable everywhere, and for a group of commands that does not exist
 */
export function createCommand({
  name,
  version,
  commands = ["auth", "api", "completion"],
  ...own
}: CommandOptions): ToolCommands {
  const missing = commands.find((group) => !commandTable.some(({ words: [first] }) => first === group));
  if (missing !== undefined) throw new TypeError(`"${missing}" is not a group of commands`);
  const { service, issuer, clientId } = own;
  const identity: Identity = { ...createIdentity({ name, version }), service: service ?? issuer, clientId };
  const ofTool = commandTable.filter(({ words: [group = ""] }) => (commands as readonly string[]).includes(group));
  const table =
    issuer === undefined ? ofTool : ofTool.map((entry) => (entry.words[1] === "login" ? builtInLogin : entry));
  const isOurs = (word: string | undefined): boolean => table.some(({ words: [group] }) => group === word);
  return {
    commands: table.map(({ words, summary, load }) => ({
      words,
      summary,
      options: async () =>
        Object.entries((await load()).options).map(([name, { value, help }]) => ({
          name: `--${name}`,
          value,
          summary: help,
        })),
    })),
    run: (argv, streams = {}) =>
      untilDone(streams, (signal) => run(argv, { ...own, toolIdentity: identity }, table, streams, signal)),
    async fail(error, { stdout = process.stdout, stderr = process.stderr, env = own.env ?? process.env } = {}) {
      const { renderError } = await import("./render-error.ts");
      const out = createOutput({ stdout, stderr, env, platform: process.platform }, (hint) =>
        hintText(hint, { identity }),
      );
      return renderError(error, { out, identity, debug: false, json: false, mayHaveChanged: true, isSpoken: true });
    },
    options: (argv) => globalOptions(argv),
    has(argv) {
      const [word, next] = splitOptions(argv).line;
      return (
        isOurs(word) || (word === "help" && (isOurs(next) || topicsOf(identity).some(({ name }) => name === next)))
      );
    },
  };
}

/** A tool: its identity, and what it uses instead of the real thing. */
type Tool = Omit<CommandOptions, "name" | "version" | "commands"> & { readonly toolIdentity: Identity };

async function run(
  argv: readonly string[],
  { env = process.env, ...more }: Tool,
  commands: readonly CommandEntry[],
  streams: CommandStreams,
  signal: AbortSignal,
  /** Whether a login was offered before: that is done once. */
  wasOffered = false,
): Promise<number> {
  const tool = { ...more, env: streams.env ?? env };
  const { toolIdentity: identity } = tool;
  const given = streams.stdin && readable(streams.stdin);
  const { stdout = process.stdout, stderr = process.stderr } = streams;
  // To open the process's own costs more than all the work of most commands.
  const stdin = (): Readable => given ?? process.stdin;
  let app: App | undefined;
  let context: Context | undefined;
  let typed: TypedCommand | undefined;
  // Every hint to log in names the profile in use, which most code below does not know.
  const out = createOutput({ stdout, stderr, env: tool.env, platform: process.platform }, (hint) =>
    hintText(hint, { identity, profile: app?.settings.profile?.value, typed }),
  );
  let code = 0;
  // What the command line asks for, also where it cannot be read.
  let [debug, json] = [argv.includes("--debug"), argv.includes("--json")];
  const report = async (error: unknown): Promise<number> =>
    (await import("./render-error.ts")).renderError(error, {
      out,
      identity,
      debug,
      json,
      mayHaveChanged: app?.mayHaveChanged() === true,
    });
  try {
    if (mayNeedKeychain(argv, tool))
      (await import("../auth/secure-storage/keychain-process.ts")).startKeychainProcess(tool.env);
    const request = await dispatch(argv, identity, commands);
    if (request.kind === "text") {
      out.answer(page(request.text, out.columns));
      return 0;
    }
    const { command, values, positionals } = request;
    [debug, json] = [values["debug"] === true, values["json"] === true];
    const isTraced = values["verbose"] === true || Boolean(tool.env[identity.variable("TRACE")]);
    typed = typedCommand(command, values, positionals);
    const { createApp } = await import("../app/app.ts");
    app = createApp({
      ...tool,
      ...(isTraced && { onTraffic: (line: string) => out.say(line) }),
      options: values,
      command: commandName(command),
    });
    app.events.on("waiting", (awaited) => out.say(`Waiting for ${waitingFor(awaited)} …`));
    const terminal = async (): Promise<Terminal> =>
      (await import("../platform/terminal.ts")).terminalOf({
        get stdin() {
          return stdin();
        },
        stderr,
        mayAsk: values["no-input"] !== true,
      });
    const opened = app;
    const auth = async (): Promise<Auth> => (await import("../app/create-auth.ts")).authOf(opened);
    context = { identity, app, auth, out, terminal, stdin, signal, commands };
    // Before the command acts for one account where the folder suggests another.
    const suggested = "profile" in command.options ? app.profileFile : undefined;
    if (suggested !== undefined) await (await import("./profile-suggestion.ts")).showSuggestion(context, suggested);
    code = (await command.run(context, values as Parameters<typeof command.run>[1], positionals)) ?? 0;
  } catch (error) {
    const mayHelp = error instanceof NotAuthenticatedError && out.isAnswerShown && !json && !wasOffered;
    const isTyped = mayHelp && (given !== undefined || !(await import("../platform/terminal.ts")).isOfScript());
    const again = (line = argv): Promise<number> => run(line, tool, commands, streams, signal, true);
    const after =
      isTyped && context !== undefined
        ? await (await import("./login/offer.ts")).offerLogin(error, context, again).catch(report)
        : undefined;
    code = after ?? (await report(error));
  }
  // A session that is lost with this process is a failure, whatever else the command has done.
  await app?.close().catch(async (error: unknown) => (code = (await report(error)) || code));
  return code;
}

/** Whatever is typed or piped, as a stream of Node. */
function readable(input: NonNullable<CommandStreams["stdin"]>): Readable & { readonly isTTY?: boolean } {
  return input instanceof Readable ? input : Object.assign(Readable.from(input), { isTTY: input.isTTY === true });
}

function waitingFor({ work, host, pid }: AwaitedWork): string {
  if (work === "answer") return `${host} to refresh the session`;
  const who = pid === undefined ? "another process" : `process ${pid}`;
  return `${who} to ${work === "refresh" ? "refresh the session" : "store its changes"}`;
}

function commandName({ usage }: Pick<Command, "usage">): string {
  return usage.split(" [")[0] ?? usage;
}

function typedCommand(
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

/**
 * A process of its own asks the keychain, and takes as long to start as the rest of this one takes to load: so it is started first. This is
 * a guess at what the command needs; a wrong one costs nothing but time.
 */
function mayNeedKeychain(
  argv: readonly string[],
  {
    toolIdentity: identity,
    env,
    platform = process.platform,
    folder,
    storage,
    store,
    keychain,
  }: Tool & { readonly env: Environment },
): boolean {
  const isOther =
    storage !== undefined ||
    store !== undefined ||
    keychain !== undefined ||
    ["ACCESS_TOKEN", "AGENT", "IDENTITY"].some((name) => env[identity.variable(name)]);
  if (isOther || argv.length === 0 || argv.some((word) => ["help", "completion", "--help", "-h"].includes(word)))
    return false;
  try {
    const keys = readPrivateFile(
      join(folder === undefined ? configFolder(identity, env, platform) : resolve(folder), keysFile),
    );
    return keys !== undefined && /"source": "(\w+)"/.exec(keys.toString())?.[1] === "keychain";
  } catch {
    // Whatever is wrong with the file is reported when it is opened.
    return false;
  }
}

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
let isWatched = false;
let isOutputLost = false;

/** Sees to it that no end but a success looks like one. */
async function untilDone({ stdout }: CommandStreams, work: (signal: AbortSignal) => Promise<number>): Promise<number> {
  const interrupted = new AbortController();
  const onSignal = (name: NodeJS.Signals): void => {
    if (interrupted.signal.aborted) process.exit(130);
    interrupted.abort(new AuthError("interrupted", `interrupted (${name})`, { hint: "Run it again" }));
  };
  // A program that runs out of work before there is an outcome has not succeeded. One that is ended on purpose does not come here.
  const onOutOfWork = (): void =>
    fail("the command ended early", "This is a bug. Run it again with --debug to see more");
  for (const name of signals) process.on(name, onSignal);
  process.once("beforeExit", onOutOfWork);
  if (stdout === undefined) watchOutput();
  try {
    return (await work(interrupted.signal)) || Number(isOutputLost);
  } finally {
    for (const name of signals) process.off(name, onSignal);
    process.off("beforeExit", onOutOfWork);
  }
}

/** To the end of the process: a failure to write may be reported after the command is done. */
function watchOutput(): void {
  if (isWatched) return;
  isWatched = true;
  // Nobody reads the conversation anymore; the work goes on.
  process.stderr.on("error", () => undefined);
  process.stdout.on("error", ({ code }: NodeJS.ErrnoException) => {
    // The reader may stop early: `… | head -1` is not a failure.
    if (code === "EPIPE") process.exit(0);
    // Everything else is one; the work goes on, or a session could be lost.
    if (!isOutputLost) fail(`cannot write the output (${code})`, "Free some space, or redirect the output elsewhere");
    isOutputLost = true;
  });
}

function fail(message: string, hint: string): void {
  process.stderr.write(`error: ${message}\nhint: ${hint}\n`);
  process.exitCode = process.exitCode || 1;
}
