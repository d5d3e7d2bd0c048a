import assert from "node:assert/strict";
import { test } from "node:test";
import { createIdentity } from "../../../src/base/identity.ts";
import { topicTable } from "../../../src/cli/command-table.ts";
import { commandEnvironment, scratchFolder } from "../../helpers/command.ts";
import { runHere } from "../../helpers/command-here.ts";

test("the help lists every topic, and each fits a terminal of 80 columns but for quoted messages", async (t) => {
  const env = commandEnvironment(scratchFolder(t), undefined);
  const help = (await runHere(["--help"], env)).stdout;
  for (const { name } of topicTable) {
    assert.match(help, new RegExp(`^  spec-kitty help ${name} +\\S`, "m"));
    const { code, stdout, stderr } = await runHere(["help", name], env);
    assert.deepEqual([code, stderr], [0, ""]);
    assert.deepEqual(
      stdout.split("\n").filter((line) => line.length > 80 && !line.startsWith("    ")),
      [],
    );
  }
});

test("a topic that does not exist is an error that names the nearest one", async (t) => {
  const { code, stdout, stderr } = await runHere(["help", "stoarge"], commandEnvironment(scratchFolder(t), undefined));
  assert.deepEqual([code, stdout], [2, ""]);
  assert.match(
    stderr,
    /"stoarge" is not a command or a topic of spec-kitty\nhint: Did you mean spec-kitty help storage\?/,
  );
});

test("after the name of a topic an option that every command has changes nothing, and another word is refused as one too many", async (t) => {
  const env = commandEnvironment(scratchFolder(t), undefined);
  const { stdout } = await runHere(["help", "storage"], env);
  for (const option of ["--json", "--verbose", "--debug", "--help", "-h"])
    assert.equal((await runHere(["help", "storage", option], env)).stdout, stdout, option);
  const refused = await runHere(["help", "storage", "keychain"], env);
  assert.deepEqual(
    [refused.code, refused.stderr],
    [2, 'error: unexpected argument "keychain"\nhint: Usage: spec-kitty help storage\n'],
  );
});

test("FR-021 under another tool's name no topic mentions this one", async () => {
  const acme = createIdentity({ name: "acme-cli", version: "1.0.0" });
  const texts = await Promise.all(topicTable.map(async ({ load }) => (await load())(acme)));
  assert.doesNotMatch(texts.join("\n"), /spec.?kitty/i);
  assert.match(texts.join("\n"), /ACME_CLI_SAAS_URL/);
});
