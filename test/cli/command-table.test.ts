import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import type { AuthError } from "../../src/base/errors.ts";
import { hintText } from "../../src/base/hint.ts";
import { createIdentity, ownIdentity } from "../../src/base/identity.ts";
import { commandTable } from "../../src/cli/command-table.ts";
import { dispatch } from "../../src/cli/dispatch.ts";
import { commandHelp, exampleLine, groupSummaries } from "../../src/cli/help.ts";

const cli = fileURLToPath(new URL("../../src/cli", import.meta.url));

test("every command has help with two examples that the parser accepts", async () => {
  for (const { words, load } of commandTable) {
    const command = await load();
    const name = words.join(" ");
    const shown = await dispatch([...words, "--help"], ownIdentity);
    assert.deepEqual(shown, { kind: "text", text: commandHelp(command, ownIdentity) }, name);
    assert.ok(
      command.usage === name || command.usage.startsWith(`${name} `),
      `the usage of ${name} begins with ${command.usage}`,
    );
    assert.ok(command.examples.length >= 2, `${name} has ${command.examples.length} examples`);
    const lines = command.examples.map(([line]) => exampleLine(line, ownIdentity));
    assert.ok(
      lines.some((line) => line.includes(`spec-kitty ${name}`)),
      `no example of ${name} calls it`,
    );
    for (const line of lines) {
      const own = new RegExp(`^spec-kitty ${name}(?= |$)((?: +(?:'[^']*'|"[^"]*"|[^\\s'"|>)]+))*)`).exec(line);
      if (own === null) continue;
      const args = [...(own[1] ?? "").matchAll(/'([^']*)'|"([^"]*)"|([^\s'"]+)/g)].map(
        ([, single, double, bare]) => single ?? double ?? bare ?? "",
      );
      const request = await dispatch([...words, ...args], ownIdentity);
      assert.equal(request.kind, "run", line);
    }
  }
});

test("the help of an option that every command has is the command's own where it has one", async () => {
  const help = async (line: string): Promise<string> =>
    commandHelp(
      await (commandTable.find(({ words }) => words.join(" ") === line)?.load() ?? assert.fail(line)),
      ownIdentity,
    );
  for (const line of ["sync run", "sync watch"])
    assert.match(await help(line), /--json +print one JSON object per line$/m);
  assert.match(await help("sync now"), /--json +print JSON$/m);
  for (const line of ["api", "auth git-credential", "auth exec-credential"])
    assert.match(await help(line), /^Common options: --profile NAME, --json, --verbose, --debug, --no-input, --help$/m);
  assert.match(await help("completion"), /^Common options: --json, --verbose, --debug, --no-input, --help$/m);
});

test("FR-021 under another tool's name no help mentions this one", async () => {
  const acme = createIdentity({ name: "acme-cli", version: "1.0.0" });
  const requests = await Promise.all(
    ["", ...Object.keys(groupSummaries), ...commandTable.map(({ words }) => words.join(" "))].map((line) =>
      dispatch([...line.split(" ").filter(Boolean), "--help"], acme),
    ),
  );
  const help = requests.map((request) => (request.kind === "text" ? request.text : "")).join("\n");
  assert.doesNotMatch(help, /spec.?kitty/i);
  assert.match(help, /acme-cli auth login/);
  assert.match(help, /ACME_CLI_PROFILE/);
  assert.deepEqual(await dispatch(["--version"], acme), { kind: "text", text: "1.0.0" });
  for (const line of ["auth lgoin", "frobnicate", "auth login --stroage x", "help stoarge", "completion"]) {
    await assert.rejects(dispatch(line.split(" "), acme), (error: AuthError) => {
      assert.doesNotMatch(error.message, /spec.?kitty/i);
      assert.match(hintText(error.next ?? [], { identity: acme }), /acme-cli/);
      return true;
    });
  }
});

test("every group of commands says what it is about, and its help names every command in it", async () => {
  for (const group of new Set(
    commandTable.filter(({ words }) => words.length > 1).map(({ words }) => words[0] ?? ""),
  )) {
    assert.ok(groupSummaries[group], group);
    const help = await dispatch([group], ownIdentity);
    for (const { words, summary } of commandTable.filter(({ words: [first] }) => first === group)) {
      assert.ok(
        help.kind === "text" && help.text.includes(`  ${words[1]} `) && help.text.includes(summary),
        words.join(" "),
      );
    }
  }
});

test("no two commands have the same words, and no two options of a command the same letter", async () => {
  const names = commandTable.map(({ words }) => words.join(" "));
  assert.deepEqual(names, [...new Set(names)]);
  for (const { words, load } of commandTable) {
    const letters = Object.values((await load()).options).flatMap(({ short }) => short ?? []);
    assert.deepEqual(letters, [...new Set(letters)], words.join(" "));
    assert.ok(!letters.includes("h"), `${words.join(" ")}: -h is help`);
  }
});

test("in cli/ only main touches the process", () => {
  const touching = readdirSync(cli, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts") && path !== "main.ts")
    .filter((path) =>
      /\bprocess\.(?!getBuiltinModule\b)/.test(
        readFileSync(join(cli, path), "utf8").replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, ""),
      ),
    );
  assert.deepEqual(touching, []);
});
