import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { exitCodes } from "../../src/cli/exit-code.ts";
import { scratchFolder } from "../helpers/command.ts";
import { filesIn, root, textOf } from "../helpers/import-graph.ts";
import { apiPages, byName } from "./api.ts";
import { entryPointsOf, exportsOf, filesBehind, unexportedBehind } from "./declarations.ts";
import { documents } from "./documents.ts";

test("what the documents take from the code is as the code is now: the API, the import graph", async () => {
  for (const [path, text] of await documents())
    assert.equal(textOf(path), text, `${path} is out of date: npm run api-docs`);
});

test("the pages of the API have every export of every entry point that callers name, and the index links to each", async () => {
  const pages = [...(await apiPages())];
  const [[, index = ""] = []] = pages;
  const placed = pages.flatMap(([path, text]) => {
    const page = path.replace("src/docs/api/", "");
    return [...text.matchAll(/^## `(\w+)`$/gm)].map(([, name = ""]) => ({
      name,
      link: `${page}#${name.toLowerCase()}`,
    }));
  });
  for (const { name: entry, types } of entryPointsOf(root)) {
    for (const { name } of exportsOf(types)) {
      if (byName.has(name)) continue;
      const [found, ...more] = placed.filter((one) => one.name === name);
      assert.ok(found !== undefined, `${entry} exports ${name}`);
      assert.deepEqual(more, []);
      assert.ok(index.includes(`[${name}](${found.link})`), name);
    }
  }
  assert.ok(placed.some(({ name, link }) => name === "JsonOutput" && link === "json-output.md#jsonoutput"));
});

test("the pages of the API are those that are made, and show each member of a union, each error code, the options of each command and the doctor's numbers", async () => {
  const pages = await apiPages();
  assert.deepEqual(filesIn("src/docs/api", /./).sort(), [...pages.keys()].sort());
  const page = (name: string): string => pages.get(`src/docs/api/${name}.md`) ?? assert.fail(name);
  const kinds = (name: string, union: string): string[] => {
    const [, code = ""] = page(name).split(`\n## \`${union}\`\n`);
    return [...(code.split("\n## ")[0] ?? "").matchAll(/(?:about|outcome|kind): "(\w+)";/g)].map(
      ([, kind = ""]) => kind,
    );
  };
  assert.deepEqual(kinds("spec-kitty", "ConsentQuestion"), ["file", "host", "resource", "profile"]);
  assert.deepEqual(kinds("sync", "EmitReport"), ["queued", "refused", "failed"]);
  assert.deepEqual(kinds("sync", "LiveMessage"), ["snapshot", "event", "answer", "ignored", "state"]);
  const [, codes = ""] = page("spec-kitty").split("\n## `AuthErrorCode`\n");
  for (const code of Object.keys(exitCodes)) assert.ok(codes.split("\n## ")[0]?.includes(`\`${code}\``), code);
  assert.match(page("options"), /^- `auth switch \[PROFILE\]`: `--here`$/m);
  assert.match(page("json-output"), /`D403` file,/);
});

test("what a declaration file has and the reader of it does not understand is an error", (t) => {
  const read = (source: string): unknown => {
    const file = join(scratchFolder(t), "some.d.ts");
    writeFileSync(file, source);
    return exportsOf(file).map(({ name, text }) => [name, text]);
  };
  const union = 'export type Union = \n/** One. */\n{\n    a: "}";\n}\n/** Two; */\n | {\n    b: 1;\n};';
  assert.deepEqual(read(`/** It. */\n${union}\nexport interface Next {\n}\n`), [
    ["Union", union],
    ["Next", "export interface Next {\n}"],
  ]);
  for (const source of ["export enum Colour {}\n", "export default value;\n", "export type Cut = {\n    a: 1;\n"])
    assert.throws(() => read(source), /is not understood|is no statement/, source);
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

test("the types of no entry point lead a compiler to the sealed file, the keychain, the queue's directory or a process lock", () => {
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
