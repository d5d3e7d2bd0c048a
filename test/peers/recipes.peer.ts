// A tool with the commands of another library.
import assert from "node:assert/strict";
import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { startFakeSaas } from "../fake-saas/server.ts";
import { runCommand, scratchFolder, type CommandResult } from "../helpers/command.ts";
import { scriptedBrowser } from "../helpers/scripted-browser.ts";
import { example, writeTool } from "../helpers/tool.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

const installed = {
  commander: join(root, "test", "peers", "node_modules", "commander"),
  yargs: join(root, "test", "peers", "node_modules", "yargs"),
};
for (const [library, place] of Object.entries(installed)) {
  test(`with ${library}, a tool's own commands and those of the login are in one program of 25 lines`, async (t) => {
    const recipe = example(`${library}.js`);
    assert.ok(
      recipe
        .trim()
        .split("\n")
        .filter((line) => !line.startsWith("import ") && line !== "").length <= 25,
    );
    const saas = await startFakeSaas();
    t.after(() => saas.close());
    const folder = scratchFolder(t);
    mkdirSync(join(folder, "node_modules"));
    symlinkSync(root, join(folder, "node_modules", "spec-kitty"), "junction");
    symlinkSync(place, join(folder, "node_modules", library), "junction");
    const program = writeTool(recipe, folder, "acme.mjs", { url: saas.url });
    const env = {
      PATH: process.env["PATH"],
      HOME: folder,
      XDG_CONFIG_HOME: join(folder, "config"),
      XDG_RUNTIME_DIR: join(folder, "run"),
      XDG_STATE_HOME: join(folder, "state"),
      ACME_STORAGE: "file",
      BROWSER: scriptedBrowser(),
    };
    const acme = (...args: string[]): Promise<CommandResult> => runCommand(t, args, env, { program, cwd: folder });
    assert.match((await acme("auth", "login")).stdout, /^✓ Logged in as alice/);
    assert.match((await acme("projects")).stdout, /alice@example\.com/);
    assert.equal((await acme("auth", "token", "--profile", "nobody")).code, 4);
    assert.equal((await acme("--version")).stdout, "1.2.0\n");
    assert.match((await acme("--help")).stdout, /\bauth\b[^]*\bprojects\b/);
    assert.match((await acme("auth", "--help")).stdout, /Usage: acme auth COMMAND/);
    assert.match((await acme("completion", "bash")).stdout, /words='projects auth /);
    assert.notEqual((await acme("frobnicate")).code, 0);
  });
}
