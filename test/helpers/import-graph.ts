import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** The package's directory. */
export const root = fileURLToPath(new URL("../..", import.meta.url));

/** Matching files below a directory, by paths from the root, with `/` on every platform. */
export function filesIn(folder: string, names: RegExp = /\.ts$/): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .map((path) => join(folder, path).replaceAll("\\", "/"))
    .filter((path) => names.test(path) && !path.includes("node_modules/"))
    .sort();
}

export function textOf(file: string): string {
  return readFileSync(join(root, file), "utf8");
}

/** Without comments. */
export function codeOf(file: string): string {
  return textOf(file).replace(/\/\*[\s\S]*?\*\/|(?<![:"'`\w])\/\/.*$/gm, "");
}

export interface Import {
  /** Our own files by path from the root, others by specifier: `node:fs`. */
  readonly from: string;
  readonly names: readonly string[];
  /** Erased by the compiler. */
  readonly isType: boolean;
  /** Loaded by `import()`. */
  readonly isLazy: boolean;
}

/** With re-exports. */
export function importsOf(file: string): Import[] {
  const code = codeOf(file);
  const path = (specifier: string): string =>
    specifier.startsWith(".")
      ? relative(root, resolve(root, dirname(file), specifier)).replaceAll("\\", "/")
      : specifier;
  const namesIn = (clause: string): string[] =>
    [...clause.matchAll(/[{,]\s*(?:type )?(\w+)(?: as \w+)?/g)].map(([, name = ""]) => name);
  const membersOf = (object: string): string[] =>
    [...code.matchAll(new RegExp(`(?:${object})\\.(\\w+)`, "g"))].map(([, name = ""]) => name);
  const fixed = [...code.matchAll(/^(?:import|export) (type )?(?:([^;"']*?) from )?"([^"]+)"/gm)].map(
    ([, type, clause = "", specifier = ""]) => ({
      from: path(specifier),
      names: clause.startsWith("* as ") ? membersOf(clause.slice(5)) : namesIn(clause),
      isType: type !== undefined,
      isLazy: false,
    }),
  );
  // `const { a, b } = await import("…")`, `(await import("…")).a` or `import("…").then(({ a }) => …)`; in a type it is `import("…").A`.
  const statement =
    /(?:const (\{[^}]*\}) = await )?(typeof )?\bimport\("([^"]+)"\)(?:\)?\.(\w+)(?:\(\((\{[^}]*\})\))?)?/g;
  const lazy = [...code.matchAll(statement)].map(([, clause, type, specifier = "", member, then]) => {
    const taken = clause ?? then;
    // A function of the file loads the module: any member may be the module's.
    const all = taken === undefined ? membersOf("\\w+|\\)") : namesIn(taken);
    return {
      from: path(specifier),
      names: member !== undefined && member !== "then" ? [member] : all,
      isType: type !== undefined,
      isLazy: true,
    };
  });
  return [...fixed, ...lazy];
}

/** Imports among our own files, types included. */
export function importGraph(files: readonly string[]): Map<string, Set<string>> {
  return new Map(
    files.map((file) => [
      file,
      new Set(
        importsOf(file)
          .map(({ from }) => from)
          .filter((from) => from.startsWith("src/")),
      ),
    ]),
  );
}

/**
 * For each import the two entries of the directory where the paths part: `src/auth/flows/logout.ts` and
 * `src/auth/oauth/revocation.ts` give `src/auth/flows` → `src/auth/oauth`.
 */
export function neighbourGraph(imports: ReadonlyMap<string, ReadonlySet<string>>): Map<string, Set<string>> {
  const graph = new Map<string, Set<string>>();
  for (const [file, targets] of imports) {
    for (const target of targets) {
      const [from, to] = [file.split("/"), target.split("/")];
      const depth = from.findIndex((name, index) => name !== to[index]);
      const [one, other] = [from.slice(0, depth + 1).join("/"), to.slice(0, depth + 1).join("/")];
      graph.set(one, (graph.get(one) ?? new Set()).add(other));
    }
  }
  return graph;
}

/** Each as the path around it. */
export function circlesOf(graph: ReadonlyMap<string, ReadonlySet<string>>): string[] {
  const circles: string[] = [];
  const done = new Set<string>();
  const visit = (node: string, path: readonly string[]): void => {
    if (path.includes(node)) return void circles.push([...path.slice(path.indexOf(node)), node].join(" → "));
    if (done.has(node)) return;
    for (const next of graph.get(node) ?? []) visit(next, [...path, node]);
    done.add(node);
  };
  for (const node of graph.keys()) visit(node, []);
  return circles;
}
