import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { test } from "node:test";
import { bin } from "../helpers/command.ts";
import { runHere } from "../helpers/command-here.ts";
import { scene } from "../helpers/scene.ts";
import { signIn } from "../helpers/stored-session.ts";
import { noTmux, startOnScreen } from "../helpers/tmux.ts";

const lines = [
  "--help",
  "auth login --help",
  "auth status",
  "auth list",
  "help storage",
  "auth logout --all --profile x",
];

/** The words without line breaks. A table turned into a list repeats its labels. */
function wordsOf(text: string): string[] {
  return text
    .split(/\s+/)
    .filter((word) => word !== "" && !/^(PROFILE|USER|SERVICE|STATE|remaining,|5\d|60)$/.test(word));
}

for (const columns of [80, 60]) {
  test(`on a terminal of ${columns} columns text, help, tables and hints break between words`, {
    skip: noTmux,
  }, async (t) => {
    const folder = mkdtempSync("/tmp/sk");
    t.after(() => rmSync(folder, { recursive: true }));
    // A terminal may break only a path longer than a line.
    const { saas, env } = await scene(t, {}, { SPEC_KITTY_CONFIG_DIR: folder });
    await signIn(saas, env);
    const script = `echo; for words in ${lines.map((line) => `'${line}'`).join(" ")}; do "$0" '${bin}' $words; done 2>&1; echo done`;
    const screen = await startOnScreen(t, ["sh", "-c", script, process.execPath], env, { columns, rows: 300 });
    await screen.shows(/^done$/m);
    const [shown = ""] = (await screen.lines()).join("\n").split(/^done$/m);
    const plain = await Promise.all(lines.map((line) => runHere(line.split(" "), env)));
    assert.deepEqual(wordsOf(shown), wordsOf(plain.map(({ stdout, stderr }) => stdout + stderr).join("\n")));
    assert.match(shown, /^hint: Usage: spec-kitty auth logout --all$/m);
  });
}
