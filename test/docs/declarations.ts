import { statementsOf } from "../build/statements.ts";

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

/** What a file of declarations exports, in its order. */
export function exportsOf(text: string): Declaration[] {
  return statementsOf(text).flatMap(({ comment, text: statement }) => {
    const [head, kind = "", name = ""] = /^export (?:declare )?(?:abstract )?(class|interface|function|const|type) (?=(\w+))/.exec(statement) ?? [];
    if (head === undefined) return [];
    const rest = statement.slice(head.length);
    const brace = kind === "class" || kind === "interface" ? bodyStart(rest) : rest.length;
    return [{ kind, name, signature: oneLine(rest.slice(0, brace)), doc: docOf(comment), members: membersOf(rest.slice(brace + 1, -1)) }];
  });
}

/** Where the body of a class or an interface begins: after braces in what it extends, as in `Pick<X, { … }>`. */
function bodyStart(statement: string): number {
  let depth = 0;
  for (let at = 0; at < statement.length; at += 1) {
    if (statement[at] === "<") depth += 1;
    if (statement[at] === ">" && statement[at - 1] !== "=") depth -= 1;
    if (statement[at] === "{" && depth === 0) return at;
  }
  return 0;
}

/** The members in the body of a class, an interface or an object type. */
export function membersOf(body: string): Member[] {
  const isShown = ({ text }: { text: string }): boolean => text !== "#private;";
  return statementsOf(body).filter(isShown).map(({ comment, text }) => ({ signature: oneLine(text), doc: docOf(comment) }));
}

/** A comment within a type says something of one of its alternatives, for which there is no room in a line. */
function oneLine(text: string): string {
  return text
    .replace(/\/\*\*?[\s\S]*?\*\//g, " ")
    .replace(/\breadonly (?=\w+\??:)/g, "")
    .replace(/\s+/g, " ")
    .replace(/; \}/g, " }")
    .replace(/= \| /g, "= ")
    .replace(/;$/, "")
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
