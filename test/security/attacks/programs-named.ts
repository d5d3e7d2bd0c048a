// A clone with programs named as those this command starts, in the working directory and in relative entries of PATH.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { findProgram } from "../../../src/platform/find-program.ts";
import { signIn } from "../../helpers/stored-session.ts";
import type { Attack } from "../stage.ts";

const names = [
  "git",
  "git.exe",
  "chrome",
  "chrome.exe",
  "xdg-open",
  "open",
  "osascript",
  "rundll32.exe",
  "node",
  "secret-tool",
];

export const attack: Attack = async (stage) => {
  const { saas, env, here, folder } = await stage.scene();
  await signIn(saas, env);
  const clone = join(folder, "clone");
  const trace = join(folder, "was-started");
  mkdirSync(join(clone, "bin"), { recursive: true });
  for (const name of names)
    for (const place of [clone, join(clone, "bin")])
      writeFileSync(join(place, name), `#!/bin/sh\necho "$0" >>'${trace}'\n`, { mode: 0o755 });
  const before = process.cwd();
  process.chdir(clone);
  try {
    const careless = { PATH: ["", ".", "bin", "./bin"].join(delimiter), BROWSER: "chrome" };
    const { code, stderr } = await here("auth setup-git", careless);
    assert.equal(code, 2, stderr);
    for (const name of names)
      for (const spelled of [name, `./${name}`, `bin/${name}`])
        assert.equal(findProgram(spelled, { ...careless, PATHEXT: ".EXE" }, process.platform), undefined, spelled);
    await here("auth doctor", careless);
  } finally {
    process.chdir(before);
  }
  assert.ok(!existsSync(trace));
  return "held";
};
