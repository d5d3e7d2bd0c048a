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
