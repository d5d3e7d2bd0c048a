import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";

interface Manifest {
  readonly name: string;
  readonly exports: Readonly<Record<string, string | { readonly types: string; readonly default: string }>>;
}

/** A name that callers import, the code behind it, and the types. */
export interface EntryPoint {
  readonly name: string;
  readonly code: string;
  readonly types: string;
}

/** The entry points of a package: what `exports` in its manifest says. */
export function entryPointsOf(packageFolder: string): EntryPoint[] {
  const { name, exports } = JSON.parse(readFileSync(join(packageFolder, "package.json"), "utf8")) as Manifest;
  return Object.entries(exports).flatMap(([path, target]) =>
    typeof target === "string"
      ? []
      : [
          {
            name: name + path.slice(1),
            code: join(packageFolder, target.default),
            types: join(packageFolder, target.types),
          },
        ],
  );
}

/** One thing that a module exports, as the compiler's declaration file has it. */
export interface Declaration {
  readonly name: string;
  readonly kind: "function" | "class" | "const" | "interface" | "type";
  /** The inside of its doc comment. */
  readonly comment: string;
  /** From `export` on, comments of members included. */
  readonly text: string;
  /** The declaration file that it stands in. */
  readonly file: string;
  /** Whether it is exported as a type only: a class that nobody outside can construct. */
  readonly isType: boolean;
}

/** What has to be told apart to find the end of a statement: comments, strings, brackets, semicolons. */
const token = /\/\*[\s\S]*?\*\/|\/\/.*|"(?:[^"\\\n]|\\.)*"|[{([]|[})\]]|;/g;

/** The statements of a declaration file, each with the doc comment above it. */
function statementsOf(source: string): { comment: string; text: string }[] {
  const found: { comment: string; text: string }[] = [];
  let [comment, start, depth] = ["", 0, 0];
  for (const { 0: piece, index } of source.matchAll(token)) {
    const isBetween = depth === 0 && source.slice(start, index).trim() === "";
    if (isBetween && /^\/[/*]/.test(piece)) {
      comment = /^\/\*\*([\s\S]*)\*\/$/.exec(piece)?.[1] ?? "";
      start = index + piece.length;
    } else if (/^[{([]$/.test(piece)) depth += 1;
    else if (/^[})\]]$/.test(piece)) depth -= 1;
    const text = source.slice(start, index + piece.length).trim();
    const isBlock = /^(?:export )?(?:declare )?(?:abstract )?(?:class|interface)\b/.test(text);
    if (depth !== 0 || piece !== (isBlock ? "}" : ";")) continue;
    found.push({ comment, text });
    [comment, start] = ["", index + piece.length];
  }
  const rest = source.slice(start).trim();
  if (rest !== "") throw new Error(`this is no statement: ${rest}`);
  return found;
}

const declared = /^(?:export )?(?:declare )?(?:abstract )?(class|interface|function|const|type) (\w+)/;
const linked = /^(?:export|import) (type )?(\{[^}]*\}|\*(?: as \w+)?)(?: from "([^"]+)")?;/;

interface Link {
  readonly name: string;
  readonly from: string;
  readonly isType: boolean;
}

interface Module {
  readonly declarations: ReadonlyMap<string, Declaration>;
  readonly exported: ReadonlyMap<string, Link>;
  readonly imported: ReadonlyMap<string, Link>;
}

function read(file: string): Module {
  const declarations = new Map<string, Declaration>();
  const exported = new Map<string, Link>();
  const imported = new Map<string, Link>();
  for (const { comment, text } of statementsOf(readFileSync(file, "utf8"))) {
    const [, kind, name = ""] = declared.exec(text) ?? [];
    const [, all, clause, from] = linked.exec(text) ?? [];
    if (kind !== undefined) {
      const isType = kind === "interface" || kind === "type";
      declarations.set(name, { name, kind: kind as Declaration["kind"], comment, text, file, isType });
    } else if (clause === undefined) throw new Error(`${file}: this statement is not understood: ${text}`);
    else if (from !== undefined) {
      for (const [, type, source = "", local = source] of clause.matchAll(/(type )?(\w+|\*)(?: as (\w+))?/g)) {
        // Several may pass on everything.
        (text.startsWith("export") ? exported : imported).set(local === "*" ? `* from ${from}` : local, {
          name: source,
          from,
          isType: (all ?? type) !== undefined,
        });
      }
    }
  }
  return { declarations, exported, imported };
}

/** The declaration file that an import of another one leads to; undefined for a package or a module of Node. */
function fileOf(link: Link, importer: string): string | undefined {
  return link.from.startsWith(".") ? join(dirname(importer), link.from.replace(/\.ts$/, ".d.ts")) : undefined;
}

/** What a declaration file exports, in its order; what it takes from another file is followed there. */
export function exportsOf(file: string): Declaration[] {
  const { declarations, exported } = read(file);
  const own = [...declarations.values()].filter(({ text }) => text.startsWith("export "));
  const passedOn = [...exported].flatMap(([name, link]) => {
    const from = fileOf(link, file);
    const all = from === undefined ? [] : exportsOf(from);
    if (name.startsWith("*")) return all.map((one) => ({ ...one, isType: one.isType || link.isType }));
    const found = all.find((one) => one.name === link.name);
    if (found === undefined) throw new Error(`${file} exports ${name}, which "${link.from}" does not declare`);
    return { ...found, name, isType: found.isType || link.isType };
  });
  return [...own, ...passedOn];
}

/** The names in the signature of a declaration, comments aside. */
function namesIn({ text }: Declaration): string[] {
  return [...new Set(text.replace(/\/\*[\s\S]*?\*\//g, "").match(/\b[A-Za-z]\w*\b(?!\??:|\()/g))];
}

/** The exports of other files, and of its own, that the signature of a declaration names: by name and by file or package. */
export function namedBy(declaration: Declaration): { name: string; from: string }[] {
  const { declarations, imported } = read(declaration.file);
  return namesIn(declaration).flatMap((name) => {
    const link = imported.get(name);
    if (link !== undefined) return [{ name: link.name, from: fileOf(link, declaration.file) ?? link.from }];
    return name !== declaration.name && declarations.has(name) && !isLocalConstant(declarations.get(name))
      ? [{ name, from: declaration.file }]
      : [];
  });
}

/** What callers pass in: an object literal needs no name for what its members are. */
const passedIn = /(Options|Init|Streams)$/;

/**
 * The types that an entry point names and that no entry point exports: all that can be named by members of options alone.
 *
 * @param exported - whether an entry point has a declaration
 */
export function unexportedBehind(
  declarations: readonly Declaration[],
  exported: (one: { name: string; from: string }) => boolean,
): { by: string; name: string; from: string; isOfOptions: boolean }[] {
  const found: { by: string; name: string; from: string; isOfOptions: boolean }[] = [];
  const queue = declarations.map((one) => ({ one, isOfOptions: passedIn.test(one.name) }));
  // It grows while it is gone through.
  for (const { one, isOfOptions } of queue)
    for (const { name, from } of namedBy(one)) {
      if (exported({ name, from })) continue;
      const next = isOfOptions || passedIn.test(name);
      if (!found.some((other) => other.name === name && other.from === from) && from.endsWith(".d.ts"))
        queue.push({ one: declarationIn(from, name), isOfOptions: next });
      found.push({ by: one.name, name, from, isOfOptions: next });
    }
  return found;
}

/** A declaration of a file, exported by it or not. */
export function declarationIn(file: string, name: string): Declaration {
  const found = read(file).declarations.get(name) ?? exportsOf(file).find((one) => one.name === name);
  if (found === undefined) throw new Error(`${file} does not declare ${name}`);
  return found;
}

function isLocalConstant(declaration: Declaration | undefined): declaration is Declaration {
  return declaration?.kind === "const" && !declaration.text.startsWith("export ");
}

/** The declaration files that an entry point leads a compiler to, itself first. */
export function filesBehind(entry: string): string[] {
  const found = new Set([entry]);
  // It grows while it is gone through.
  for (const file of found) {
    const { exported, imported } = read(file);
    for (const link of [...exported.values(), ...imported.values()]) {
      const target = fileOf(link, file);
      if (target !== undefined) found.add(target);
    }
  }
  return [...found];
}
