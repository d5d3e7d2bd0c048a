import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { root, textOf } from "./import-graph.ts";
import { writeTool } from "./tool.ts";

/**
 * Writes the programs of `src/docs/api/README.md`, for a test's service. Each is named after its function, such as
 * `auth.login.js`, or by the text before it.
 *
 * @param packages - other imports, from those in `test/peers`
 * @returns the names
 */
export function writeApiExamples(folder: string, url: string, packages: readonly string[] = []): string[] {
  const installed = new Map([
    ["spec-kitty", root],
    ...packages.map((name): [string, string] => [name, join(root, "test", "peers", "node_modules", name)]),
  ]);
  for (const [name, path] of installed) {
    const link = join(folder, "node_modules", name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(path, link, "junction");
  }
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  const sections = textOf("src/docs/api/README.md").split(/^### /m);
  return sections.flatMap((section) => {
    const [, about = ""] = /^`([\w.]+)\(/.exec(section) ?? [];
    return [...section.matchAll(/([^]*?)^```js\n([^]*?)^```$/gm)].map(([, before = "", source = ""]) => {
      const name = /`([\w-]+\.js)`(?![^]*`[\w-]+\.js`)/.exec(before)?.[1] ?? `${about}.js`;
      // A program with its own fake service runs word for word.
      if (source.includes("spec-kitty/testing")) writeFileSync(join(folder, name), source);
      else writeTool(source, folder, name, { url });
      return name;
    });
  });
}
