// Programs of the working folder on Windows, as Wine plays it: it looks there for a bare name first. Needs the Debian package wine64.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { startWindows, withoutWindows, type Windows } from "../helpers/windows.ts";
import { loggedInOnWindows } from "./windows-scene.ts";

const skip = withoutWindows;
let windows: Windows;
before(() => void (skip === false && (windows = startWindows())));
after(() => skip === false && windows.stop());

test("S-016 on Windows no git and no browser of the working directory is started", { skip }, async (t) => {
  const { run } = await loggedInOnWindows(t, windows);
  const clone = join(windows.drive, "clone");
  mkdirSync(clone);
  // Each is Node, and takes its first argument for a program.
  for (const name of ["git.exe", "chrome.exe", "rundll32.exe"]) windows.copyNode(join(clone, name));
  writeFileSync(join(clone, "config"), "require('fs').writeFileSync('C:\\\\clone\\\\was-started', '')");
  const env = { BROWSER: "chrome" };
  const git = await run("auth setup-git", { cwd: clone, env });
  assert.deepEqual([git.code, git.stdout], [2, ""], git.stderr);
  assert.match(git.stderr, /^error: git is not installed, or not in PATH/);
  const login = await run("auth login --force --storage file", { cwd: clone, env });
  assert.equal(login.code, 0, login.stderr);
  assert.ok(!existsSync(join(clone, "was-started")));
  // It would have been: that is how Windows starts a bare name.
  const bare = "require('child_process').spawnSync('git', ['config'])";
  assert.equal((await windows.startProgram("node", ["-e", bare], { cwd: clone }).ended).code, 0);
  assert.ok(existsSync(join(clone, "was-started")));
});
