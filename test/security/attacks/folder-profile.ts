// A cloned directory names another of the user's accounts, in each possible file.
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runCommand } from "../../helpers/command.ts";
import { signIn } from "../../helpers/stored-session.ts";
import type { Attack } from "../stage.ts";

export const attack: Attack = async (stage) => {
  const { saas, env, here, folder } = await stage.scene();
  await signIn(saas, env);
  await signIn(saas, env, { user: "bob", profile: "work" });
  const clone = join(folder, "clone");
  for (const name of [".spec-kitty", "config"]) mkdirSync(join(clone, name), { recursive: true });
  const names = [".spec-kitty-profile", ".env", ".spec-kitty/profile", ".spec-kitty/config.json", "config/profile"];
  for (const name of names) writeFileSync(join(clone, name), "work\n");
  const { code, stdout } = await here("auth whoami", {}, { cwd: clone });
  assert.deepEqual([code, stdout], [0, "alice@example.com\n"]);
  // Files that a runtime may read before the command runs.
  for (const name of [".env", ".env.local", ".env.development", ".env.production", ".env.test"])
    writeFileSync(join(clone, name), "SPEC_KITTY_PROFILE=work\n");
  const process = await runCommand(stage, ["auth", "whoami"], env, { ...stage.process, cwd: clone });
  assert.deepEqual([process.code, process.stdout], [0, "alice@example.com\n"], process.stderr);
  return "held";
};
