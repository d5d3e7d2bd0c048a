import assert from "node:assert/strict";
import { execFile, fork } from "node:child_process";
import { once } from "node:events";
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

/** A change that should be detected. `from` must occur exactly once: a mutant stays honest when the code changes. */
export interface Mutation {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

/** A process that does one task after another: the first ones make it fast. */
export interface Laboratory extends Disposable {
  explore(task: Task): Promise<Exploration>;
}

/** Opens laboratories for the code and its mutants. They are compiled in one run, since the compiler's start takes longest. */
export function laboratories(mutations: readonly Mutation[] = []): (mutation?: Mutation) => Promise<Laboratory> {
  let compiled: Promise<string> | undefined;
  return async (mutation) => {
    const out = await (compiled ??= compile(mutations));
    if (mutation === undefined) return laboratory(join(out, "code"));
    const mutant = join(out, `mutant${mutations.indexOf(mutation)}`);
    // What it does not change.
    cpSync(join(out, "code"), mutant, { recursive: true, force: false });
    return laboratory(mutant);
  };
}

function laboratory(folder: string): Laboratory {
  const child = fork(join(folder, "test/simulation/main.js"), {
    execArgv: [],
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const ended = once(child, "close").then(() => Promise.reject(new Error("the simulation ended before its task")));
  ended.catch(() => undefined);
  return {
    async explore(task) {
      child.send(task);
      const [exploration] = await Promise.race([once(child, "message"), ended]);
      return exploration as Exploration;
    },
    [Symbol.dispose]: () => void child.kill(),
  };
}

/** Compiles `code` and what differs in each mutant. */
async function compile(mutations: readonly Mutation[]): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "simulation-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  for (const part of ["src", "test/simulation"])
    cpSync(join(root, part), join(folder, "code", part), { recursive: true });
  const mutants = mutations.map(({ file, from, to }, index) => {
    const parts = readFileSync(join(root, file), "utf8").split(from);
    assert.equal(parts.length, 2, `${file} has this once: ${from}`);
    const mutant = join(folder, `mutant${index}`, file);
    mkdirSync(dirname(mutant), { recursive: true });
    writeFileSync(mutant, parts.join(to));
    return mutant;
  });
  const options = "--module nodenext --target es2023 --rewriteRelativeImportExtensions --noCheck --ignoreConfig".split(
    " ",
  );
  const sources = [join(folder, "code/test/simulation/main.ts"), ...mutants];
  const out = join(folder, "out");
  await promisify(execFile)(process.execPath, [tsc, ...options, "--rootDir", folder, "--outDir", out, ...sources]);
  return out;
}
