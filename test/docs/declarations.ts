import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** What a doc comment says. `{@link X}` has become `X` in backticks, and every text is one line. */
export interface Doc {
  summary: string;
  params: { name: string; text: string }[];
  returns: string | undefined;
  throws: string | undefined;
}

/** One member of a class or an interface. */
export interface Member {
  signature: string;
  doc: Doc;
}

/** One thing that a module exports. */
export interface Declaration {
  kind: string;
  name: string;
  /** From the name on, in one line; of a class or an interface the members are not part of it. */
  signature: string;
  doc: Doc;
  members: Member[];
}

/** Writes the declarations of `src/` as it is now below a folder: what is in `dist/` may be older. */
export function emitDeclarations(folder: string): void {
  const compiler = join(root, "node_modules", "typescript", "bin", "tsc");
  execFileSync(process.execPath, [compiler, "-p", join(root, "tsconfig.json"), "--emitDeclarationOnly", "--outDir", folder], { stdio: ["ignore", "inherit", "inherit"] });
}

/** What the declarations of a module export, followed to where it is declared, in the order of the module. */
export function exportsOf(file: string): Declaration[] {
  const text = readFileSync(file, "utf8");
  const found = declared(text);
  for (const [, clause = "", from = ""] of text.matchAll(/^export (?:type )?(\*|\{[^}]*\}) from "([^"]+)"/gm)) {
    const there = exportsOf(join(dirname(file), from.replace(/\.ts$/, ".d.ts")));
    if (clause === "*") found.push(...there);
    else for (const name of clause.match(/\w+(?=\s*[,}])/g) ?? []) found.push(named(there, name, file));
  }
  return found;
}

function named(declarations: readonly Declaration[], name: string, file: string): Declaration {
  const found = declarations.find((declaration) => declaration.name === name);
  if (found === undefined) throw new Error(`${file} exports "${name}", and it is declared nowhere`);
  return found;
}

function declared(text: string): Declaration[] {
  const found: Declaration[] = [];
  for (const match of text.matchAll(/^(?:\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\n)?export (?:declare )?(?:abstract )?(class|interface|function|const|type) (?=(\w+))/gm)) {
    const [whole, comment = "", kind = "", name = ""] = match;
    const statement = statementAt(text, match.index + whole.length, kind === "class" || kind === "interface");
    const brace = kind === "class" || kind === "interface" ? statement.indexOf("{", headEnd(statement)) : -1;
    const members = brace === -1 ? [] : membersOf(statement.slice(brace + 1, -1));
    found.push({ kind, name, signature: oneLine(brace === -1 ? statement : statement.slice(0, brace)), doc: docOf(comment), members });
  }
  return found;
}

/** Where a head's own braces are over: `Pick<X, { … }>` in what a class or an interface extends. */
function headEnd(statement: string): number {
  let depth = 0;
  for (let at = 0; at < statement.length; at += 1) {
    if (statement[at] === "<") depth += 1;
    if (statement[at] === ">" && statement[at - 1] !== "=") depth -= 1;
    if (statement[at] === "{" && depth === 0) return at;
  }
  return 0;
}

/** The text from here to the end of the statement, without its semicolon: the first one outside of all brackets, or the last brace. */
function statementAt(text: string, start: number, endsWithBrace: boolean): string {
  let depth = 0;
  for (let at = start; at < text.length; at += 1) {
    const rest = text.slice(at, at + 2);
    const char = text[at] ?? "";
    if (rest === "/*") at = text.indexOf("*/", at) + 1;
    else if (char === '"') at = text.indexOf('"', at + 1);
    else if ("{([".includes(char)) depth += 1;
    else if ("})]".includes(char)) {
      depth -= 1;
      if (depth === 0 && endsWithBrace && char === "}") return text.slice(start, at + 1);
    } else if (char === ";" && depth === 0) return text.slice(start, at);
  }
  throw new Error(`a statement has no end: ${text.slice(start, start + 60)}`);
}

/** The members in the body of a class, an interface or an object type. */
export function membersOf(body: string): Member[] {
  const members: Member[] = [];
  let at = 0;
  for (;;) {
    const head = /\s*(?:\/\*\*((?:(?!\*\/)[\s\S])*)\*\/)?\s*/y;
    head.lastIndex = at;
    const [skipped = "", comment = ""] = head.exec(body) ?? [];
    at += skipped.length;
    if (at >= body.length) return members;
    const statement = statementAt(body, at, false);
    at += statement.length + 1;
    if (statement !== "#private") members.push({ signature: oneLine(statement), doc: docOf(comment) });
  }
}

/** A comment within a type says something of one of its alternatives, for which there is no room in a line. */
function oneLine(text: string): string {
  return text
    .replace(/\/\*\*?[\s\S]*?\*\//g, " ")
    .replace(/\breadonly (?=\w+\??:)/g, "")
    .replace(/\s+/g, " ")
    .replace(/; \}/g, " }")
    .replace(/= \| /g, "= ")
    .trim();
}

function docOf(comment: string): Doc {
  const text = comment
    .replace(/^\s*\* ?/gm, "")
    .replace(/\{@link ([\w.]+)\}/g, "`$1`")
    .trim();
  const [summary = "", ...tags] = text.split(/^@(?=\w)/m);
  const of = (name: string): string[] => tags.filter((tag) => tag.startsWith(`${name} `)).map((tag) => flow(tag.slice(name.length + 1)));
  const params = of("param").map((param) => {
    const [, name = "", said = ""] = /^(\w+) - (.*)$/.exec(param) ?? [];
    return { name, text: said };
  });
  return { summary: flow(summary), params, returns: of("returns")[0], throws: of("throws").join("; ") || undefined };
}

/** Paragraphs and lists of a comment, run on. */
function flow(text: string): string {
  return text.replace(/\n- /g, " ").replace(/\s+/g, " ").trim();
}
