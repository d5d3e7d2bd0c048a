import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

const folder = new URL("../.github/workflows/", import.meta.url);
const workflows = readdirSync(folder).map((name): [string, string] => [
  name,
  readFileSync(new URL(name, folder), "utf8"),
]);

test("every action is pinned by its full commit hash, with the version it is", () => {
  for (const [name, text] of workflows) {
    for (const [line, action = ""] of text.matchAll(/^.*\buses: *(.*)$/gm))
      assert.match(action, /^[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/, `${name}: ${line}`);
  }
});

test("no workflow may write anything, and only publishing gets a token that proves its identity", () => {
  for (const [name, text] of workflows) {
    assert.match(text, /^permissions:( \{\}|\n {2}contents: read)\n/m, name);
    const writes = [...text.matchAll(/^ *(\S+): *write/gm)].map(([, permission]) => permission);
    assert.deepEqual(writes, name === "publish.yml" ? ["id-token"] : [], name);
  }
});

test("no workflow runs text that a stranger can choose, such as the name of a branch", () => {
  // The value of an expression becomes part of the line before the shell reads it: it could be a command.
  for (const [name, text] of workflows) assert.doesNotMatch(text, /run:.*\$\{\{/, name);
});

test("every supported Node is tested on every platform, but for Node 20 on Windows", () => {
  const text = workflows.find(([name]) => name === "ci.yml")?.[1] ?? "";
  assert.match(
    text,
    /os: \[ubuntu-latest, macos-latest, windows-latest\]\n +node: \[20, 22, 24, 26\]\n.*\n +exclude:\n +- os: windows-latest\n +node: 20\n/,
  );
});

test("every script that a workflow or another script runs is there", () => {
  const { scripts } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
    scripts: Record<string, string>;
  };
  const lines = [...workflows.map(([, text]) => text), ...Object.values(scripts)].join("\n");
  const named = [...lines.matchAll(/npm (?:run (?:--silent )?([\w:-]+)|(test))/g)].map(
    ([, run, test]) => run ?? test ?? "",
  );
  assert.ok(named.length > 10, `only ${named.length} were found`);
  for (const name of named) assert.ok(name in scripts, name);
  for (const [path] of lines.matchAll(/\.ci\/\w+/g))
    assert.ok(existsSync(new URL(`../${path}`, import.meta.url)), path);
});
