import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
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

/** A change that should be detected. `from` must occur exactly once: a mutant stays honest when the code changes. */
export interface Mutation {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

export interface Laboratory extends Disposable {
  explore(task: Task): Promise<Exploration>;
}

/** Compiles a file to `out`, with its imports unless `alone`. */
async function compile(folder: string, file: string, ...alone: "--noResolve"[]): Promise<void> {
  const options = [
    "--module",
    "nodenext",
    "--target",
    "es2023",
    "--rewriteRelativeImportExtensions",
    "--noCheck",
    "--ignoreConfig",
    ...alone,
  ];
  await run(process.execPath, [
    tsc,
    ...options,
    "--rootDir",
    folder,
    "--outDir",
    join(folder, "out"),
    join(folder, file),
  ]);
}

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "simulation-"));
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  return folder;
}

let compiled: Promise<string> | undefined;

/** Compiled once: a mutant differs in one file. */
async function compiledOnce(): Promise<string> {
  const folder = newFolder();
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  for (const part of ["src", "test/simulation"]) cpSync(join(root, part), join(folder, part), { recursive: true });
  await compile(folder, "test/simulation/main.ts");
  return join(folder, "out");
}

export async function laboratory(mutation?: Mutation): Promise<Laboratory> {
  const original = await (compiled ??= compiledOnce());
  const folder = newFolder();
  cpSync(original, join(folder, "out"), { recursive: true });
  if (mutation) {
    const parts = readFileSync(join(root, mutation.file), "utf8").split(mutation.from);
    assert.equal(parts.length, 2, `${mutation.file} has this once: ${mutation.from}`);
    mkdirSync(dirname(join(folder, mutation.file)), { recursive: true });
    writeFileSync(join(folder, mutation.file), parts.join(mutation.to));
    await compile(folder, mutation.file, "--noResolve");
  }
  return {
    async explore(task) {
      const { stdout } = await run(
        process.execPath,
        [join(folder, "out/test/simulation/main.js"), JSON.stringify(task)],
        { maxBuffer: 2 ** 26 },
      );
      return JSON.parse(stdout) as Exploration;
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}
