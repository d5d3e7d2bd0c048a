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
    assert.deepEqual(stdout.split("\n").filter((line) => line.length > 80 && !line.startsWith("    ")), []);
  }
});

test("a topic that does not exist is an error that names the nearest one", async (t) => {
  const { code, stdout, stderr } = await runHere(["help", "stoarge"], commandEnvironment(scratchFolder(t), undefined));
  assert.deepEqual([code, stdout], [2, ""]);
  assert.match(stderr, /"stoarge" is not a command or a topic of spec-kitty\nhint: Did you mean: spec-kitty help storage\?/);
});

test("FR-021 under another tool's name no topic mentions this one", async () => {
  const acme = createIdentity({ name: "acme-cli", version: "1.0.0" });
  const texts = await Promise.all(topicTable.map(async ({ load }) => (await load())(acme)));
  assert.doesNotMatch(texts.join("\n"), /spec.?kitty/i);
  assert.match(texts.join("\n"), /ACME_CLI_SAAS_URL/);
});
