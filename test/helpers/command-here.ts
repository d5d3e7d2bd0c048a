import { Writable } from "node:stream";
import { ownIdentity } from "../../src/base/identity.ts";
import type { CommandEnvironment, CommandResult } from "./command.ts";

/**
 * Runs the command to its end in this process: the real `main.ts`, for which a start of Node would only repeat what another test has
 * shown. What a process alone shows, its standard input, its signals, its terminal, is for `runCommand`.
 */
export async function runHere(args: readonly string[], env: CommandEnvironment): Promise<CommandResult> {
  const { createCommand } = await import("../../src/cli/main.ts");
  const { name, version } = ownIdentity;
  const command = createCommand({ name, version, issuer: undefined, commands: ["auth", "api", "sync", "tracker", "completion"], env });
  const [stdout, stderr] = [collector(), collector()];
  const running = lent({ stdout: stdout.stream, stderr: stderr.stream, env }, () => command.run(args));
  return { code: await running, signal: null, stdout: stdout.text(), stderr: stderr.text() };
}

/** Gives the process other members for one call. A command takes its streams before it first waits, so the runner's reports keep theirs. */
function lent<T>(members: Record<string, unknown>, call: () => T): T {
  const own = Object.keys(members).map((name) => [name, Object.getOwnPropertyDescriptor(process, name) ?? {}] as const);
  for (const [name, value] of Object.entries(members)) Object.defineProperty(process, name, { value, configurable: true, writable: true, enumerable: true });
  try {
    return call();
  } finally {
    for (const [name, descriptor] of own) Object.defineProperty(process, name, descriptor);
  }
}

function collector(): { stream: Writable; text: () => string } {
  const pieces: Buffer[] = [];
  const stream = new Writable({ write: (piece: Buffer, _, done) => (pieces.push(piece), done()) });
  return { stream, text: () => Buffer.concat(pieces).toString("utf8") };
}
