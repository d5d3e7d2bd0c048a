// Another vendor's provider in its own process, and the real command that knows its URL alone.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import type { Session } from "../../src/auth/sessions/session.ts";
import {
  commandEnvironment,
  runCommand,
  scratchFolder,
  type CommandEnvironment,
  type CommandResult,
} from "../helpers/command.ts";
import { later } from "../helpers/scene.ts";
import { storedSession } from "../helpers/stored-session.ts";

export const program = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

export interface Stage {
  /** The provider's first line. */
  address: string;
  /** Requests since the last call: method, path and status. */
  asked(): string[];
  env: CommandEnvironment;
  run(...args: string[]): Promise<CommandResult>;
  /** Must succeed. */
  does(...args: string[]): Promise<CommandResult>;
  session(): Promise<Session>;
  /** Eight processes with an expired token; each must get the same new one. */
  wave(): Promise<void>;
}

/** @param server - program and arguments. Prints its URL once it listens, then a line for each request */
export async function stage(
  t: TestContext,
  [file = "", ...args]: readonly string[],
  more: CommandEnvironment = {},
): Promise<Stage> {
  const provider = spawn(file, args, { stdio: ["ignore", "pipe", "pipe"] });
  t.after(() => void provider.kill());
  let trouble = "";
  provider.stderr.setEncoding("utf8").on("data", (text: string) => (trouble += text));
  const lines = createInterface({ input: provider.stdout });
  const ended = once(provider, "exit").then(() => assert.fail(`the provider did not start: ${trouble}`));
  const [address] = (await Promise.race([once(lines, "line"), ended])) as [string];
  ended.catch(() => undefined);
  let requests: string[] = [];
  lines.on("line", (line) => requests.push(line));
  const env = commandEnvironment(scratchFolder(t), undefined, { BROWSER: program("form-user.js"), ...more });
  const run: Stage["run"] = (...words) => runCommand(t, words, env);
  const session = async (): Promise<Session> => {
    const stored = await storedSession(env);
    assert.ok(stored);
    return stored;
  };
  return {
    address,
    asked() {
      const since = requests;
      requests = [];
      return since;
    },
    env,
    run,
    async does(...words) {
      const result = await run(...words);
      assert.equal(result.code, 0, result.stderr + trouble);
      return result;
    },
    session,
    async wave() {
      const tokens = await Promise.all(
        Array.from({ length: 8 }, () => runCommand(t, ["auth", "token"], env, { nodeArgs: later(3_595_000) })),
      );
      const given = new Set(tokens.map(({ code, stdout, stderr }) => (assert.equal(code, 0, stderr), stdout.trim())));
      assert.equal(given.size, 1);
    },
  };
}
