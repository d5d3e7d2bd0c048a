/** In the largest unit that is exact enough: `1 hour`, `59 minutes`, `36 hours`, `90 days`. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return counted(seconds, "second");
  if (seconds < 3_570) return counted(Math.round(seconds / 60), "minute");
  if (seconds < 171_000) return counted(Math.round(seconds / 3_600), "hour");
  return counted(Math.round(seconds / 86_400), "day");
}

/** `1 hour`, `2 events`. */
export function counted(count: number, unit: string): string {
  return `${count} ${unit}${count === 1 ? "" : "s"}`;
}

/** In the local zone: `2026-11-30 at 03:12`. */
export function localTime(ms: number): string {
  return new Date(ms).toLocaleString("sv", { dateStyle: "short", timeStyle: "short" }).replace(" ", " at ");
}
