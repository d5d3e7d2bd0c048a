// A foreign path, name or URL in a shell, pasted in a hint.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { hintText, shellWord } from "../../src/base/hint.ts";
import { ownIdentity } from "../../src/base/identity.ts";
import { scratchFolder } from "../helpers/command.ts";

/** Every possible character below U+2100, in each place of a word, next to quotes, and before a command. */
const hostile = [
  ...[
    "",
    "plain",
    "~",
    "~root",
    "a:~",
    "=ls",
    "-n",
    "--%",
    "#x",
    "{a,b}",
    "!!",
    "%self",
    "\\'; touch pwned; '",
    "$(touch pwned)",
  ],
  ...Array.from({ length: 0x20ff }, (_, index) => String.fromCharCode(index + 1)).flatMap((character) => [
    character,
    `${character}; touch pwned ${character}`,
    `a${character}'${character}\\${character}`,
  ]),
];

function assertWords(said: string, expected: readonly string[], pwned: string): void {
  const words = said.split("\0").slice(0, -1);
  for (const [index, word] of expected.entries()) assert.equal(words[index], word, JSON.stringify(word));
  assert.equal(words.length, expected.length);
  assert.ok(!existsSync(pwned), "a word became a command");
}

/** fish makes directories in the home. */
const env = { ...process.env, HOME: scratchFolder({ after }) };

for (const shell of ["sh", "dash", "bash", "zsh", "fish", "ksh", "busybox"]) {
  const isThere = spawnSync(shell, ["--help"], { stdio: "ignore", env }).error === undefined;
  test(`S-016 ${shell} takes every word as it was, and none for a command`, {
    skip: !isThere && `needs ${shell}`,
  }, (t) => {
    const folder = scratchFolder(t);
    const script = join(folder, "script");
    const print = (word: string): string => `printf '%s\\0' ${word}\n`;
    // Characters special only in an assignment are ASCII.
    const values = hostile.slice(0, 400);
    const lines = [
      ...hostile.map((word) => print(shellWord(word, "linux"))),
      ...values.map(
        (value) =>
          `${hintText([{ set: "WORD", value }], { identity: ownIdentity, platform: "linux" })}\n${print('"$WORD"')}`,
      ),
    ];
    writeFileSync(script, lines.join(""));
    const args = shell === "busybox" ? ["sh", script] : [script];
    const said = execFileSync(shell, args, { encoding: "utf8", cwd: folder, env, maxBuffer: 2 ** 26 });
    assertWords(said, [...hostile, ...values], join(folder, "pwned"));
  });
}

const powerShell = ["pwsh", "powershell"].find(
  (program) => spawnSync(program, ["-NoProfile", "-Command", "exit"], { stdio: "ignore" }).error === undefined,
);

test("S-016 PowerShell takes every word as it was, and none for a command", {
  skip: powerShell === undefined && "needs PowerShell",
}, (t) => {
  const folder = scratchFolder(t);
  const [script, out] = [join(folder, "script.ps1"), join(folder, "out")];
  // Without a byte order mark Windows PowerShell reads another encoding.
  const lines = hostile.map((word) => `Write-Word ${shellWord(word, "win32")}\n`);
  const writer = `$all = [Text.StringBuilder]::new()\nfunction Write-Word { [void]$all.Append($args[0]).Append([char]0) }\n`;
  writeFileSync(script, `\ufeff${writer}${lines.join("")}[IO.File]::WriteAllText('${out}', $all)\n`);
  execFileSync(powerShell ?? "", ["-NoProfile", "-ExecutionPolicy", "Bypass", "-File", script], { cwd: folder });
  assertWords(readFileSync(out, "utf8"), hostile, join(folder, "pwned"));
});

/** As PowerShell reads single quotes: each of its five quotes ends a word, and two are one. */
function readQuoted(word: string): string | undefined {
  const [, inside] = /^['\u2018-\u201b]((?:[^'\u2018-\u201b]|['\u2018-\u201b]{2})*)['\u2018-\u201b]$/.exec(word) ?? [];
  return inside?.replace(/['\u2018-\u201b](.)/g, "$1");
}

test("S-016 no character ends a word in PowerShell's quotes", () => {
  for (const word of hostile) {
    const shown = shellWord(word, "win32");
    if (shown !== word) assert.equal(readQuoted(shown), word, JSON.stringify(shown));
    else assert.match(shown, /^[\w+=:./\\…-][\w+=:./\\~…-]*$/);
  }
});
