import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { test, type TestContext } from "node:test";
import { commandTable } from "../../src/cli/command-table.ts";
import { commandEnvironment, scratchFolder, type CommandEnvironment } from "../helpers/command.ts";
import { runHere } from "../helpers/command-here.ts";
import { scene } from "../helpers/scene.ts";
import { signIn } from "../helpers/stored-session.ts";
import { noTmux, startOnScreen, type Screen } from "../helpers/tmux.ts";
import { until } from "../helpers/until.ts";

const run = promisify(execFile);
const missing = (shell: string): string | false =>
  spawnSync(shell, ["--version"]).status === 0 ? false : `${shell} is not installed`;

/** A shell's script, and an environment without the command: completion must work without it. */
async function scriptFor(
  t: TestContext,
  shell: string,
): Promise<{ file: string; folder: string; env: CommandEnvironment }> {
  const folder = scratchFolder(t);
  const { code, stdout, stderr } = await runHere(["completion", shell], commandEnvironment(folder, undefined));
  assert.deepEqual([code, stderr], [0, ""]);
  const file = join(folder, `completion.${shell}`);
  writeFileSync(file, stdout);
  return { file, folder, env: { PATH: process.env["PATH"], HOME: folder } };
}

/** Input and completions: exactly `is`, or at least `has`. */
const cases: readonly { typed: readonly string[]; is?: readonly string[]; has?: readonly string[] }[] = [
  { typed: [""], has: [...new Set(commandTable.map(({ words: [first = ""] }) => first))] },
  {
    typed: ["auth", ""],
    has: commandTable.filter(({ words: [first] }) => first === "auth").map(({ words: [, second = ""] }) => second),
  },
  { typed: ["auth", "logi"], is: ["login"] },
  { typed: ["auth", "login", "--head"], is: ["--headless"] },
  { typed: ["auth", "login", "--profile", "auth", "--stora"], is: ["--storage"] },
  { typed: ["auth", "login", "--storage", ""], is: ["file", "keychain", "memory"] },
  { typed: ["auth", "login", "--profile", ""], is: [] },
  { typed: ["--prof"], is: ["--profile"] },
  { typed: ["--json", "--profile", "auth", "auth", "whoa"], is: ["whoami"] },
  { typed: ["completion", "z"], is: ["zsh"] },
  { typed: ["sync", "emit", "WPS"], is: ["WPStatusChanged"] },
  { typed: ["auth", "git-credential", ""], has: ["get", "store", "erase"] },
];

function check(found: readonly string[], { typed, is, has }: (typeof cases)[number]): void {
  const sorted = found.toSorted();
  if (is !== undefined) assert.deepEqual(sorted, is, typed.join(" "));
  assert.deepEqual(has?.filter((word) => !found.includes(word)) ?? [], [], typed.join(" "));
}

test("bash completes commands, options and their values", { skip: missing("bash") }, async (t) => {
  const { file, env } = await scriptFor(t, "bash");
  const ask =
    'source "$1"; shift; COMP_WORDS=(spec-kitty "$@"); COMP_CWORD=$#; _spec_kitty; printf "%s\\n" "${COMPREPLY[@]}"';
  const complete = async (typed: readonly string[]): Promise<string[]> =>
    (await run("bash", ["--norc", "-c", ask, "bash", file, ...typed], { env })).stdout.split("\n").filter(Boolean);
  for (const each of cases) check(await complete(each.typed), each);
  // bash splits a word at "=".
  assert.deepEqual(await complete(["auth", "login", "--storage", "=", "f"]), ["file"]);
  assert.deepEqual(await complete(["auth", "login", "--storage", "="]), ["keychain", "file", "memory"]);
  assert.match(
    (await run("bash", ["--norc", "-c", 'source "$1"; complete -p spec-kitty', "bash", file], { env })).stdout,
    /-F _spec_kitty spec-kitty/,
  );
});

test("fish completes commands, options and their values, with descriptions", { skip: missing("fish") }, async (t) => {
  const { file, env } = await scriptFor(t, "fish");
  const complete = async (typed: readonly string[]): Promise<string[]> => {
    const { stdout } = await run(
      "fish",
      ["--no-config", "-c", `source $argv[1]; complete -C "spec-kitty $argv[2]"`, file, typed.join(" ")],
      { env },
    );
    return stdout.split("\n").filter(Boolean);
  };
  for (const each of cases) {
    const last = each.typed.at(-1) ?? "";
    // Without a matching beginning, fish offers what contains it.
    check(
      (await complete(each.typed)).map((line) => line.split("\t")[0] ?? "").filter((word) => word.startsWith(last)),
      each,
    );
  }
  assert.deepEqual(await complete(["auth", "logi"]), ["login\tlog in through the browser"]);
  assert.deepEqual(
    (await complete(["auth", "login", "--storage=f"])).map((line) => line.split("\t")[0]),
    ["--storage=file"],
  );
});

test("zsh completes commands, options and their values, with descriptions", {
  skip: missing("zsh") || noTmux,
}, async (t) => {
  const { file, folder, env } = await scriptFor(t, "zsh");
  writeFileSync(join(folder, ".zshrc"), `PS1='> '\nautoload -Uz compinit\ncompinit -D\nsource '${file}'\n`);
  const screen = await startOnScreen(
    t,
    ["zsh", "-i", "+o", "globalrcs"],
    { ...env, ZDOTDIR: folder },
    { columns: 140 },
  );
  await screen.shows(/^>$/m);
  const types = async (text: string, shown: RegExp): Promise<void> => {
    await screen.press("C-u", "C-l", text, "Tab");
    await screen.shows(shown);
  };
  await types("spec-kitty auth logi", /^> spec-kitty auth login$/m);
  await types("spec-kitty auth logo", /^> spec-kitty auth logout$/m);
  await types(
    "spec-kitty auth log",
    /^login +-- log in through the browser\n(.*\n)*logout +-- log out, here and at the service$/m,
  );
  await types("spec-kitty auth login --head", /^> spec-kitty auth login --headless$/m);
  await types("spec-kitty auth login --profile auth --stora", /^> spec-kitty auth login --profile auth --storage$/m);
  await types("spec-kitty auth login --storage k", /^> spec-kitty auth login --storage keychain$/m);
  await types("spec-kitty auth login --storage=m", /^> spec-kitty auth login --storage=memory$/m);
  await types("spec-kitty completion f", /^> spec-kitty completion fish$/m);
  await types("spec-kitty ", /^auth +-- log in, log out, and show who is logged in$/m);
});

const hostile = ["a`id>ran`.md", "b$(id>ran).md", "c;id>ran;.md", "d e'f\".md", "g&id>ran&.md"];

/** A real shell with completion, in a directory of hostile file names. The command only records its arguments. */
async function shellAmongFiles(
  t: TestContext,
  shell: "bash" | "zsh" | "fish",
): Promise<{ screen: Screen; folder: string; env: CommandEnvironment; got: () => string[] }> {
  const { file, folder, env } = await scriptFor(t, shell);
  const [tools, files] = [join(folder, "tools"), join(folder, "files")];
  for (const made of [tools, files, join(folder, ".config")]) mkdirSync(made);
  for (const name of hostile) writeFileSync(join(files, name), "");
  const answers = `case $1 in completion) cat '${folder}/'$2 2>/dev/null ;; *) printf '%s\\0' "$@" > '${folder}/got.part'; mv '${folder}/got.part' '${folder}/got' ;; esac`;
  writeFileSync(join(tools, "spec-kitty"), `#!/bin/sh\n${answers}\n`, { mode: 0o755 });
  const start = `cd '${files}'\nsource '${file}'\n`;
  writeFileSync(join(folder, "rc.bash"), `PS1='> '\n${start}`);
  writeFileSync(join(folder, ".zshrc"), `PS1='> '\nautoload -Uz compinit\ncompinit -D\n${start}`);
  writeFileSync(
    join(folder, "rc.fish"),
    `function fish_prompt; printf '> '; end\nfunction fish_right_prompt; end\nset -g fish_greeting\n${start}`,
  );
  const programs = {
    bash: ["bash", "--noprofile", "--rcfile", join(folder, "rc.bash"), "-i"],
    zsh: ["zsh", "-i", "+o", "globalrcs"],
    fish: ["fish", "--no-config", "-i", "-C", `source ${join(folder, "rc.fish")}`],
  };
  const screen = await startOnScreen(
    t,
    programs[shell],
    { ...env, PATH: `${tools}:${env["PATH"]}`, ZDOTDIR: folder },
    { columns: 140 },
  );
  await screen.shows(/^>$/m);
  const got = (): string[] => {
    const words = readFileSync(join(folder, "got"), "utf8").split("\0").slice(0, -1);
    rmSync(join(folder, "got"));
    return words;
  };
  return { screen, folder: files, env, got };
}

for (const shell of ["bash", "zsh", "fish"] as const) {
  test(`in ${shell} the name of a file that is completed stays one word, and nothing in it runs`, {
    skip: missing(shell) || noTmux,
  }, async (t) => {
    const { screen, folder, got } = await shellAmongFiles(t, shell);
    for (const [place, before] of [
      ["sync upload ", ["sync", "upload"]],
      ["sync now --report ", ["sync", "now", "--report"]],
    ] as const) {
      for (const name of hostile) {
        await screen.press("C-u", "C-l", `spec-kitty ${place}${name.charAt(0)}`, "Tab");
        await screen.shows(/\.md'?"? *$/m);
        await screen.press("Enter");
        await until("the command is run", () => existsSync(join(folder, "..", "got")));
        assert.deepEqual(got(), [...before, name], place);
      }
    }
    assert.deepEqual(readdirSync(folder).toSorted(), hostile.toSorted(), "nothing ran");
  });

  test(`${shell} completes profiles and teams from the tool, and an id that looks like a command stays a word`, {
    skip: missing(shell) || noTmux,
  }, async (t) => {
    const { screen, folder, got } = await shellAmongFiles(t, shell);
    writeFileSync(join(folder, "..", "profiles"), "default\nwork\n");
    writeFileSync(join(folder, "..", "teams"), "tm_acme\nx$(id>ran)`id>ran`;id>ran\n");
    for (const [typed, words] of [
      ["auth switch w", ["auth", "switch", "work"]],
      ["auth token --profile d", ["auth", "token", "--profile", "default"]],
      ["auth team t", ["auth", "team", "tm_acme"]],
      ["auth team x", ["auth", "team", "x$(id>ran)`id>ran`;id>ran"]],
    ] as const) {
      await screen.press("C-u", "C-l", `spec-kitty ${typed}`, "Tab");
      await screen.shows(new RegExp(`^> spec-kitty ${typed}\\S.*$`, "m"));
      await screen.press("Enter");
      await until("the command is run", () => existsSync(join(folder, "..", "got")));
      assert.deepEqual(got(), [...words]);
    }
    assert.deepEqual(readdirSync(folder).toSorted(), hostile.toSorted(), "nothing ran");
  });
}

test("completion prints the profiles, and the ids of the teams, one a line", async (t) => {
  const { saas, env, run, here } = await scene(t);
  assert.deepEqual(await here("completion profiles"), { code: 0, signal: null, stdout: "", stderr: "" });
  await signIn(saas, env);
  await signIn(saas, env, { profile: "work" });
  assert.equal((await here("completion profiles")).stdout, "default\nwork\n");
  assert.equal((await run("completion teams")).stdout, "tm_acme\n");
});

test("an unknown shell is an error that names the known ones", async (t) => {
  const { code, stderr } = await runHere(["completion", "tcsh"], commandEnvironment(scratchFolder(t), undefined));
  assert.equal(code, 2);
  assert.equal(stderr, 'error: "tcsh" is not bash, zsh or fish\nhint: Usage: spec-kitty completion bash|zsh|fish\n');
});
