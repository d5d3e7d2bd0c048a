/** Moves the cursor, colors or titles the terminal, is invisible, or reverses the reading direction. */
export const unprintable: RegExp = /(?![\n\t])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** In a terminal (S-008). */
export function printable(text: string): string {
  return text.replace(unprintable, "");
}

/** A line break in a server's text could fake a line of this program. */
export function oneLine(text: string): string {
  return printable(text.replace(/\s+/g, " ").trim());
}

/** As in a command to paste. */
export const noBreak = "\ue000";

/**
 * A label's text stays to the right of it.
 *
 * @param indent - of further lines without a label, if not their own
 */
export function wrapped(text: string, columns: number, indent?: number): string {
  return text
    .split("\n")
    .map((line) => (line.length <= columns ? line : fittedLine(line, columns, indent)).replaceAll(noBreak, " "))
    .join("\n");
}

/**
 * At most 80 columns. Lines that begin with a space, such as columns and examples, stay as they are, and quoted text
 * stays on one line.
 */
export function page(text: string, columns: number): string {
  return text.replace(/^(?:- .*(?:\n {2}\S.*)*|\S.*(?:\n(?!- )\S.*)*)/gm, (block) =>
    wrapped(
      block.replace(/\n */g, " ").replace(/"[^"]*"/g, (quoted) => quoted.replaceAll(" ", noBreak)),
      Math.min(columns, 80),
    ),
  );
}

function fittedLine(line: string, columns: number, indent: number | undefined): string {
  const [margin = "", label = ""] = /^ *(?:- |(\S+(?: \S+)* {2,}(?=\S)))?/.exec(line) ?? [];
  // No room next to a label.
  const isWide = margin.length > columns / 2;
  const left = isWide ? margin.length - label.length + 4 : (indent ?? margin.length);
  const lines = isWide ? [...fittedLine(margin.trimEnd(), columns, left).split("\n"), ""] : [];
  let current = isWide ? " ".repeat(left) : margin;
  let isBlank = true;
  const add = (word: string): void => {
    const next = isBlank ? current + word : `${current} ${word}`;
    if (next.trimEnd().length <= columns || (isBlank && current.trim() === "")) current = next;
    else {
      lines.push(current);
      current = " ".repeat(left) + word;
    }
    isBlank = false;
  };
  for (const word of line.slice(margin.length).split(/ (?=\S)/)) {
    // A command longer than a line is broken between words.
    if (word.trimEnd().length <= columns - left) add(word);
    else word.split(noBreak).forEach(add);
  }
  return [...lines.filter(Boolean), current].map((each) => each.trimEnd()).join("\n");
}
