import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative } from "node:path";
import { root } from "../helpers/import-graph.ts";

/** What the command runs of a source file. */
const built = (file: string): string => join("dist", relative("src", javaScript(file)));

export interface Change {
  readonly file: string;
  readonly text: string;
}

/**
 * Compiles changed files in one run, since the compiler's start takes longest.
 *
 * @returns the output for each; undefined for an invalid one
 */
export function compile(changes: readonly Change[], scratch: string): readonly (string | undefined)[] {
  if (changes.length === 0) return [];
  const tsc = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin", "tsc");
  const changed = join(scratch, "changed");
  changes.forEach(({ file, text }, index) => write(join(changed, String(index), file), text));
  write(join(scratch, "package.json"), '{ "type": "module" }');
  const broken = new Set<number>();
  const made = join(scratch, "made");
  const own = { rootDir: changed, outDir: made, noCheck: true, noResolve: true, types: [] };
  const off = { noEmit: false, incremental: false, tsBuildInfoFile: null, declaration: false };
  const compilerOptions = { ...own, ...off, isolatedDeclarations: false, stripInternal: false };
  const options = { extends: join(root, "tsconfig.json"), compilerOptions, include: [changed] };
  write(join(scratch, "tsconfig.json"), JSON.stringify(options));
  const args = [tsc, "-p", join(scratch, "tsconfig.json")];
  const { status, stdout } = spawnSync(process.execPath, args, { encoding: "utf8" });
  const errors = [...stdout.matchAll(/changed\/(\d+)\/.*error/g)];
  if (status !== 0 && errors.length === 0) throw new Error(stdout);
  for (const [, index] of errors) broken.add(Number(index));
  return changes.map(({ file }, index) =>
    broken.has(index) ? undefined : join(made, String(index), javaScript(file)),
  );
}

/** A copy of the package with its build, for changes of a file. */
export class Workplace {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
    const isCopied = (path: string): boolean => !/\/(?:\.git|node_modules)$/.test(path);
    cpSync(root, folder, { recursive: true, filter: isCopied });
    symlinkSync(join(root, "node_modules"), join(folder, "node_modules"), "junction");
  }

  /** Applies a change and its compiled output. @returns undoes both */
  change({ file, text }: Change, made: string): () => void {
    const contents = [[join(this.folder, file), text]] as [string, string][];
    if (file.startsWith("src/")) contents.push([join(this.folder, built(file)), readFileSync(made, "utf8")]);
    const before = contents.map(([path]) => [path, readFileSync(path, "utf8")] as const);
    for (const [path, content] of contents) writeFileSync(path, content);
    return () => before.forEach(([path, content]) => writeFileSync(path, content));
  }
}

function javaScript(file: string): string {
  return file.replace(/\.ts$/, ".js");
}

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}
