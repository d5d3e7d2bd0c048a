import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { scratchFolder } from "../helpers/command.ts";
import { compileConsumer, consumerSettings } from "../helpers/consumer.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const compiler = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
/** Those that callers have. With the last one the package is built, and its own tests compile callers with it. */
const compilers = {
  "5.6": compiler("node_modules/typescript-5.6/bin/tsc"),
  "5.9": compiler("node_modules/typescript-5.9/bin/tsc"),
  "6": compiler("node_modules/typescript-6/bin/tsc"),
  "7": join(root, "node_modules", "typescript", "bin", "tsc"),
};

/** A caller's project, with the package in its `node_modules`. */
function project(t: TestContext): string {
  const folder = scratchFolder(t);
  for (const name of ["dist", "package.json"])
    cpSync(join(root, name), join(folder, "node_modules", "spec-kitty", name), { recursive: true });
  return folder;
}

// The defaults of TypeScript 5 are those of the time before ES modules.
const node16: typeof consumerSettings = [
  ["module node16", { types: [], module: "node16", moduleResolution: "node16", target: "es2022" }],
];

for (const [version, path] of Object.entries(compilers)) {
  for (const [title, options] of version === "7" ? [] : version === "6" ? consumerSettings : node16)
    test(`TypeScript ${version} compiles a caller of every entry point: ${title}`, async (t) => {
      await compileConsumer(path, project(t), options);
    });

  const compiled = (t: TestContext, program: string, module: string): { folder: string; errors: string } => {
    const folder = project(t);
    writeFileSync(join(folder, "package.json"), '{ "name": "acme", "type": "commonjs" }');
    writeFileSync(join(folder, "acme.ts"), program);
    const typeRoots = [join(root, "node_modules", "@types")];
    const options = { module, target: "es2022", strict: true, types: ["node"], typeRoots, outDir: "out" };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions: options, files: ["acme.ts"] }));
    try {
      execFileSync(process.execPath, [path, "-p", folder], { encoding: "utf8" });
      return { folder, errors: "" };
    } catch (error) {
      return { folder, errors: (error as { stdout: string }).stdout };
    }
  };
  const run = (folder: string): string =>
    execFileSync(process.execPath, [join(folder, "out", "acme.js")], {
      cwd: folder,
      encoding: "utf8",
      env: { HOME: folder },
    });

  test(`TypeScript ${version} with module node16 compiles what src/EMBEDDING.md has for CommonJS, and Node.js runs it`, (t) => {
    const embedding = readFileSync(join(root, "src", "EMBEDDING.md"), "utf8");
    const [, program = ""] = /^## CommonJS$[\s\S]*?^```ts\n([\s\S]*?)^```$/m.exec(embedding) ?? [];
    const { folder, errors } = compiled(t, program, "node16");
    assert.equal(errors, "");
    assert.equal(run(folder), "not logged in\n");
    const plain = 'import { createAuth } from "spec-kitty";\nconsole.log(typeof createAuth);\n';
    assert.match(compiled(t, plain, "node16").errors, /error TS1479/, "otherwise there is nothing to say");
    if (version === "5.6") return;
    const direct = compiled(t, plain, "nodenext");
    assert.equal(direct.errors, "");
    if ((process.features as { require_module?: boolean }).require_module)
      assert.equal(run(direct.folder), "function\n");
  });
}
