// `npm run test:security`: every claim on every runtime, as root and others. Fails when an attack succeeds, a cell is
// missing, or src/docs/security.md has other figures.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { attackNames, claimNames } from "./attack-run.ts";
import { allColumns, type Column } from "./columns.ts";
import type { Outcome } from "./stage.ts";

type Cell = Outcome | { readonly moved: string };

const page = fileURLToPath(new URL("../../src/docs/security.md", import.meta.url));
const marked = /(<!-- figures of: npm run test:security[^\n]*-->\n)[\s\S]*?(<!-- end -->)/;
const claims = claimNames();
const ends: (() => void)[] = [];
const end = (): void =>
  ends
    .splice(0)
    .reverse()
    .forEach((each) => each());
process
  .once("exit", end)
  .once("SIGINT", () => process.exit(130))
  .once("SIGTERM", () => process.exit(143));

const failures: string[] = [];
for (const name of new Set([...claims, ...attackNames()]))
  if (!claims.includes(name) || !attackNames().includes(name))
    failures.push(`${name} is a claim or an attack, and not both`);

const only = process.argv.find((argument) => argument.startsWith("--only="))?.slice(7);
const columns = (await allColumns((each) => void ends.push(each))).filter(
  ({ name }) => only === undefined || name === only,
);
const table = new Map<string, Map<string, Cell>>();
// Two at a time: attacks mostly wait.
const waiting = [...columns];
await Promise.all(
  [1, 2].map(async () => {
    for (let column = waiting.shift(); column !== undefined; column = waiting.shift()) {
      const start = performance.now();
      table.set(column.name, await cellsOf(column));
      console.error(`${column.name}: ${((performance.now() - start) / 1000).toFixed(1)} s`);
    }
  }),
);
end();

const width = Math.max(...claims.map((claim) => claim.length));
console.log(`\n${"".padEnd(width)}  ${columns.map(({ name }) => name.padEnd(9)).join("")}`);
for (const claim of claims)
  console.log(`${claim.padEnd(width)}  ${columns.map(({ name }) => wordFor(name, claim).padEnd(9)).join("")}`);
for (const [name, cells] of table) {
  for (const [claim, cell] of cells) {
    if (cell === "held") continue;
    const [[kind, why] = []] = Object.entries(cell);
    if (kind === "refused" || kind === "unavailable") console.log(`${claim}, ${name}: ${kind}, ${why}`);
    else failures.push(`${claim}, ${name}: ${kind}: ${why}`);
  }
}
for (const { name } of columns)
  for (const claim of claims) if (!table.get(name)?.has(claim)) failures.push(`${claim}, ${name}: no attack has run`);

if (only === undefined) {
  const text = readFileSync(page, "utf8");
  const current = text.replace(marked, (_, first: string, last: string) => `${first}\n${figures()}\n\n${last}`);
  if (process.argv.includes("--write")) writeFileSync(page, current);
  else if (current !== text || !marked.test(text))
    failures.push("src/docs/security.md has other figures: npm run test:security -- --write");
}
for (const failure of failures) console.error(`\n✖ ${failure}`);
process.exit(failures.length === 0 ? 0 : 1);

async function cellsOf(column: Column): Promise<Map<string, Cell>> {
  try {
    const lines = (await column.run()).trim().split("\n");
    return new Map(
      lines.map((line) => {
        const { claim, outcome } = JSON.parse(line) as { claim: string; outcome: Cell };
        return [claim, outcome];
      }),
    );
  } catch (error) {
    failures.push(`${column.name}: ${error instanceof Error ? error.message : String(error)}`);
    return new Map();
  }
}

function wordFor(column: string, claim: string): string {
  const cell = table.get(column)?.get(claim);
  if (cell === undefined) return "-";
  if (cell === "held") return cell;
  return "refused" in cell ? "refused" : "unavailable" in cell ? "n/a" : "MOVED";
}

/** Claims by outcome, for the page; columns with the same figures share a row. */
function figures(): string {
  const rows = new Map<string, string[]>();
  for (const { name } of columns) {
    const counts = ["held", "refused", "n/a"].map(
      (word) => claims.filter((claim) => wordFor(name, claim) === word).length,
    );
    const row = counts.join(" | ");
    rows.set(row, [...(rows.get(row) ?? []), name]);
  }
  return [
    `| ${claims.length} claims | held | refused | unavailable, reported by \`auth doctor\` |`,
    "|---|---|---|---|",
    ...[...rows].map(([row, names]) => `| ${names.join(", ")} | ${row} |`),
  ].join("\n");
}
