import { oneLine } from "./output.ts";

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
export function columns(rows: readonly (readonly [label: string, value: string])[], indent = "  "): string {
  const width = Math.max(...rows.map(([label]) => label.length));
  return rows.map(([label, value]) => `${indent}${label.padEnd(width)}  ${oneLine(value)}`.trimEnd()).join("\n");
}
