/** A line of the screen without its colours. */
export function textOf(line: string): string {
  return line.replace(/\u001b\[[\d;]*m/g, "");
}

const fontSize = 13;
const charWidth = 7.8;
const lineHeight = 18;
const margin = 16;

/**
 * Draws a terminal's screen as text, one element a row. The rows' lengths are given, so that no viewer's font breaks the picture.
 *
 * @param title - for those who do not see it
 */
export function drawScreen(lines: readonly string[], title: string): string {
  const columns = Math.max(60, ...lines.map((line) => textOf(line).length));
  const width = Math.ceil(columns * charWidth + 2 * margin);
  const height = lines.length * lineHeight + 2 * margin;
  const rows = lines.flatMap((line, index) => {
    const text = textOf(line);
    const length = text.length;
    if (length === 0) return [];
    return [
      `<text x="${margin}" y="${margin + index * lineHeight + fontSize}" textLength="${round(length * charWidth)}">${colored(line)}</text>`,
    ];
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" xml:space="preserve">
<title>${escaped(title)}</title>
<style>
  rect { fill: #16181d }
  text { fill: #d5d9e0; font: ${fontSize}px ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; white-space: pre }
  path { fill: #fff }
  .green { fill: #6cc98a }
  .red { fill: #f0746e }
  .yellow { fill: #e2b84c }
  .dim { fill: #858c99 }
</style>
<rect width="${width}" height="${height}" rx="8"/>
${rows.join("\n")}
</svg>
`;
}

/** The text of a row, what is coloured in elements of its own. */
function colored(line: string): string {
  const classes: Readonly<Record<string, string>> = { 2: "dim", 31: "red", 32: "green", 33: "yellow" };
  let name: string | undefined;
  return line
    .split(/(\u001b\[[\d;]*m)/)
    .map((part) => {
      const [, codes] = /^\u001b\[([\d;]*)m$/.exec(part) ?? [];
      if (codes === undefined)
        return part === "" || name === undefined ? escaped(part) : `<tspan class="${name}">${escaped(part)}</tspan>`;
      name = classes[codes.split(";").at(-1) ?? ""];
      return "";
    })
    .join("");
}

/** The rows of a picture that {@link drawScreen} has drawn, as text. */
export function rowsOf(svg: string): string[] {
  const rows: string[] = [];
  for (const [, y, text = ""] of svg.matchAll(/<text x="\d+" y="(\d+)"[^>]*>(.*)<\/text>/g)) {
    rows[(Number(y) - margin - fontSize) / lineHeight] = text
      .replace(/<[^>]*>/g, "")
      .replaceAll("&lt;", "<")
      .replaceAll("&amp;", "&");
  }
  return Array.from(rows, (row) => row ?? "");
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
