/** `15:04`, with the date if not today's. */
export function timeHere(time: number, now: number): string {
  const [date, today] = [time, now].map((ms) => new Date(ms).toLocaleDateString("sv"));
  const clock = new Date(time).toLocaleTimeString("sv", { hour: "2-digit", minute: "2-digit" });
  return date === today ? clock : `${date} ${clock}`;
}

/** `512 B`, `3.1 MB`. */
export function byteSize(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, bytes)) / 3)));
  return `${power === 0 ? Math.round(bytes) : (bytes / 1000 ** power).toFixed(1)} ${units[power]}`;
}

/** Not shown without a value. */
export type Row = readonly [label: string, value: string | undefined];

/** Each value on one line whatever it contains. */
export function columns(rows: readonly Row[]): string {
  return table(rows.filter((row): row is readonly [string, string] => row[1] !== undefined)).replace(/^/gm, "  ");
}

/**
 * Each cell on one line whatever it contains. If too wide, each row becomes labels and values.
 *
 * @param rows - the first has the labels. A column without one has a single-character mark
 */
export function table(rows: readonly (readonly string[])[], columnsAtMost: number = Infinity): string {
  const cells = rows.map((row) => row.map((cell) => cell.replace(/[\r\n\t]+/g, " ")));
  const widths: number[] = [];
  for (const row of cells) row.forEach((cell, column) => (widths[column] = Math.max(widths[column] ?? 0, cell.length)));
  if (widths.reduce((sum, width) => sum + width + 2, -2) <= columnsAtMost) {
    return cells
      .map((row) =>
        row
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join("  ")
          .trimEnd(),
      )
      .join("\n");
  }
  const [labels = [], ...records] = cells;
  return records
    .map((row) => {
      const shown = row.flatMap((cell, column): [string, string][] =>
        cell && labels[column] ? [[labels[column], cell]] : [],
      );
      return (row[labels.indexOf("")] || " ") + columns(shown).slice(1);
    })
    .join("\n\n");
}

/** A list that `page` breaks under its text. */
export function bulletList(rows: readonly (readonly [label: string, text: string])[]): string {
  return rows.map(([label, text]) => `- ${label}: ${text}`).join("\n");
}
