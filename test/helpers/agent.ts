import assert from "node:assert/strict";
import { once } from "node:events";
import { request, type IncomingMessage } from "node:http";
import type { TestContext } from "node:test";
import type { JsonOutput } from "../../src/cli/json-output.ts";
import {
  commandEnvironment,
  scratchFolder,
  startCommand,
  type CommandEnvironment,
  type RunningCommand,
} from "./command.ts";
import type { Scene } from "./scene.ts";

/** A running agent of the real command. */
export type RunningAgent = JsonOutput["auth agent"] & {
  readonly running: RunningCommand;
  /** Without the place. */
  readonly secret: string;
};

/** Until the test ends. */
export async function lend(t: TestContext, { env }: Pick<Scene, "env">, ...options: string[]): Promise<RunningAgent> {
  // Before the command is killed, so that it removes its socket.
  t.after(async () => {
    running.child.kill("SIGINT");
    await running.ended;
  });
  const running = startCommand(t, ["auth", "agent", "--json", ...options], env);
  await running.shows(/^Lending/m);
  const output = JSON.parse(running.stdout()) as JsonOutput["auth agent"];
  const [, secret = assert.fail("there is no secret")] = output.value.split("#");
  return { ...output, running, secret };
}

/** A machine without a login, with a home of its own, that uses an agent. */
export function borrower(
  t: TestContext,
  value: string,
  more: CommandEnvironment = {},
): { folder: string; env: CommandEnvironment } {
  const folder = scratchFolder(t);
  return { folder, env: commandEnvironment(folder, undefined, { SPEC_KITTY_AGENT: value, ...more }) };
}

/** The agent's response to a plain client such as curl. */
export async function askAgent(
  { socket, origin, secret }: { socket?: string | undefined; origin?: string | undefined; secret?: string | undefined },
  method: string,
  path: string,
  { body = "", headers = {} }: { body?: string; headers?: Record<string, string> } = {},
): Promise<{ status: number; body: Record<string, unknown> }> {
  const sent = request(new URL(path, origin ?? "http://agent"), {
    method,
    ...(socket !== undefined && { socketPath: socket }),
    headers: { ...(secret !== undefined && { authorization: `Bearer ${secret}` }), ...headers },
  });
  sent.end(body);
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  let text = "";
  for await (const piece of response) text += piece;
  return { status: response.statusCode ?? 0, body: JSON.parse(text) as Record<string, unknown> };
}
