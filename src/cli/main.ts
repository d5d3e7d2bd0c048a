import { join } from "node:path";
import type { App } from "../app/app.ts";
import { AuthError } from "../base/errors.ts";
import { hintText } from "../base/hint.ts";
import { ownIdentity, type Identity } from "../base/identity.ts";
import { configFolder, sessionsFile } from "../platform/paths.ts";
import { readPrivateFile } from "../platform/private-files.ts";
import type { Context } from "./command.ts";

export type * from "./json-output.ts";

/**
 * Runs a command line. The one place that catches and prints.
 *
 * @param argv - without the runtime's and the tool's own names
 * @param identity - what the tool is called; this package's own name by default
 * @returns the exit code
 */
export async function main(argv: readonly string[], identity: Identity = ownIdentity): Promise<number> {
  await startKeychain(argv, identity);
  const { createApp } = await import("../app/app.ts");
  const { commandTable, groupSummaries } = await import("./command-table.ts");
  const { dispatch } = await import("./dispatch.ts");
  const { createOutput } = await import("./output.ts");
  let app: App | undefined;
  // Every hint to log in names the profile in use, which most code below does not know.
  const out = createOutput(process, (hint) => hintText(hint, { identity, profile: app?.settings.profile?.value }));
  const interrupted = new AbortController();
  const onSignal = (name: NodeJS.Signals): void => {
    if (interrupted.signal.aborted) process.exit(130);
    interrupted.abort(new AuthError("interrupted", `interrupted (${name})`, { hint: "Nothing was changed" }));
  };
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, onSignal);
  // Nobody reads the conversation anymore; the work goes on.
  process.stderr.on("error", () => undefined);
  let code = 0;
  let debug = argv.includes("--debug");
  const report = async (error: unknown): Promise<number> => (await import("./render-error.ts")).renderError(error, { out, identity, debug });
  try {
    const request = await dispatch(argv, identity);
    if (request.kind === "text") {
      out.answer(request.text);
      return 0;
    }
    const { command, values, positionals } = request;
    debug = values["debug"] === true;
    const text = (name: string): string | undefined => (typeof values[name] === "string" ? values[name] : undefined);
    app = createApp({
      identity,
      onWait: ({ work, pid }) => out.say(`Waiting for ${pid === undefined ? "another process" : `process ${pid}`} to ${work === "refresh" ? "refresh the session" : "store its changes"} …`),
      options: { profile: text("profile"), storage: text("storage"), service: text("service"), issuer: text("issuer"), "client-id": text("client-id") },
    });
    const context: Context = {
      identity,
      app,
      out,
      terminal: async () => (await import("../platform/terminal.ts")).terminalOf(process),
      signal: interrupted.signal,
      commands: commandTable,
      groups: groupSummaries,
    };
    // Before the command acts for one account where the folder suggests another.
    const suggested = "profile" in command.options ? app.profileFile : undefined;
    if (suggested !== undefined) await (await import("./suggestion.ts")).showSuggestion(context, suggested);
    code = (await command.run(context, values as Parameters<typeof command.run>[1], positionals)) ?? 0;
  } catch (error) {
    code = await report(error);
  }
  // A session that is lost with this process is a failure, whatever else the command has done.
  await app?.close().catch(async (error: unknown) => (code = (await report(error)) || code));
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.off(name, onSignal);
  return code;
}

/**
 * Where the keychain has the key of the sessions, a process of its own asks for it (keychain-process.ts). That takes as long to start
 * as the rest of this program takes to load, so it starts first. This is a guess at what the command needs, and nothing more.
 */
async function startKeychain(argv: readonly string[], identity: Identity): Promise<void> {
  const needsNone = argv.length === 0 || argv.some((word) => ["help", "completion", "--help", "-h"].includes(word));
  if (needsNone || process.env[identity.variable("ACCESS_TOKEN")]) return;
  try {
    const sealed = readPrivateFile(join(configFolder(identity, process.env, process.platform), sessionsFile));
    const isThere = sealed !== undefined && (JSON.parse(sealed.toString()) as { key: { source: unknown } }).key.source === "keychain";
    if (isThere) (await import("../auth/secure-storage/keychain-process.ts")).startKeychainProcess(process.env);
  } catch {
    // Whatever is wrong with the file is told when it is opened.
  }
}
