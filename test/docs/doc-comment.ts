/** A doc comment: what it says, and one text a tag. A parameter whose type says all is left out. */
export function partsOf(comment: string): string[] {
  return comment
    .replace(/^\s*\* ?/gm, "")
    .trim()
    .split(/^@(?=\w)/m)
    .filter((part) => !/^param \w+ - see \{@link/.test(part))
    .map((part) =>
      part
        .trim()
        .replace(/^param (\w+) - /, "`$1`: ")
        .replace(/^returns /, "Returns ")
        .replace(/^throws /, "Throws ")
        .replace(/\{@link ([\w.]+)\}/g, "`$1`"),
    );
}

/** The first sentence of a doc comment, and those about a value or a default. None where a signature says it. */
export function summaryOf(comment: string): string {
  const [text = ""] = partsOf(comment);
  const [first = "", ...others] = text.replace(/\s+/g, " ").split(/(?<=[.?])(?<!§[\d.]+) (?=[A-Z`"(])/);
  const isSaid = /^(Made by|[A-Z][a-z]+ of) `[\w.]+`\.$/.test(first);
  const more = others.filter((sentence) => /^"|^`(?!``)|default/.test(sentence));
  return [...(isSaid ? [] : [first]), ...more].join(" ");
}
