import type { Declaration } from "./declarations.ts";
import { partsOf, summaryOf } from "./doc-comment.ts";

/** What callers write themselves: each sentence is a requirement, so none is left out. */
const written = new Set(["SharedStore", "SimpleKeychain"]);

/** A declaration as callers read it: without `readonly` and what says where it is made, and with line comments. */
export function codeOf({ name, text }: Declaration): string {
  const code = text
    .replace(/^export (declare )?|^declare /, "")
    .replace(/^ +#private;\n/m, "")
    // The library makes them.
    .replace(/(?:^ {4}\/\*\*(?:(?!\*\/)[\s\S])*\*\/\n)?^ {4}constructor\((?:.*\);|[\s\S]*?^ {4}\}\);)\n/m, "")
    .replace(/\bruntime\./g, "")
    .replace(/\breadonly /g, "")
    .replace(/\bReadonly<(\w+<[^<>]*>)>/g, "$1")
    .replace(/^(class .* \{\n) +name: string;\n/, "$1")
    // The interface has the members.
    .replace(/^(class .* implements .* \{\n)[\s\S]*(?=^\})/m, "$1")
    .replace(/^( +\w+\?: .*) \| undefined;$/gm, "$1;")
    .replace(/^( +\w+\?: )\((.*=> .*)\);$/gm, "$1$2;")
    .replace(/\{ [\w, .]+ \}(\??): /g, "options$1: ")
    // The compiler begins each member of a union in the first column if one has a comment.
    .replace(/^.* = \{\n[\s\S]*^\} \| \{$[\s\S]*/m, (union) =>
      union.replace("{", "\n{").replace(/^\} \| \{/gm, "}\n | {"),
    )
    .replace(
      / = \n([\s\S]*)$/,
      (_, members: string) => ` =\n${members.replace(/^/gm, "    ").replace(/^ {4}\{/m, "    | {")}`,
    )
    .replace(/^ +\| \{/gm, "    | {")
    .replace(/^( *)\/\*\*((?:(?!\*\/)[\s\S])*)\*\/$/gm, (_, indent: string, comment: string) =>
      lineComments(written.has(name) ? partsOf(comment) : [summaryOf(comment)], indent),
    )
    .replace(/^(?: {4})+/gm, (indent) => " ".repeat(indent.length / 2))
    .replace(/^((?!interface|class).*\{)\n((?: +[^\n{}/]*;\n)+) *(\}.*)$/gm, inOneLine);
  if (/\btypeof \w|\bimport\(|\/\*/.test(code)) throw new Error(`${name} has a form that no page can show:\n${code}`);
  return code;
}

/** An object without comments, where there is room for it. */
function inOneLine(object: string, start: string, members: string, end: string): string {
  const line = `${start} ${members.trim().replace(/;\n +/g, "; ").replace(/;$/, "")} ${end}`;
  return line.length > 110 ? object : line.replace(/^( +\w+\?: .*) \| undefined;$/, "$1;");
}

function lineComments(texts: readonly string[], indent: string): string {
  const lines = texts.flatMap((text) => wrapped(text.replace(/\s+/g, " "), 110 - indent.length / 2));
  return lines.map((line) => `${indent}// ${line}`).join("\n");
}

function wrapped(text: string, width: number): string[] {
  // A word that is longer has a line to itself.
  return text.match(new RegExp(`\\S.{0,${width - 1}}(?= |$)|\\S+`, "g")) ?? [];
}
