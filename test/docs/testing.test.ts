import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { scratchFolder } from "../helpers/command.ts";
import { root, textOf } from "../helpers/import-graph.ts";

test("FR-026 the tests of src/docs/testing.md run as they stand, next to the tool that they are about", async (t) => {
  const folder = scratchFolder(t);
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(root, join(folder, "node_modules", "spec-kitty"), "junction");
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  const page = textOf("src/docs/testing.md");
  // A program's name is the last one before it.
  const programs = [...page.matchAll(/^```js\n([\s\S]*?)^```$/gm)].map(({ index, 1: text = "" }) => {
    const [, name = ""] = page.slice(0, index).match(/`([\w.]+\.js)`(?![\s\S]*`[\w.]+\.js`)/) ?? [];
    writeFileSync(join(folder, name), text);
    return name;
  });
  assert.deepEqual(programs, ["acme.js", "projects.test.js", "commands.test.js"]);
  const env = { PATH: process.env["PATH"], HOME: folder };
  const { stdout } = await promisify(execFile)(process.execPath, ["--test", "--test-reporter=tap"], {
    cwd: folder,
    env,
  });
  assert.match(stdout, /^# pass 3$/m);
  assert.match(stdout, /^# fail 0$/m);
});
