import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonOutput } from "../../src/cli/json-output.ts";
import { startFakeSaas } from "../fake-saas/server.ts";
import { runCommand, type CommandResult } from "../helpers/command.ts";

test("without a home directory a token from the environment is enough for what needs no store, and the doctor reports the home", {
  skip: process.platform === "win32" && "its folders are named by variables",
}, async (t) => {
  const saas = await startFakeSaas();
  t.after(() => saas.close());
  const { access_token } = saas.issue({ user: "bob" });
  const env = {
    PATH: process.env["PATH"],
    HOME: "",
    SPEC_KITTY_SAAS_URL: saas.url,
    SPEC_KITTY_ACCESS_TOKEN: access_token,
  };
  const run = (line: string): Promise<CommandResult> => runCommand(t, line.split(" "), env);
  assert.deepEqual(await run("auth token"), { code: 0, signal: null, stdout: `${access_token}\n`, stderr: "" });
  assert.match((await run("api /api/v1/me")).stdout, /bob@example\.com/);
  assert.equal((await run("auth whoami")).stdout, "bob@example.com\n");
  assert.equal((await run("auth status --check")).code, 0);
  const list = await run("auth list");
  assert.deepEqual([list.code, list.stdout], [2, ""]);
  const { findings } = JSON.parse((await run("auth doctor --json")).stdout) as JsonOutput["auth doctor"];
  assert.match(findings.find(({ number }) => number === "D401")?.sentence ?? "", /^there is no home directory/);
});
