import type { AppOverrides } from "../../src/app/overrides.ts";
import { createApp } from "../../src/app/app.ts";
import { hintText } from "../../src/base/hint.ts";
import { ownIdentity } from "../../src/base/identity.ts";
import type { Command } from "../../src/cli/command.ts";
import { commandTable, groupSummaries } from "../../src/cli/command-table.ts";
import { dispatch } from "../../src/cli/dispatch.ts";
import { createOutput } from "../../src/cli/output.ts";
import { renderError } from "../../src/cli/render-error.ts";
import { approve } from "../fake-saas/user.ts";
import type { CommandEnvironment, CommandResult } from "./command.ts";

/** What a run in this process may vary. */
export interface InProcessOptions extends AppOverrides {
  /** The user, who is shown the address of a login; approves by default. */
  browse?: (address: string) => Promise<unknown>;
}

/**
 * Runs a command in this process, as main.ts does in its own, without a terminal: for what follows from what was typed, what is stored and
 * what the service answers. The exit of a process, its signals and its streams need the real command, and so does one run of every kind.
 *
 * The browser that the facts about this process speak for is none of the test's, so a login shows its address to `browse`.
 */
export async function runInProcess(args: readonly string[], env: CommandEnvironment, { browse = approve, ...overrides }: InProcessOptions = {}): Promise<Omit<CommandResult, "signal">> {
  let [stdout, stderr, code] = ["", "", 0];
  let shown: string | undefined;
  const write = (text: string | Uint8Array, done?: () => void): void => {
    stdout += String(text);
    done?.();
  };
  const say = (text: string | Uint8Array): void => {
    stderr += String(text);
    const address = /^Open this address in a browser:\n\n {2}(\S+)\n/m.exec(stderr)?.[1];
    if (address === shown || address === undefined) return;
    shown = address;
    // Nobody listens to a browser's troubles.
    browse(address).catch(() => undefined);
  };
  let profile: string | undefined;
  const out = createOutput({ stdout: { write }, stderr: { write: say }, env: {}, platform: process.platform }, (hint) => hintText(hint, { identity: ownIdentity, profile, typed: undefined }));
  const isLogin = args[0] === "auth" && args[1] === "login" && !args.includes("--headless");
  const argv = isLogin ? [...args, "--no-browser"] : args;
  const report = (error: unknown): number => renderError(error, { out, identity: ownIdentity, debug: false, json: argv.includes("--json"), mayHaveChanged: false });
  try {
    const request = await dispatch(argv, ownIdentity);
    if (request.kind === "text") return { code, stdout: `${request.text}\n`, stderr };
    const { command, values, positionals } = request;
    const text = (name: string): string | undefined => (typeof values[name] === "string" ? values[name] : undefined);
    const options = { profile: text("profile"), storage: text("storage"), service: text("service"), issuer: text("issuer"), "client-id": text("client-id") };
    const app = createApp({ env, options, ...overrides });
    profile = app.settings.profile?.value;
    const terminal = async () => ({ isInteractive: false, ask: async () => undefined, onLine: () => undefined });
    const context = { identity: ownIdentity, app, out, terminal, signal: new AbortController().signal, commands: commandTable, groups: groupSummaries };
    try {
      code = (await command.run(context, values as Parameters<Command["run"]>[1], positionals)) ?? 0;
    } finally {
      await app.close();
    }
  } catch (error) {
    code = report(error);
  }
  return { code, stdout, stderr };
}
