import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { Readable } from "node:stream";
import { test, type TestContext } from "node:test";
import { commandTable } from "../../src/cli/command-table.ts";
import { bin, startCommand, type CommandEnvironment, type CommandResult } from "../helpers/command.ts";
import { runHere } from "../helpers/command-here.ts";
import { scene } from "../helpers/scene.ts";
import { signIn } from "../helpers/stored-session.ts";

/** Of a process without a terminal: closed, empty, or an open silent pipe. */
type Input = "closed" | "empty" | "silent";

async function runWith(
  t: TestContext,
  input: Input,
  args: readonly string[],
  env: CommandEnvironment,
): Promise<CommandResult> {
  const [file, argv] =
    input === "closed"
      ? ["/bin/sh", ["-c", 'exec "$@" 0<&-', "sh", process.execPath, bin, ...args]]
      : [process.execPath, [bin, ...args]];
  const child = spawn(file, argv, { env, stdio: [input === "silent" ? "pipe" : "ignore", "pipe", "pipe"] });
  t.after(() => void child.kill("SIGKILL"));
  let [stdout, stderr] = ["", ""];
  child.stdout?.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const [code, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
  return { code, signal, stdout, stderr };
}

test("a question without a terminal fails without waiting, and names the option to use instead", async (t) => {
  const { saas, env } = await scene(t);
  await signIn(saas, env);
  await signIn(saas, env, { profile: "work" });
  const questions: [args: string[], inputs: Input[], more: CommandEnvironment, said: RegExp][] = [
    [
      ["auth", "login", "--force", "--profile", "new"],
      ["silent"],
      { SPEC_KITTY_STORAGE: undefined, SPEC_KITTY_CONFIG_DIR: `${env["HOME"]}/fresh` },
      /^error: .* this command cannot ask here: .+\nhint: .*--storage file --force$/m,
    ],
    [
      ["auth", "switch"],
      ["closed", "empty", "silent"],
      {},
      /^error: missing argument: PROFILE\nhint: Use one of: default, work\. Run: spec-kitty auth switch PROFILE$/m,
    ],
  ];
  for (const [args, inputs, more, said] of questions) {
    for (const input of inputs) {
      const { code, stdout, stderr } = await runWith(t, input, args, { ...env, ...more });
      assert.deepEqual([code, stdout], [2, ""], `${args.join(" ")} (${input}): ${stderr}`);
      assert.match(stderr, said);
    }
  }
});

/** Commands in this process with an empty standard input: reading it means that they could wait for it. */
async function lookingAtInput<T>(work: () => Promise<T>): Promise<{ done: T; looked: boolean }> {
  const own = Object.getOwnPropertyDescriptor(process, "stdin") ?? {};
  let looked = false;
  Object.defineProperty(process, "stdin", { configurable: true, get: () => ((looked = true), Readable.from([])) });
  try {
    return { done: await work(), looked };
  } finally {
    Object.defineProperty(process, "stdin", own);
  }
}

test("every command ends by itself without a login and without a terminal", async (t) => {
  const { env } = await scene(t);
  const judge = ({ code, signal, stderr }: CommandResult, args: readonly string[]): void => {
    assert.equal(signal, null);
    assert.ok(code !== null && code >= 0 && code < 128, `${args.join(" ")}: ${code} ${stderr}`);
    assert.doesNotMatch(stderr, /bug in spec-kitty/, args.join(" "));
  };
  const looking: string[] = [];
  for (const { words, load } of commandTable) {
    const required = (await load()).usage.replace(/ \[.*?\]/g, "").split(" ");
    const args = required.map((_, index) => words[index] ?? "GET");
    // A login waits for its user in a browser; without a service it does not start.
    const its = words.join(" ") === "auth login" ? { ...env, SPEC_KITTY_SAAS_URL: undefined } : env;
    // A watch restarts itself on a Node that needs a flag.
    if (words.join(" ") !== "sync watch") {
      const { done, looked } = await lookingAtInput(() => runHere(args, its));
      judge(done, args);
      if (!looked) continue;
    }
    looking.push(words.join(" "));
    for (const input of ["closed", "empty"] as const) judge(await runWith(t, input, args, its), args);
  }
  assert.ok(looking.includes("auth git-credential"), looking.join(", "));
});

test("Ctrl-C ends a wait for standard input", async (t) => {
  const { env } = await scene(t);
  for (const args of [
    ["api", "POST", "/api/v1/echo", "-d", "@-"],
    ["sync", "emit", "WPCreated", "--aggregate", "WP01", "--payload", "@-"],
    ["auth", "git-credential", "get"],
  ]) {
    const running = startCommand(t, args, env, { nodeArgs: ["--import", announceReading] });
    await running.shows(/^reading$/m);
    running.child.kill("SIGINT");
    const { code, stderr } = await running.ended;
    assert.equal(code, 130, args.join(" "));
    assert.match(stderr, /^error: interrupted \(SIGINT\)$/m);
  }
});

/** Reports that the command reads standard input. */
const announceReading = `data:text/javascript,${encodeURIComponent('process.stdin.on("newListener", (name) => name === "readable" && console.error("reading"))')}`;
