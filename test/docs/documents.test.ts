import assert from "node:assert/strict";
import { test } from "node:test";
import { root, textOf } from "../helpers/import-graph.ts";
import { entryPointsOf, exportsOf, filesBehind, unexportedBehind } from "./declarations.ts";
import { documents } from "./documents.ts";

test("what the documents take from the code is as the code is now: the API, the import graph", async () => {
  for (const [path, text] of await documents())
    assert.equal(textOf(path), text, `${path} is out of date: npm run api-docs`);
});

test("the API reference has every export of every entry point, the members of every JSON answer and the options of every command", () => {
  const reference = textOf("src/API.md");
  for (const { name, types } of entryPointsOf(root)) {
    assert.match(reference, new RegExp(`^## \`${name}\`$`, "m"));
    for (const one of exportsOf(types))
      assert.match(reference, new RegExp(`^### \`${one.name}\`$`, "m"), `${name} exports ${one.name}`);
  }
  assert.match(reference, /^### `AuthStatus`$/m);
  assert.match(reference, /^\| `auth switch \[PROFILE\]` \| `--here`, `--json` \|$/m);
  assert.match(reference, /`D403`/);
});

test("every export has a doc comment, and what a caller gets has a type that is exported; only members of options have others", () => {
  const all = entryPointsOf(root).flatMap(({ types }) => exportsOf(types));
  const exported = new Set(all.map(({ file, name }) => `${file}#${name}`));
  // What these name is the runtime's own, whatever the caller's project calls it.
  const isRuntime = (file: string): boolean => file.endsWith("runtime-types.d.ts");
  assert.deepEqual(
    all.filter(({ comment }) => comment === "").map(({ name }) => name),
    [],
  );
  const isExported = ({ from, name }: { from: string; name: string }): boolean =>
    isRuntime(from) || exported.has(`${from}#${name}`);
  assert.deepEqual(
    unexportedBehind(all, isExported).filter(({ isOfOptions }) => !isOfOptions),
    [],
  );
});

test("the doc comment of every exported function describes each parameter", () => {
  const functions = entryPointsOf(root)
    .flatMap(({ types }) => exportsOf(types))
    .filter(({ kind }) => kind === "function");
  const parameters = (text: string): number => {
    const [, list = ""] = /^[^(]*\((.*?)\): /s.exec(text) ?? [];
    return list === "" ? 0 : list.replace(/\{[^}]*\}|<[^>]*>/g, "").split(",").length;
  };
  assert.ok(functions.length >= 8);
  assert.deepEqual(
    functions
      .filter(({ comment, text }) => (comment.match(/^ \* @param /gm)?.length ?? 0) !== parameters(text))
      .map(({ name }) => name),
    [],
  );
});

test("the types of no entry point lead a compiler to the sealed file, the keychain, the queue's folder or a process lock", () => {
  const behind = entryPointsOf(root).flatMap(({ types }) => filesBehind(types));
  assert.ok(
    behind.some((file) => file.endsWith("events.d.ts")),
    "the rule finds what is there",
  );
  assert.deepEqual(
    behind.filter((file) => /data-key|local-|(?<!simple-)keychain|queue-|process-lock|app\.d\.ts|settings/.test(file)),
    [],
  );
});
