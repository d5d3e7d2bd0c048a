import { readdirSync, readFileSync } from "node:fs";

/** A change that breaks a rule, for a test to notice. */
export interface Mutant {
  /** What is true of the changed code. */
  readonly what: string;
  /** The changed file, and the test files to run until one notices, from the package's directory. */
  readonly file: string;
  readonly tests: readonly string[];
  /** Must occur exactly once: the list stays honest when the code changes. Line breaks count as spaces. */
  readonly from: string;
  readonly to: string;
}

const folder: URL = new URL(".", import.meta.url);

/** From the `.diff` files here. Each is like a patch: `---` the file, `+++` the tests, `@@` what is then true. */
export function mutants(): Mutant[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith(".diff"))
    .sort()
    .flatMap((name) => parse(readFileSync(new URL(name, folder), "utf8")));
}

function parse(text: string): Mutant[] {
  const all: Mutant[] = [];
  let file = "";
  let tests: readonly string[] = [];
  for (const block of text.split(/^(?=--- |@@ )/m)) {
    const lines = block.split("\n");
    const after = (mark: string): string[] =>
      lines.filter((line) => line.startsWith(mark)).map((line) => line.slice(mark.length).trim());
    const [what] = after("@@ ");
    if (what === undefined) {
      [file = ""] = after("--- ");
      tests = after("+++ ").flatMap((line) => line.split(" "));
    } else all.push({ what, file, tests, from: after("-").join("\n"), to: after("+").join("\n") });
  }
  return all;
}

/** The mutated file; undefined unless the change applies exactly once. */
export function mutated(source: string, { from, to }: Mutant): string | undefined {
  const words = from.split(/\s+/).map((word) => word.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"));
  const parts = source.split(new RegExp(words.join("\\s+")));
  return parts.length === 2 ? parts.join(to) : undefined;
}
