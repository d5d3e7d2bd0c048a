/** Everything that moves the cursor, colors or titles the terminal, is invisible, or reverses the reading direction. */
export const unprintable: RegExp = /(?![\n\t])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** Text that is safe to show in a terminal (S-008). */
export function printable(text: string): string {
  return text.replace(unprintable, "");
}

/** The same on one line: a server's text may have line breaks, and a line of its own could look like one of this program. */
export function oneLine(text: string): string {
  return printable(text.replace(/\s+/g, " ").trim());
}

/** Stands for a space that no line may break at, such as those of a command that is there to be pasted. */
export const noBreak = "\ue000";

/**
 * Broken between words: the terminal itself would break lines anywhere. What belongs to a label, as in two columns, stays to the right of
 * it.
 *
 * @param indent - where a line goes on that has no label, if not below its own beginning
 */
export function wrapped(text: string, columns: number, indent?: number): string {
  return text
    .split("\n")
    .map((line) => (line.length <= columns ? line : fittedLine(line, columns, indent)).replaceAll(noBreak, " "))
    .join("\n");
}

/**
 * Lines of at most 80 columns, whatever the text's own line breaks. Lines that begin with a space, such as columns and examples, stay as
 * they are, and what is quoted stays on one line.
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
  // Next to a label that takes half of the line there is no room.
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
    // A command that is longer than a line is broken between its words.
    if (word.trimEnd().length <= columns - left) add(word);
    else word.split(noBreak).forEach(add);
  }
  return [...lines.filter(Boolean), current].map((each) => each.trimEnd()).join("\n");
}
