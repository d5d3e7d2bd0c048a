import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { root, textOf } from "../helpers/import-graph.ts";
import { mutants, mutated } from "./list.ts";

test("every mutant changes something that is in the source, once, and names tests that are there", () => {
  const faults = mutants().flatMap((mutant) => {
    const { file, tests, what, from } = mutant;
    const missing = [file, ...tests].filter((path) => !existsSync(join(root, path)));
    if (missing.length > 0) return `${what}: there is no ${missing.join(", ")}`;
    return mutated(textOf(file), mutant) === undefined ? `${what}: ${file} does not have this, once:\n${from}` : [];
  });
  assert.deepEqual(faults, []);
});

test("a mutant is found whatever the line breaks, and only where it is there once", () => {
  const mutant = { what: "", file: "", tests: [], from: "if (a && b) return c;", to: "" };
  assert.equal(mutated("x;\nif (a &&\n    b)\n  return c;\ny;", mutant), "x;\n\ny;");
  assert.equal(mutated("if (a && b) return c; if (a && b) return c;", mutant), undefined);
  assert.equal(mutated("if (a || b) return c;", mutant), undefined);
});
