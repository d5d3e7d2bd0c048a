import assert from "node:assert/strict";
import { test } from "node:test";
import { textOf } from "../helpers/import-graph.ts";
import { entryPoints } from "./api.ts";
import { exportsOf, namedBy } from "./declarations.ts";
import { documents } from "./documents.ts";

test("what the documents take from the code is as the code is now: the API, the import graph, the topics of the help", async () => {
  for (const [path, text] of await documents()) assert.equal(textOf(path), text, `${path} is out of date: npm run api-docs`);
});

test("the API reference has every export of every entry point, the members of every JSON answer and the options of every command", () => {
  const reference = textOf("src/API.md");
  for (const [name, file] of entryPoints()) {
    const [, section = ""] = reference.split(`## \`${name}\`\n`);
    for (const one of exportsOf(file)) assert.match(section.split(/^## /m)[0] ?? "", new RegExp(`^### \`${one.name}\`$`, "m"), `${name} exports ${one.name}`);
  }
  for (const [, answer = ""] of textOf("src/cli/json-output.ts").matchAll(/^export (?:interface|type) (\w+)/gm)) assert.match(reference, new RegExp(`^### \`${answer}\`$`, "m"));
  assert.match(reference, /^\| `auth switch \[PROFILE\]` \| `--json` \|$/m);
  assert.match(reference, /`D403`/);
});

test("every export has a doc comment, and what a signature names is exported as well", () => {
  const all = [...entryPoints().values()].flatMap(exportsOf);
  const exported = new Set(all.map(({ file, name }) => `${file}#${name}`));
  // What these name is the runtime's own, whatever the caller's project calls it.
  const isRuntime = (file: string): boolean => file.endsWith("runtime-types.d.ts");
  assert.deepEqual(all.filter(({ comment }) => comment === "").map(({ name }) => name), []);
  const unnamed = all.flatMap((one) => namedBy(one).filter(({ from, name }) => !isRuntime(from) && !exported.has(`${from}#${name}`)).map(({ name }) => `${one.name} names ${name}`));
  assert.deepEqual([...new Set(unnamed)], []);
});
