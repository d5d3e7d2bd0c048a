// `npm run requirements`: every requirement with the tests whose titles begin with its number. Fails when one has none.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const range = (prefix: string, last: number): string[] => Array.from({ length: last }, (_, index) => `${prefix}-${String(index + 1).padStart(3, "0")}`);
const requirements = [...range("FR", 20), ...range("NFR", 13), "C-001", "C-005", "C-006", "C-012", ...range("S", 8)];

const folder = fileURLToPath(new URL(".", import.meta.url));
const titles = readdirSync(folder, { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".test.ts") && !path.includes("node_modules"))
  .flatMap((path) =>
    [...readFileSync(join(folder, path), "utf8").matchAll(/\b(?:test|it)\(\s*(["'`])((?:(?:FR|NFR|C|S)-\d{3}[, ]+)+)(.*?)\1/g)].map(([, , numbers = "", title = ""]) => ({
      numbers: (numbers.match(/[A-Z]+-\d{3}/g) ?? []) as string[],
      line: `${title} (test/${path})`,
    })),
  );

let isComplete = true;
for (const requirement of requirements) {
  const found = titles.filter(({ numbers }) => numbers.includes(requirement));
  if (found.length === 0) isComplete = false;
  process.stdout.write(`${requirement}\n${found.length === 0 ? "  NONE\n" : found.map(({ line }) => `  ${line}\n`).join("")}`);
}
process.exitCode = isComplete ? 0 : 1;
