import { join } from "node:path";
import { Readable } from "node:stream";
import type { App } from "../app/app.ts";
import type { Auth } from "../app/auth.ts";
import type { AwaitedWork } from "../auth/sessions/store.ts";
import { AuthError, NotAuthenticatedError, type Hint } from "../base/errors.ts";
import { hintText, type TypedCommand } from "../base/hint.ts";
import { createIdentity, type Identity } from "../base/identity.ts";
import { page } from "../base/text.ts";
import { keysFile, storeFolder, type Environment } from "../platform/paths.ts";
import { readPrivateFile } from "../platform/private-files.ts";
import type { Terminal } from "../platform/terminal.ts";
import { commandName, typedCommand, type CommandEntry, type Context } from "./command.ts";
import { builtInLogin, commandTable, ownEntry, topicsOf } from "./command-table.ts";
import { dispatch, globalOptions, splitOptions } from "./dispatch.ts";
import { createOutput, type Output } from "./output.ts";
import type { CommandOptions, CommandStreams, ToolCommands } from "./tool.ts";

export type { JsonOutput } from "./json-output.ts";
export type { CommandOptions, CommandStreams, ToolCommands } from "./tool.ts";

/**
 * Login, status, tokens, logout and others under a tool's own name: `acme auth login`. Help, errors, hints, pages,
 * variables, the directory and the keychain entry have that name only.
 *
 * @param options - see {@link CommandOptions}
 * @throws TypeError for an unusable name or version, an unknown group, or an unusable own command
 */
export function createCommand({
  name,
  version,
  commands = ["auth", "api", "completion"],
  ownCommands = [],
  ...own
}: CommandOptions): ToolCommands {
  if (!Array.isArray(commands)) throw new TypeError("commands of createCommand must be a list of groups");
  const missing = commands.find((group) => !commandTable.some(({ words: [first] }) => first === group));
  if (missing !== undefined) throw new TypeError(`"${missing}" is not a group of commands`);
  const { service, issuer, clientId } = own;
  const identity: Identity = { ...createIdentity({ name, version }), service: service ?? issuer, clientId };
  const ofTool = commandTable.filter(({ words: [group = ""] }) => (commands as readonly string[]).includes(group));
  const table =
    issuer === undefined ? ofTool : ofTool.map((entry) => (entry.words[1] === "login" ? builtInLogin : entry));
  const all = [...ownCommands.map(ownEntry), ...table];
  const isOurs = (word: string | undefined): boolean => table.some(({ words: [group] }) => group === word);
  return {
    commands: table.map(({ words, summary, load }) => ({
      words,
      summary,
      options: async () =>
        Object.entries((await load()).options).map(([name, { value, help: summary }]) => ({
          name: `--${name}`,
          value,
          summary,
        })),
    })),
    run: (argv, streams = {}) =>
      // What is left is a stream that does not take the error either.
      untilDone(streams, (signal) => run(argv, { ...own, toolIdentity: identity }, all, streams, signal)).catch(
        () => 1,
      ),
    async fail(error, { env = own.env ?? process.env, ...streams } = {}) {
      const debug = process.argv.includes("--debug");
      const { renderError } = await import("./render-error.ts");
      const out = outputOf(streams, env, (hint) => hintText(hint, { identity }));
      return renderError(error, { out, identity, debug, json: false, mayHaveChanged: true, isOfTool: true });
    },
    options: globalOptions,
    has(argv) {
      const [word, next] = splitOptions(argv).line;
      return (
        isOurs(word) || (word === "help" && (isOurs(next) || topicsOf(identity).some(({ name }) => name === next)))
      );
    },
  };
}

type Tool = Omit<CommandOptions, "name" | "version" | "commands" | "ownCommands"> & { readonly toolIdentity: Identity };

async function run(
  argv: readonly string[],
  { env = process.env, ...more }: Tool,
  commands: readonly CommandEntry[],
  streams: CommandStreams,
  signal: AbortSignal,
  /** A login is offered once. */
  wasOffered = false,
): Promise<number> {
  const tool = { ...more, env: streams.env ?? env };
  const { toolIdentity: identity } = tool;
  const given = streams.stdin && readable(streams.stdin);
  // Opening the process's own costs more than all the work of most commands.
  const stdin = (): Readable => given ?? process.stdin;
  let app: App | undefined;
  let context: Context | undefined;
  let typed: TypedCommand | undefined;
  // Hints to log in name the profile in use, which most code does not know.
  const out = outputOf(streams, tool.env, (hint) =>
    hintText(hint, { identity, profile: app?.settings.profile?.value, typed }),
  );
  let code = 0;
  // Also for an invalid command line.
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
    const { createApp } = await import("../app/create-app.ts");
    app = createApp({
      ...tool,
      onTraffic: isTraced ? out.say : undefined,
      options: values,
      command: commandName(command),
    });
    apps.add(app);
    app.events.on("waiting", (awaited) => out.say(`Waiting for ${waitingFor(awaited)} …`));
    const terminal = async (): Promise<Terminal> =>
      (await import("../platform/terminal.ts")).terminalOf({
        get stdin() {
          return stdin();
        },
        stderr: streams.stderr ?? process.stderr,
        mayAsk: values["no-input"] !== true,
      });
    const opened = app;
    const auth = async (): Promise<Auth> => (await import("../app/create-auth.ts")).authOf(opened);
    context = { app, auth, out, terminal, stdin, signal, commands };
    // Before the command uses one account where the directory suggests another.
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
  // A session lost with this process is a failure, whatever else succeeded.
  await app?.close().catch(async (error: unknown) => (code = (await report(error)) || code));
  if (app !== undefined) apps.delete(app);
  return code;
}

function outputOf(
  { stdout = process.stdout, stderr = process.stderr }: CommandStreams,
  env: Environment,
  words: (hint: Hint) => string,
): Output {
  return createOutput({ stdout, stderr, env }, words);
}

function readable(input: NonNullable<CommandStreams["stdin"]>): Readable & { readonly isTTY?: boolean } {
  return input instanceof Readable ? input : Object.assign(Readable.from(input), { isTTY: input.isTTY === true });
}

function waitingFor({ work, host, pid }: AwaitedWork): string {
  if (work === "answer") return `${host} to refresh the session`;
  const who = pid === undefined ? "another process" : `process ${pid}`;
  return `${who} to ${work === "refresh" ? "refresh the session" : "store its changes"}`;
}

/**
 * The keychain's process takes as long to start as the rest takes to load, so it starts first. A wrong guess costs only
 * time.
 */
function mayNeedKeychain(argv: readonly string[], tool: Tool & { readonly env: Environment }): boolean {
  const { toolIdentity: identity, env, folder, storage, store, keychain } = tool;
  const isOther =
    [storage, store, keychain].some((own) => own !== undefined) ||
    ["ACCESS_TOKEN", "AGENT", "IDENTITY"].some((name) => env[identity.variable(name)]);
  if (isOther || argv.length === 0 || argv.some((word) => ["help", "completion", "--help", "-h"].includes(word)))
    return false;
  try {
    const keys = readPrivateFile(join(storeFolder(folder, identity, env, process.platform), keysFile));
    return keys !== undefined && /"source": "(\w+)"/.exec(keys.toString())?.[1] === "keychain";
  } catch {
    // Reported when the file is opened.
    return false;
  }
}

/** With Ctrl-\ and Windows' Ctrl-Break. */
const signals = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGBREAK"] as const;
/** Those running: a program may start any number at once, and they share the listeners of the process. */
const running = new Set<AbortController>();
const apps = new Set<App>();
let hasQuit = false;
let isWatched = false;
let isOutputLost = false;

/** Only a success may look like one. */
async function untilDone({ stdout }: CommandStreams, work: (signal: AbortSignal) => Promise<number>): Promise<number> {
  const interrupted = new AbortController();
  if (running.size === 0) listen("on");
  running.add(interrupted);
  if (stdout === undefined) watchOutput();
  try {
    return (await work(interrupted.signal)) || Number(isOutputLost);
  } finally {
    running.delete(interrupted);
    if (running.size === 0) end();
  }
}

/** Ctrl-\ asks for more than an end, such as a core dump. A listener of the program's own decides for itself. */
function end(): void {
  listen("off");
  if (hasQuit && process.listenerCount("SIGQUIT") === 0) process.kill(process.pid, "SIGQUIT");
  hasQuit = false;
}

function listen(change: "on" | "off"): void {
  for (const name of signals) process[change](name, onSignal);
  process[change]("beforeExit", onOutOfWork);
}

function onSignal(name: NodeJS.Signals): void {
  hasQuit ||= name === "SIGQUIT";
  const waiting = [...running].filter(({ signal }) => !signal.aborted);
  if (waiting.length === 0) {
    end();
    process.exit(130);
  }
  const reason = new AuthError("interrupted", `interrupted (${name})`, { hint: "Run the command again" });
  for (const one of waiting) one.abort(reason);
}

/** A program that runs out of work before a result has failed. Ending on purpose does not come here. */
function onOutOfWork(): void {
  process.off("beforeExit", onOutOfWork);
  fail("the command ended early", "Run the command again with --debug, and report this bug");
}

/** To the end of the process: a failed write may be reported after the command. */
function watchOutput(): void {
  if (isWatched) return;
  isWatched = true;
  // The work goes on without a reader.
  process.stderr.on("error", () => undefined);
  process.stdout.on("error", ({ code }: NodeJS.ErrnoException) => {
    // The reader may stop early: `… | head -1` is no failure. What a refresh brings is stored first; the command reports a
    // failure of that itself.
    if (code === "EPIPE")
      return void Promise.all([...apps].map((app) => app.close())).then(
        () => process.exit(0),
        () => undefined,
      );
    // Any other error is one; the work goes on, or a session could be lost.
    if (!isOutputLost) fail(`cannot write the output (${code})`, "Free some space, or redirect the output elsewhere");
    isOutputLost = true;
  });
}

function fail(message: string, hint: string): void {
  process.stderr.write(`error: ${message}\nhint: ${hint}\n`);
  process.exitCode = process.exitCode || 1;
}
