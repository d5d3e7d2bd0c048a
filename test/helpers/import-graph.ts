import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder of the package. */
export const root = fileURLToPath(new URL("../..", import.meta.url));

/** The files below a folder whose names match, by their paths from the root, with `/` on every platform. */
export function filesIn(folder: string, names: RegExp = /\.ts$/): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .map((path) => join(folder, path).replaceAll("\\", "/"))
    .filter((path) => names.test(path) && !path.includes("node_modules/"))
    .sort();
}

/** A file as it is. */
export function textOf(file: string): string {
  return readFileSync(join(root, file), "utf8");
}

/** A file without its comments. */
export function codeOf(file: string): string {
  return textOf(file).replace(/\/\*[\s\S]*?\*\/|(?<![:"'`\w])\/\/.*$/gm, "");
}

/** One import or re-export of a file. */
export interface Import {
  /** Of our own files the path from the root, of others the specifier: `node:fs`. */
  readonly from: string;
  readonly names: readonly string[];
  /** Whether the compiler erases it. */
  readonly isType: boolean;
  /** Whether it is loaded when it is used, by `import()`. */
  readonly isLazy: boolean;
}

/** What a file imports and re-exports. */
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
    // Where a function of its own loads the module, any member in the file may be the module's.
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

/** Which of our own files imports which, from the root; imports of types too. */
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
 * The imports between neighbours: for each import the two entries of the folder in which the paths part, so that
 * `src/auth/flows/logout.ts` and `src/auth/oauth/revocation.ts` give `src/auth/flows` → `src/auth/oauth`.
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

/** The circles of a graph, each as the path around it. */
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
