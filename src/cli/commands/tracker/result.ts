import type { TrackerResult } from "../../../tracker/request.ts";
import { columns } from "../../format.ts";
import { oneLine } from "../../../base/text.ts";
import type { Output } from "../../output.ts";

/**
 * Shows a result of the tracker: as JSON, or its members in two columns and the items of its lists on a line each. What it
 * contains is up to the provider.
 */
export function showResult(out: Output, result: TrackerResult, asJson: boolean | undefined): void {
  if (asJson) return out.json(result);
  const plain = Object.entries(result).filter(([, value]) => !Array.isArray(value));
  if (plain.length > 0) out.answer(columns(plain.map(([name, value]) => [name, inWords(value)])));
  for (const [name, value] of Object.entries(result)) {
    if (!Array.isArray(value)) continue;
    out.answer(`${oneLine(name)}${value.length === 0 ? ": none" : ""}`);
    for (const item of value as unknown[]) out.answer(`  ${inWords(item)}`);
  }
  if (Object.keys(result).length === 0) out.answer("Done.");
}

function inWords(value: unknown): string {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return cell(value);
  return Object.entries(value)
    .map(([name, member]) => `${oneLine(name)} ${cell(member)}`)
    .join("  ");
}

function cell(value: unknown): string {
  return typeof value === "object" && value !== null ? JSON.stringify(value) : oneLine(String(value));
}
