// Another user can replace the directory for a login.
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import type { Attack } from "../stage.ts";

export const attack: Attack = async (stage) => {
  if (process.platform === "win32")
    return { unavailable: "the access list of the profile folder keeps others out, not modes" };
  const { saas, here, folder } = await stage.scene();
  const open = join(folder, "open");
  mkdirSync(open);
  chmodSync(open, 0o777);
  symlinkSync(open, join(folder, "link"));
  const places = [join(open, "mine"), join(open, "not", "yet"), join(folder, "link", "mine")];
  // Another user's directory, open to all, as when root works in a user's home.
  const theirs = await stage.other?.run((name: string, require) => {
    const { chmodSync: change, mkdtempSync } = require("node:fs") as typeof import("node:fs");
    const made = mkdtempSync(name);
    change(made, 0o1777);
    return made;
  }, "/tmp/kitty-theirs-");
  if (theirs !== undefined) {
    const remove = (path: string, require: NodeJS.Require): void => {
      const { rmSync } = require("node:fs") as typeof import("node:fs");
      rmSync(path, { recursive: true, force: true });
    };
    stage.after(() => stage.other?.run(remove, theirs));
    places.push(join(theirs, "mine"));
  }
  for (const place of places) {
    const emit = `sync emit HistoryAdded --aggregate WP01 --payload {"wp_id":"WP01","entry_type":"note","entry_content":"x"}`;
    for (const command of ["auth login", emit]) {
      const { code, stdout, stderr } = await here(command, { SPEC_KITTY_CONFIG_DIR: place });
      assert.deepEqual([code, stdout], [1, ""], `${place}: ${command}\n${stderr}`);
      assert.match(stderr, /can be changed by everyone|belongs to another user/);
    }
  }
  assert.equal(saas.requests.length, 0);
  return "held";
};
