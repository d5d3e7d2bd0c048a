import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Exploration } from "./explore.ts";
import type { Task } from "./main.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const tsc = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin", "tsc");
const run = promisify(execFile);

/** A change to the code that should be found. `from` must be there, once: a mutant stays honest when the code changes. */
export interface Mutation {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

/** The code and the simulation, compiled in a folder of their own. */
export interface Laboratory extends Disposable {
  explore(task: Task): Promise<Exploration>;
}

export async function laboratory(mutation?: Mutation): Promise<Laboratory> {
  const folder = mkdtempSync(join(tmpdir(), "simulation-"));
  for (const part of ["src", "test/simulation"]) cpSync(join(root, part), join(folder, part), { recursive: true });
  if (mutation) {
    const path = join(folder, mutation.file);
    const parts = readFileSync(path, "utf8").split(mutation.from);
    assert.equal(parts.length, 2, `${mutation.file} has this once: ${mutation.from}`);
    writeFileSync(path, parts.join(mutation.to));
  }
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  const options = ["--module", "nodenext", "--target", "es2023", "--rewriteRelativeImportExtensions", "--noCheck", "--ignoreConfig"];
  await run(process.execPath, [tsc, ...options, "--rootDir", folder, "--outDir", join(folder, "out"), join(folder, "test/simulation/main.ts")]);
  return {
    async explore(task) {
      const { stdout } = await run(process.execPath, [join(folder, "out/test/simulation/main.js"), JSON.stringify(task)], { maxBuffer: 2 ** 26 });
      return JSON.parse(stdout) as Exploration;
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}
