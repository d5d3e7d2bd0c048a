import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative } from "node:path";
import { root } from "../helpers/import-graph.ts";

/** What tests run: the command, and test/typescript.js's output for each `.ts` file. */
const builds: readonly { config: string; made(file: string): string | undefined }[] = [
  {
    config: "tsconfig.json",
    made: (file) => (file.startsWith("src/") ? join("dist", relative("src", javaScript(file))) : undefined),
  },
  {
    config: join("test", "tsconfig.run.json"),
    made: (file) => join("node_modules", ".cache", "spec-kitty", javaScript(file)),
  },
];

export interface Change {
  readonly file: string;
  readonly text: string;
}

/**
 * Compiles changed files in one run, since the compiler's start takes longest.
 *
 * @returns the output for each, by build; undefined for an invalid one
 */
export function compile(changes: readonly Change[], scratch: string): readonly (readonly string[] | undefined)[] {
  if (changes.length === 0) return [];
  const tsc = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin", "tsc");
  const changed = join(scratch, "changed");
  changes.forEach(({ file, text }, index) => write(join(changed, String(index), file), text));
  write(join(scratch, "package.json"), '{ "type": "module" }');
  const broken = new Set<number>();
  const outputs = builds.map(({ config }, build) => {
    const made = join(scratch, `made${build}`);
    const own = { rootDir: changed, outDir: made, noCheck: true, noResolve: true, types: [] };
    const off = { noEmit: false, incremental: false, tsBuildInfoFile: null, declaration: false };
    const compilerOptions = { ...own, ...off, isolatedDeclarations: false, stripInternal: false };
    const options = { extends: join(root, config), compilerOptions, include: [changed] };
    write(join(scratch, `tsconfig${build}.json`), JSON.stringify(options));
    const args = [tsc, "-p", join(scratch, `tsconfig${build}.json`)];
    const { status, stdout } = spawnSync(process.execPath, args, { encoding: "utf8" });
    const errors = [...stdout.matchAll(/changed\/(\d+)\/.*error/g)];
    if (status !== 0 && errors.length === 0) throw new Error(stdout);
    for (const [, index] of errors) broken.add(Number(index));
    return made;
  });
  return changes.map(({ file }, index) =>
    broken.has(index) ? undefined : outputs.map((made) => join(made, String(index), javaScript(file))),
  );
}

/** A copy of the package with its builds, for changes of a file. */
export class Workplace {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
    const isCopied = (path: string): boolean => !/\/(?:\.git|node_modules)$/.test(path);
    cpSync(root, folder, { recursive: true, filter: isCopied });
    const installed = join(root, "node_modules");
    mkdirSync(join(folder, "node_modules"));
    for (const name of readdirSync(installed))
      if (name !== ".cache") symlinkSync(join(installed, name), join(folder, "node_modules", name));
    cpSync(join(installed, ".cache"), join(folder, "node_modules", ".cache"), { recursive: true });
  }

  /** Applies a change and its compiled output. @returns undoes both */
  change({ file, text }: Change, made: readonly string[]): () => void {
    const contents = new Map<string, string>([[join(this.folder, file), text]]);
    builds.forEach((build, index) => {
      const path = build.made(file);
      if (path !== undefined) contents.set(join(this.folder, path), readFileSync(made[index] ?? "", "utf8"));
    });
    const before = [...contents.keys()].map((path) => [path, readFileSync(path, "utf8")] as const);
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
