/** A document with a part that is made from the code: what is between `<!-- NAME: … -->` and `<!-- end -->`. */
export function withPart(document: string, name: string, text: string): string {
  const marked = new RegExp(`(<!-- ${name}: [^\\n]*-->\\n)[\\s\\S]*?(<!-- end -->)`);
  if (!marked.test(document)) throw new Error(`the document has no place for the part "${name}"`);
  return document.replace(marked, (_, start: string, end: string) => `${start}\n${text}\n\n${end}`);
}

/** What a link to a heading ends with, as GitHub makes it. */
export function anchorOf(title: string): string {
  return title
    .toLowerCase()
    .replace(/[^\w -]/g, "")
    .replaceAll(" ", "-");
}
