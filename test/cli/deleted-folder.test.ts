import assert from "node:assert/strict";
import { mkdtempSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { scene } from "../helpers/scene.ts";

const windows = { skip: process.platform === "win32" && "a folder in use cannot be deleted there" };

test(
  "every command that needs no file of the directory works in a deleted one, and one that does says so",
  windows,
  async (t) => {
    const { here } = await scene(t);
    const folder = mkdtempSync(join(tmpdir(), "spec-kitty-gone-"));
    const before = process.cwd();
    t.after(() => process.chdir(before));
    process.chdir(folder);
    rmdirSync(folder);
    for (const line of [
      "auth login",
      "auth status",
      "api GET /api/v1/me",
      "sync status",
      "auth doctor",
      "auth logout",
    ]) {
      const { code, stderr } = await here(line);
      assert.deepEqual([line, code], [line, 0], stderr);
      assert.doesNotMatch(stderr, /report this bug/);
    }
    const missing = 'SPEC_KITTY_CONFIG_DIR is "config", a relative path, and the current directory no longer exists';
    const fix = "Set SPEC_KITTY_CONFIG_DIR to an absolute path, or run: cd DIRECTORY";
    for (const line of ["auth login", "auth token", "sync status"]) {
      const { code, stdout, stderr } = await here(line, { SPEC_KITTY_CONFIG_DIR: "config" });
      assert.deepEqual([line, code, stdout], [line, 2, ""]);
      assert.equal(stderr, `error: ${missing}\nhint: ${fix}\n`);
    }
    const { code, stdout } = await here("auth doctor", { SPEC_KITTY_CONFIG_DIR: "config" });
    assert.equal(code, 1);
    assert.match(stdout, new RegExp(`^✗ D401 store +${missing}\\n +fix: ${fix}$`, "m"));
  },
);
