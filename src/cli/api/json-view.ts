const colors = { name: 34, text: 32, word: 33 } as const;

/**
 * JSON for people to read: indented, and colored. Only the space between its tokens changes: parsing and writing it again would
 * round its large numbers.
 *
 * @param text - the JSON, printable
 * @returns undefined when it is not JSON
 */
export function jsonView(text: string, color: boolean): string | undefined {
  try {
    JSON.parse(text);
  } catch {
    return undefined;
  }
  const paint = (kind: keyof typeof colors, token: string): string => (color ? `\u001b[${colors[kind]}m${token}\u001b[0m` : token);
  const tokens = text.match(/"(?:[^"\\]|\\.)*"|[[\]{},:]|[^\s[\]{},:"]+/g) ?? [];
  let depth = 0;
  let view = "";
  const newLine = (): string => `\n${"  ".repeat(depth)}`;
  tokens.forEach((token, index) => {
    const [before, after] = [tokens[index - 1], tokens[index + 1]];
    if (token === "}" || token === "]") {
      depth -= 1;
      view += before === "{" || before === "[" ? token : newLine() + token;
      return;
    }
    if (before === "{" || before === "[" || before === ",") view += newLine();
    if (token === "{" || token === "[") depth += 1;
    view += /^[[{,]$/.test(token) ? token : token === ":" ? ": " : paint(token.startsWith('"') ? (after === ":" ? "name" : "text") : "word", token);
  });
  return view;
}
