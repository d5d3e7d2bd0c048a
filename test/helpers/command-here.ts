import { Readable, Writable } from "node:stream";
import { ownIdentity } from "../../src/base/identity.ts";
import type { CommandOptions as ToolOptions } from "../../src/cli/main.ts";
import { approve } from "../fake-saas/user.ts";
import type { UserName } from "../fake-saas/users.ts";
import type { CommandEnvironment, CommandResult } from "./command.ts";
import { scriptedBrowser } from "./scripted-browser.ts";
import { until } from "./until.ts";

/**
 * Runs the command in this process: the real `main.ts`, without another start of Node. Standard input, signals,
 * terminal and first connections need `runCommand`.
 *
 * @param more - replaces the process's clock or working directory
 * @param heard - called with all of stderr after each write: opens the URL of `--no-browser`
 */
export async function runHere(
  args: readonly string[],
  env: CommandEnvironment,
  more: Partial<ToolOptions> = {},
  heard: (stderr: string) => void = () => undefined,
): Promise<CommandResult> {
  const { createCommand } = await import("../../src/cli/main.ts");
  const { name, version } = ownIdentity;
  const command = createCommand({
    name,
    version,
    issuer: undefined,
    commands: ["auth", "api", "sync", "tracker", "completion"],
    env,
    ...more,
  });
  const [stdout, stderr] = [collector(() => undefined), collector(heard)];
  const ended = command.run(args, { stdout: stdout.stream, stderr: stderr.stream });
  const code = await until(`"${args.join(" ")}" ends`, ended, 30_000);
  return { code, signal: null, stdout: stdout.text(), stderr: stderr.text() };
}

/**
 * The same for a login opened by `browse`: a real browser would be another process, and the test must not depend on
 * one.
 */
export function logInHere(
  args: readonly string[],
  env: CommandEnvironment,
  more: Partial<ToolOptions> = {},
  browse?: (address: string) => Promise<unknown>,
): Promise<CommandResult> {
  const user = env["FAKE_SAAS_USER"] as UserName | undefined;
  const visit = browse ?? ((address) => approve(address, user === undefined ? {} : { as: user }));
  let shown: string | undefined;
  return runHere([...args, "--no-browser"], env, more, (stderr) => {
    const address = /^Open this URL in a browser:\n\n {2}(\S+)\n/m.exec(stderr)?.[1];
    if (address === undefined || address === shown) return;
    shown = address;
    // A browser's failure is ignored.
    visit(address).catch(() => undefined);
  });
}

/** For a line split at spaces. A test's own browser needs a process. */
export function lineHere(
  line: string,
  env: CommandEnvironment,
  more: Partial<ToolOptions> = {},
): Promise<CommandResult> {
  const isApproved = env["BROWSER"] === scriptedBrowser() && /^auth login(?!.*--(headless|no-browser))/.test(line);
  return (isApproved ? logInHere : runHere)(line.split(" "), env, more);
}

/** Replaces this process's standard input during `work`. */
export async function withInput<T>(input: string, work: () => Promise<T>): Promise<T> {
  const own = Object.getOwnPropertyDescriptor(process, "stdin") ?? {};
  Object.defineProperty(process, "stdin", { value: Readable.from([Buffer.from(input)]), configurable: true });
  try {
    return await work();
  } finally {
    Object.defineProperty(process, "stdin", own);
  }
}

function collector(heard: (text: string) => void): { stream: Writable; text: () => string } {
  const pieces: Buffer[] = [];
  const text = (): string => Buffer.concat(pieces).toString("utf8");
  const stream = new Writable({ write: (piece: Buffer, _, done) => (pieces.push(piece), heard(text()), done()) });
  return { stream, text };
}
