import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join, sep } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { startFakeSaas } from "../fake-saas/server.ts";
import { commandEnvironment, runCommand, scratchFolder } from "../helpers/command.ts";
import { sessionOf, storeSession } from "../helpers/stored-session.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** The number may only become smaller. */
const mostFiles = 25;

test(`auth token with a good token loads at most ${mostFiles} of the package's files`, async (t) => {
  const saas = await startFakeSaas();
  t.after(() => saas.close());
  const folder = scratchFolder(t);
  // Node writes down which scripts it ran (V8's coverage), whatever way they were loaded.
  const coverage = join(folder, "coverage");
  mkdirSync(coverage);
  const env = commandEnvironment(folder, saas.url, { NODE_V8_COVERAGE: coverage });
  await storeSession(saas, env, sessionOf(saas, { leftMs: 3_600_000 }));
  const { code, stderr } = await runCommand(t, ["auth", "token"], env);
  assert.equal(code, 0, stderr);
  const [report = assert.fail("nothing was written down"), ...others] = readdirSync(coverage);
  assert.deepEqual(others, [], "a process of its own was started");
  const { result } = JSON.parse(readFileSync(join(coverage, report), "utf8")) as { result: { url: string }[] };
  const loaded = result
    .filter(({ url }) => url.startsWith("file:"))
    .map(({ url }) => fileURLToPath(url))
    .filter((path) => path.startsWith(root) && !path.includes(`${sep}node_modules${sep}`))
    .map((path) => path.slice(root.length).replaceAll("\\", "/"))
    .sort();
  assert.ok(loaded.includes("dist/cli/commands/auth/token.js"), loaded.join("\n"));
  assert.ok(loaded.length <= mostFiles, `${loaded.length} files:\n${loaded.join("\n")}`);
});
