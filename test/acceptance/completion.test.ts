import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { test, type TestContext } from "node:test";
import { commandTable } from "../../src/cli/command-table.ts";
import { commandEnvironment, runCommand, scratchFolder, type CommandEnvironment } from "../helpers/command.ts";
import { noTmux, startOnScreen } from "../helpers/tmux.ts";

const run = promisify(execFile);
const missing = (shell: string): string | false => (spawnSync(shell, ["--version"]).status === 0 ? false : `${shell} is not installed`);

/** The script for a shell in a file, and an environment in which the command itself cannot be found: completion has to work without it. */
async function scriptFor(t: TestContext, shell: string): Promise<{ file: string; folder: string; env: CommandEnvironment }> {
  const folder = scratchFolder(t);
  const { code, stdout, stderr } = await runCommand(t, ["completion", shell], commandEnvironment(folder, undefined));
  assert.deepEqual([code, stderr], [0, ""]);
  const file = join(folder, `completion.${shell}`);
  writeFileSync(file, stdout);
  return { file, folder, env: { PATH: process.env["PATH"], HOME: folder } };
}

/** What is typed, and what it completes to: exactly `is`, or at least `has`. */
const cases: readonly { typed: readonly string[]; is?: readonly string[]; has?: readonly string[] }[] = [
  { typed: [""], has: [...new Set(commandTable.map(({ words: [first = ""] }) => first))] },
  { typed: ["auth", ""], has: commandTable.filter(({ words: [first] }) => first === "auth").map(({ words: [, second = ""] }) => second) },
  { typed: ["auth", "logi"], is: ["login"] },
  { typed: ["auth", "login", "--head"], is: ["--headless"] },
  { typed: ["auth", "login", "--profile", "auth", "--stora"], is: ["--storage"] },
  { typed: ["auth", "login", "--storage", ""], is: ["file", "keychain", "memory"] },
  { typed: ["auth", "login", "--profile", ""], is: [] },
  { typed: ["completion", "z"], is: ["zsh"] },
];

function check(found: readonly string[], { typed, is, has }: (typeof cases)[number]): void {
  const sorted = found.toSorted();
  if (is !== undefined) assert.deepEqual(sorted, is, typed.join(" "));
  assert.deepEqual(has?.filter((word) => !found.includes(word)) ?? [], [], typed.join(" "));
}

test("bash completes commands, options and their values", { skip: missing("bash") }, async (t) => {
  const { file, env } = await scriptFor(t, "bash");
  const ask = 'source "$1"; shift; COMP_WORDS=(spec-kitty "$@"); COMP_CWORD=$#; _spec_kitty; printf "%s\\n" "${COMPREPLY[@]}"';
  const complete = async (typed: readonly string[]): Promise<string[]> =>
    (await run("bash", ["--norc", "-c", ask, "bash", file, ...typed], { env })).stdout.split("\n").filter(Boolean);
  for (const each of cases) check(await complete(each.typed), each);
  // bash splits a word at "=".
  assert.deepEqual(await complete(["auth", "login", "--storage", "=", "f"]), ["file"]);
  assert.deepEqual(await complete(["auth", "login", "--storage", "="]), ["keychain", "file", "memory"]);
  assert.match((await run("bash", ["--norc", "-c", 'source "$1"; complete -p spec-kitty', "bash", file], { env })).stdout, /-F _spec_kitty spec-kitty/);
});

test("fish completes commands, options and their values, with descriptions", { skip: missing("fish") }, async (t) => {
  const { file, env } = await scriptFor(t, "fish");
  const complete = async (typed: readonly string[]): Promise<string[]> => {
    const { stdout } = await run("fish", ["--no-config", "-c", `source $argv[1]; complete -C "spec-kitty $argv[2]"`, file, typed.join(" ")], { env });
    return stdout.split("\n").filter(Boolean);
  };
  for (const each of cases) {
    const last = each.typed.at(-1) ?? "";
    // If nothing begins with it, fish offers what contains it.
    check((await complete(each.typed)).map((line) => line.split("\t")[0] ?? "").filter((word) => word.startsWith(last)), each);
  }
  assert.deepEqual(await complete(["auth", "logi"]), ["login\tlog in through the browser"]);
  assert.deepEqual((await complete(["auth", "login", "--storage=f"])).map((line) => line.split("\t")[0]), ["--storage=file"]);
});

test("zsh completes commands, options and their values, with descriptions", { skip: missing("zsh") || noTmux }, async (t) => {
  const { file, folder, env } = await scriptFor(t, "zsh");
  writeFileSync(join(folder, ".zshrc"), `PS1='> '\nautoload -Uz compinit\ncompinit -D\nsource '${file}'\n`);
  const screen = await startOnScreen(t, ["zsh", "-i", "+o", "globalrcs"], { ...env, ZDOTDIR: folder }, { columns: 140 });
  await screen.shows(/^>$/m);
  const types = async (text: string, shown: RegExp): Promise<void> => {
    await screen.press("C-u", "C-l", text, "Tab");
    await screen.shows(shown);
  };
  await types("spec-kitty auth logi", /^> spec-kitty auth login$/m);
  await types("spec-kitty auth logo", /^> spec-kitty auth logout$/m);
  await types("spec-kitty auth log", /^login +-- log in through the browser\n(.*\n)*logout +-- end the session, here and at the service$/m);
  await types("spec-kitty auth login --head", /^> spec-kitty auth login --headless$/m);
  await types("spec-kitty auth login --profile auth --stora", /^> spec-kitty auth login --profile auth --storage$/m);
  await types("spec-kitty auth login --storage k", /^> spec-kitty auth login --storage keychain$/m);
  await types("spec-kitty auth login --storage=m", /^> spec-kitty auth login --storage=memory$/m);
  await types("spec-kitty completion f", /^> spec-kitty completion fish$/m);
  await types("spec-kitty ", /^auth +-- log in, log out, and see who is logged in$/m);
});

test("an unknown shell is an error that names the known ones", async (t) => {
  const { code, stderr } = await runCommand(t, ["completion", "tcsh"], commandEnvironment(scratchFolder(t), undefined));
  assert.equal(code, 2);
  assert.equal(stderr, 'error: "tcsh" is not bash, zsh or fish\nhint: Usage: spec-kitty completion bash|zsh|fish\n');
});
