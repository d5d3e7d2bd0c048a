// A clone with a package named as the one dependency, and runtime settings, in the working directory.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runCommand } from "../../helpers/command.ts";
import { signIn } from "../../helpers/stored-session.ts";
import type { Attack } from "../stage.ts";

export const attack: Attack = async (stage) => {
  const { saas, env, folder } = await stage.scene();
  await signIn(saas, env);
  const clone = join(folder, "clone");
  const trace = join(folder, "was-loaded");
  const program = `require("node:fs").writeFileSync(${JSON.stringify(trace)}, "");\n`;
  for (const name of ["@napi-rs/keyring", "spec-kitty", "undici"]) {
    const place = join(clone, "node_modules", name);
    mkdirSync(place, { recursive: true });
    writeFileSync(join(place, "package.json"), JSON.stringify({ name, version: "9.9.9", main: "index.js" }));
    writeFileSync(join(place, "index.js"), program);
  }
  for (const name of ["index.js", "keyring.js", "main.js"]) writeFileSync(join(clone, name), program);
  writeFileSync(join(clone, "bunfig.toml"), 'preload = ["./main.js"]\n');
  writeFileSync(join(clone, "deno.json"), '{ "imports": { "node:fs": "./main.js", "node:path": "./main.js" } }');
  for (const command of [
    ["auth", "status"],
    ["auth", "doctor"],
  ]) {
    const { code, stdout, stderr } = await runCommand(stage, command, env, { ...stage.process, cwd: clone });
    assert.equal(code, 0, stdout + stderr);
  }
  assert.ok(!existsSync(trace), "code of the clone was run");
  return "held";
};
