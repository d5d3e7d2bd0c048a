// A foreign path, name or URL in a hint, pasted into a shell.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { shellWord } from "../../../src/base/hint.ts";
import type { Attack } from "../stage.ts";

const hostile = [
  ..."\u2018\u2019\u201a\u201b'\"`$;&|<>(){}[]*?~#!%^=\\ ",
  "'; touch pwned; '",
  "$(touch pwned)",
  "`touch pwned`",
  "\u2019; touch pwned; \u2018",
  "a\\'; touch pwned #",
  "-n",
  "~root",
];

export const attack: Attack = async () => {
  for (const word of hostile) {
    // In PowerShell each closes the others, and two stand for one.
    const quoted = shellWord(word, "win32");
    if (quoted.startsWith("'")) assert.match(quoted, /^'(?:[^'\u2018-\u201b]|(['\u2018-\u201b])\1)*'$/, word);
    else assert.match(quoted, /^[\w+=:./\\-][\w+=:./\\~-]*$/, word);
    if (process.platform === "win32") continue;
    const said = execFileSync("/bin/sh", ["-c", `printf %s ${shellWord(word, process.platform)}`], {
      encoding: "utf8",
    });
    assert.equal(said, word);
  }
  return "held";
};
