import assert from "node:assert/strict";
import { test } from "node:test";
import { commandEnvironment, scratchFolder } from "../helpers/command.ts";
import { runHere } from "../helpers/command-here.ts";
import { scene } from "../helpers/scene.ts";

for (const [line, error, hint] of [
  [
    "auht login",
    '"auht" is not a command of spec-kitty',
    "Did you mean spec-kitty auth? Usage: spec-kitty COMMAND [options]",
  ],
  [
    "auth frobnicate",
    '"frobnicate" is not a command of spec-kitty auth',
    "Usage: spec-kitty auth COMMAND [options]. See: spec-kitty auth --help",
  ],
  [
    "--verison",
    '"--verison" is not an option of spec-kitty',
    "Did you mean spec-kitty --version? Usage: spec-kitty COMMAND [options]",
  ],
  [
    "auth login --stroage file",
    '"--stroage" is not an option of "auth login"',
    "Did you mean --storage? Usage: spec-kitty auth login [URL] [options]",
  ],
  [
    "auth login --device",
    '"--device" is not an option of "auth login"',
    "Did you mean --headless? Usage: spec-kitty auth login [URL] [options]",
  ],
  [
    "auth --device",
    '"--device" is not an option of spec-kitty auth',
    "Did you mean spec-kitty auth login --headless? Usage: spec-kitty auth COMMAND [options]",
  ],
  [
    "--device",
    '"--device" is not an option of spec-kitty',
    "Did you mean spec-kitty auth login --headless? Usage: spec-kitty COMMAND [options]",
  ],
  [
    "auth --jsn status",
    '"--jsn" is not an option of spec-kitty auth',
    "Did you mean spec-kitty auth COMMAND --json? Usage: spec-kitty auth COMMAND [options]",
  ],
  [
    "login --device",
    '"--device" is not an option of "auth login"',
    "Did you mean --headless? Usage: spec-kitty auth login [URL] [options]",
  ],
  [
    "auth agent --nope -- make",
    '"--nope" is not an option of "auth agent"',
    "Usage: spec-kitty auth agent [options] [-- COMMAND…]",
  ],
  ["api GET", "missing argument: PATH", "Usage: spec-kitty api [METHOD] PATH"],
  ["auth login -x", '"-x" is not an option of "auth login"', "Usage: spec-kitty auth login [URL] [options]"],
  [
    "auth login --constructor",
    '"--constructor" is not an option of "auth login"',
    "Usage: spec-kitty auth login [URL] [options]",
  ],
  [
    "auth login --password hunter2",
    '"--password" is not an option of "auth login"',
    "Usage: spec-kitty auth login [URL] [options]",
  ],
  [
    "auth login --port no",
    '--port is "no", not a whole number from 1 to 65535',
    "Usage: spec-kitty auth login [URL] [options]",
  ],
  ["auth status extra", 'unexpected argument "extra"', "Usage: spec-kitty auth status [options]"],
] as const) {
  test(`wrong usage is exit 2, with the nearest name and the usage line: ${line}`, async (t) => {
    const result = await runHere(line.split(" "), commandEnvironment(scratchFolder(t), undefined));
    assert.deepEqual(result, { code: 2, signal: null, stdout: "", stderr: `error: ${error}\nhint: ${hint}\n` });
  });
}

/** Every level of help, from the top down. */
async function everyHelp(words: readonly string[] = []): Promise<Map<string, string>> {
  const { code, stdout, stderr } = await runHere([...words, "--help"], {});
  assert.deepEqual([code, stderr], [0, ""], words.join(" "));
  const found = new Map([[words.join(" "), stdout]]);
  const [, rows = ""] = /^Commands\n((?: {2}.*\n)+)/m.exec(stdout) ?? [];
  const below = rows
    .split("\n")
    .filter(Boolean)
    .map((row) => row.trim().split(/\s+/)[0] ?? "");
  for (const word of below) for (const [name, text] of await everyHelp([...words, word])) found.set(name, text);
  return found;
}

test("FR-008 C-001 --help at every level shows usage, options and two examples, and no way to give a password", async () => {
  const helps = await everyHelp();
  assert.ok(helps.size > 10, [...helps.keys()].join(", "));
  for (const [name, text] of helps) {
    assert.match(text, new RegExp(`^Usage: spec-kitty ${name}`), name);
    const [, examples = ""] = /^Examples\n((?: {2}.*\n?)+)/m.exec(text) ?? [];
    const lines = examples.split("\n").filter((line) => /\bspec-kitty\b/.test(line));
    assert.ok(lines.length >= 2, `two examples of "${name}"`);
    if (/^(auth|sync|tracker)$/.test(name))
      assert.ok(
        lines.every((line) => line.startsWith(`  spec-kitty ${name} `)),
        `an example of "${name}" is another group's`,
      );
    assert.doesNotMatch(text, /password|passwd|user ?name/i, name);
  }
  for (const args of [["-h"], ["auth"], ["auth", "login", "-h"]]) assert.equal((await runHere(args, {})).code, 0);
});

test("--profile with nothing after it is an error, and not the help", async (t) => {
  const { here } = await scene(t);
  const { code, stdout, stderr } = await here("--profile");
  assert.deepEqual(
    [code, stdout, stderr],
    [2, "", "error: --profile needs a value\nhint: Try: spec-kitty --profile NAME auth status\n"],
  );
});

test("a command without its group, and help in front of a command, find the command", async (t) => {
  const { here } = await scene(t);
  assert.match(
    (await here("status")).stderr,
    /^error: "status" is not a command of spec-kitty\nhint: Did you mean spec-kitty auth status\? /,
  );
  for (const word of ["login", "logout"]) {
    const { stdout } = await here(`auth ${word} --help`);
    for (const words of [`${word} --help`, `help ${word}`, `auth help ${word}`])
      assert.equal((await here(words)).stdout, stdout, words);
  }
  for (const words of ["", " auth", " auth login"])
    assert.equal((await here(`help${words}`)).stdout, (await here(`${words} --help`.trim())).stdout);
  for (const words of ["help auth login", "help storage", "--version"])
    assert.equal((await here(`--profile work ${words}`)).stdout, (await here(words)).stdout, words);
});
