import { textOf } from "./import-graph.ts";

/**
 * The strings and templates of a source file in order, without quotes, `+` joined, `…` for insertions. Texts inside of
 * `${}` are separate.
 */
export function textsIn(file: string): string[] {
  return scan(textOf(file), 0, false).texts;
}

/** Where a slash begins a regular expression: after an operator or keyword. */
const beforePattern = /(?:^|[=(,:;!&|?{}[\n]|=>|return|typeof)\s*$/;

function scan(source: string, start: number, isInside: boolean): { texts: string[]; end: number } {
  const texts: string[] = [];
  let joins = false;
  let depth = 0;
  let index = start;
  const add = (text: string): void => {
    if (joins) texts.push((texts.pop() ?? "") + text);
    else texts.push(text);
    joins = false;
  };
  while (index < source.length) {
    const char = source[index] ?? "";
    const rest = source.slice(index, index + 2);
    if (rest === "//") index = (source.indexOf("\n", index) + 1 || source.length + 1) - 1;
    else if (rest === "/*") index = source.indexOf("*/", index) + 2;
    else if (char === '"' || char === "'") {
      const [literal = char] = /^(["'])(?:\\.|(?!\1)[^\\\n])*\1/s.exec(source.slice(index)) ?? [];
      add(unescaped(literal.slice(1, -1)));
      index += literal.length;
      joins = false;
      const plus = /^\s*\+\s*(?=["'`])/.exec(source.slice(index));
      if (plus !== null) {
        joins = true;
        index += plus[0].length;
      }
    } else if (char === "`") {
      const nested: string[] = [];
      let text = "";
      for (index += 1; source[index] !== "`"; ) {
        if (source.startsWith("${", index)) {
          const inner = scan(source, index + 2, true);
          nested.push(...inner.texts);
          text += "…";
          index = inner.end;
        } else {
          const length = source[index] === "\\" ? 2 : 1;
          text += source.slice(index, index + length);
          index += length;
        }
      }
      index += 1;
      add(unescaped(text));
      const plus = /^\s*\+\s*(?=["'`])/.exec(source.slice(index));
      if (plus !== null) {
        joins = true;
        index += plus[0].length;
      }
      // Insertions come before their text: nothing joins to it.
      texts.splice(texts.length - 1, 0, ...nested);
    } else if (char === "/" && beforePattern.test(source.slice(Math.max(start, index - 40), index))) {
      const [pattern = char] = /^\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])+\/[a-z]*/.exec(source.slice(index)) ?? [];
      index += pattern.length;
    } else {
      if (char === "{") depth += 1;
      if (char === "}" && depth-- === 0 && isInside) return { texts, end: index + 1 };
      index += 1;
    }
  }
  return { texts, end: index };
}

function unescaped(text: string): string {
  return text
    .replace(/\\n/g, "\n")
    .replace(/\\u([\da-f]{4})/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)))
    .replace(/\\(.)/g, "$1");
}
