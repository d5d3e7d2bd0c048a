import { createApp, type App } from "../app/app.ts";
import { AuthError } from "../base/errors.ts";
import { terminalOf } from "../platform/terminal.ts";
import type { Context } from "./command.ts";
import { commandTable, groupSummaries } from "./command-table.ts";
import { dispatch } from "./dispatch.ts";
import { createOutput } from "./output.ts";
import { renderError } from "./render-error.ts";

export type * from "./json-output.ts";

/**
 * Runs a command line. The one place that catches and prints.
 *
 * @param argv - without the runtime's and the program's own names
 * @returns the exit code
 */
export async function main(argv: readonly string[]): Promise<number> {
  const out = createOutput(process);
  const interrupted = new AbortController();
  const onSignal = (name: NodeJS.Signals): void => {
    if (interrupted.signal.aborted) process.exit(130);
    interrupted.abort(new AuthError("interrupted", `interrupted (${name})`, { hint: "Nothing was changed" }));
  };
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, onSignal);
  // Nobody listens to the conversation any more; the work goes on.
  process.stderr.on("error", () => undefined);
  let app: App | undefined;
  let code = 0;
  let isDebug = argv.includes("--debug");
  const report = (error: unknown): number => renderError(error, out, { debug: isDebug, profile: app?.settings.profile?.value });
  try {
    const request = await dispatch(argv);
    if (request.kind === "text") {
      out.answer(request.text);
      return 0;
    }
    const { command, values, positionals } = request;
    isDebug = values["debug"] === true;
    const text = (name: string): string | undefined => (typeof values[name] === "string" ? values[name] : undefined);
    app = createApp({ options: { profile: text("profile"), storage: text("storage"), issuer: text("issuer"), "client-id": text("client-id") } });
    const context: Context = { app, out, terminal: terminalOf(process), signal: interrupted.signal, commands: commandTable, groups: groupSummaries };
    code = (await command.run(context, values as Parameters<typeof command.run>[1], positionals)) ?? 0;
  } catch (error) {
    code = report(error);
  }
  // A session that ends with this process is a failure, whatever else the command has done.
  await app?.close().catch((error: unknown) => (code = report(error) || code));
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.off(name, onSignal);
  return code;
}
