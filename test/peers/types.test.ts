import { cpSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { scratchFolder } from "../helpers/command.ts";
import { compileConsumer, consumerSettings } from "../helpers/consumer.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
// The compiler before the one that the package is built with: much of what callers have is checked by it.
const compiler = fileURLToPath(new URL("node_modules/typescript-6/bin/tsc", import.meta.url));

for (const [title, options] of consumerSettings) {
  test(`TypeScript 6 compiles a caller of every entry point: ${title}`, async (t) => {
    const project = scratchFolder(t);
    for (const name of ["dist", "package.json"])
      cpSync(join(root, name), join(project, "node_modules", "spec-kitty", name), { recursive: true });
    await compileConsumer(compiler, project, options);
  });
}
