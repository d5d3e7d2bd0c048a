/** A statement of a declaration file or a member of a type, and the inside of the doc comment before it. */
export interface Statement {
  comment: string;
  text: string;
}

/**
 * What a declaration file, or the body of a class, an interface or an object type in it, consists of. It has to be as the
 * compiler writes it: a class and an interface end with their brace, everything else with a semicolon.
 */
export function statementsOf(text: string): Statement[] {
  const found: Statement[] = [];
  const head = /\s*(?:\/\*\*((?:(?!\*\/)[\s\S])*)\*\/)?\s*/y;
  for (let at = 0; ; ) {
    head.lastIndex = at;
    const [skipped = "", comment = ""] = head.exec(text) ?? [];
    at += skipped.length;
    if (at >= text.length) return found;
    const end = statementEnd(text, at);
    found.push({ comment, text: text.slice(at, end) });
    at = end;
  }
}

/** Where the statement that starts here is over: after the first semicolon outside of all brackets, or after its body's brace. */
function statementEnd(text: string, start: number): number {
  const hasBody = /^(?:export )?(?:declare )?(?:abstract )?(?:class|interface)\b/.test(text.slice(start, start + 40));
  let depth = 0;
  for (let at = start; at < text.length; at += 1) {
    const char = text[at] ?? "";
    if (text.startsWith("/*", at)) at = text.indexOf("*/", at) + 1;
    else if (char === '"') at = text.indexOf('"', at + 1);
    else if ("{([<".includes(char)) depth += 1;
    else if ("})]>".includes(char) && !text.startsWith("=>", at - 1)) {
      depth -= 1;
      if (depth === 0 && hasBody && char === "}") return at + 1;
    } else if (char === ";" && depth === 0) return at + 1;
  }
  throw new Error(`a statement has no end: ${text.slice(start, start + 60)}`);
}
