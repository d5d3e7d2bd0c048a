import assert from "node:assert/strict";
import { test } from "node:test";
import {
  descriptions,
  documentTexts,
  messages,
  optionTexts,
  sentences,
  summaries,
  topicTexts,
  wordsOf,
  type Prose,
} from "./helpers/prose.ts";

const help = [...(await descriptions()), ...(await summaries()), ...(await topicTexts()), ...(await optionTexts())];
const all = [...help, ...messages(), ...documentTexts()];

/** Words that the style sheet in test/README.md replaces, each with what is written instead. */
const replaced: readonly (readonly [wrong: RegExp, right: string])[] = [
  [/\b(who|whom|which)ever\b|\bwhom\b/i, "name the person or the program"],
  [/(?<!\b(?:email|IP) |-)\baddress(es)?\b/i, "URL"],
  [/(?<!-)\bfolders?\b(?!-)/i, "directory"],
  [/\b(the|an?|no|its|token|every) answers?\b/i, "response"],
  [/\bmend(s|ed|ing)?\b/i, "fix"],
  [/\bbeside\b/i, "next to"],
  [/\bkey ring\b/i, "keychain"],
  [/\b(token|session|login)s? (is|are|was|were) over\b/i, "expired, revoked"],
];

/** The sentences that a rule finds, with where they are from. */
function found(texts: readonly Prose[], isWrong: (sentence: string) => boolean): string[] {
  return texts.flatMap(({ from, text }) =>
    sentences(text)
      .filter(isWrong)
      .map((sentence) => `${from}: ${sentence}`),
  );
}

test("what users read has the words of the style sheet", () => {
  assert.ok(all.length > 1000, `only ${all.length} texts were found`);
  for (const [wrong, right] of replaced)
    assert.deepEqual(
      found(all, (sentence) => wrong.test(sentence)),
      [],
      `write: ${right}`,
    );
});

test("a sentence has at most 20 words", () => {
  const isList = (sentence: string): boolean => /^CODE(, CODE)*$/.test(sentence);
  assert.deepEqual(
    found(all, (sentence) => wordsOf(sentence) > 20 && !isList(sentence)),
    [],
  );
});

test("the description of an option has at most 60 characters and no clause with that, which or who", async () => {
  const options = await optionTexts();
  assert.deepEqual(
    options.filter(({ text }) => text.length > 60 || /\b(that|which|who)\b/.test(text)),
    [],
  );
});

test("a summary, and what an example does, have no clause with that, which or who beyond the name of the user", async () => {
  const texts = await summaries();
  assert.deepEqual(
    texts.filter(({ text }) => /\b(that|which)\b|\bwho\b(?! is logged in)/.test(text)),
    [],
  );
});

test("an error is in lower case and without a full stop, and so is an option's description", async () => {
  const options = await optionTexts();
  assert.deepEqual(
    options.filter(({ text }) => /^[A-Z][a-z]|\.$/.test(text)),
    [],
  );
});

test("the description of a command begins with what it does", async () => {
  for (const { from, text } of await descriptions())
    assert.match(text, /^(?!An? |The |It |This )[A-Z][a-z]+(?<!s) /, from);
});

test("the rules find what they are for", () => {
  const text = "One sentence. Another; its second half.\n\n- a list's item that has no end\n- and the next";
  assert.equal(sentences(text).length, 5);
  assert.equal(wordsOf("a list's item (that) has - 7 words"), 7);
});
