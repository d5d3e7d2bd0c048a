/** Deeper than any response for people. Deeply nested, indentation would make it a million times longer (S-014). */
const mostLevels = 100;

const colors = { name: 34, text: 32, word: 33 } as const;

/**
 * Changes only white space: parsing and printing would round large numbers.
 *
 * @returns undefined when it is not JSON, or nested too deep
 */
export function jsonView(text: string, color: boolean): string | undefined {
  try {
    JSON.parse(text);
  } catch {
    return undefined;
  }
  const paint = (kind: keyof typeof colors, token: string): string =>
    color ? `\u001b[${colors[kind]}m${token}\u001b[0m` : token;
  const tokens = text.match(/"(?:[^"\\]|\\.)*"|[[\]{},:]|[^\s[\]{},:"]+/g) ?? [];
  let depth = 0;
  let view = "";
  const newLine = (): string => `\n${"  ".repeat(depth)}`;
  for (const [index, token] of tokens.entries()) {
    const [before, after] = [tokens[index - 1], tokens[index + 1]];
    if (token === "}" || token === "]") {
      depth -= 1;
      view += before === "{" || before === "[" ? token : newLine() + token;
      continue;
    }
    if (before === "{" || before === "[" || before === ",") view += newLine();
    if (token === "{" || token === "[") depth += 1;
    if (depth > mostLevels) return undefined;
    view += /^[[{,]$/.test(token)
      ? token
      : token === ":"
        ? ": "
        : paint(token.startsWith('"') ? (after === ":" ? "name" : "text") : "word", token);
  }
  return view;
}
