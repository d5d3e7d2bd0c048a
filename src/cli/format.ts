/**
 * A length of time for people, in the largest unit that says it well: `1 hour`, `59 minutes`, `36 hours`, `90 days`.
 * @param ms - milliseconds
 */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return counted(seconds, "second");
  if (seconds < 3_570) return counted(Math.round(seconds / 60), "minute");
  if (seconds < 172_800) return counted(Math.round(seconds / 3_600), "hour");
  return counted(Math.round(seconds / 86_400), "day");
}

function counted(count: number, unit: string): string {
  return `${count} ${unit}${count === 1 ? "" : "s"}`;
}

/** Labels and values in two columns, a value on one line whatever is in it. */
export function columns(rows: readonly (readonly [label: string, value: string])[]): string {
  return table(rows).replace(/^/gm, "  ");
}

/** Rows in columns as wide as the widest of each, every cell on one line whatever is in it. */
export function table(rows: readonly (readonly string[])[]): string {
  const cells = rows.map((row) => row.map((cell) => cell.replace(/[\r\n\t]+/g, " ")));
  const widths: number[] = [];
  for (const row of cells) row.forEach((cell, column) => (widths[column] = Math.max(widths[column] ?? 0, cell.length)));
  return cells.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ").trimEnd()).join("\n");
}
