// Every program of README, EMBEDDING and their pages that needs no package of others, in every state that its users can be in.
import assert from "node:assert/strict";
import { test } from "node:test";
import { documentedPrograms, programs, testInEveryState } from "./helpers/programs.ts";

test("every program that a document has is run in every state, here or in test/peers", () => {
  const found = documentedPrograms();
  for (const { document, text } of found)
    assert.ok(
      programs.some((program) => program.document === document && text.includes(program.known)),
      `${document} has a program that test/helpers/programs.ts does not know:\n${text}`,
    );
  for (const { name, document, known } of programs)
    assert.equal(found.filter((one) => one.document === document && one.text.includes(known)).length, 1, name);
});

testInEveryState(programs.filter(({ needs }) => needs === undefined));
