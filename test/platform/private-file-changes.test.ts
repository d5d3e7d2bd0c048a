import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { reservePrivateFile } from "../../src/platform/private-file-changes.ts";
import { maxBytes } from "../../src/platform/private-files.ts";
import { scratchFolder } from "../helpers/command.ts";

test("content that is too long to be read again does not replace what is there", async (t) => {
  const folder = scratchFolder(t);
  const path = join(folder, "file");
  await (await reservePrivateFile(path, 3)).commit("old");
  const next = await reservePrivateFile(path, 3);
  await assert.rejects(next.commit("x".repeat(maxBytes + 1)), { code: "storage_unwritable" });
  assert.deepEqual([readFileSync(path, "utf8"), readdirSync(folder)], ["old", ["file"]]);
});

test("what writers of this file left when they were killed is removed by the next, and nothing else", async (t) => {
  const folder = scratchFolder(t);
  const { pid } = spawnSync(process.execPath, ["-e", "0"]);
  const left = `.file.${pid}.0123456789ab.tmp`;
  const others = [`.file.${process.pid}.0123456789ab.tmp`, `.other.${pid}.0123456789ab.tmp`];
  for (const name of [left, ...others]) writeFileSync(join(folder, name), "");
  await (await reservePrivateFile(join(folder, "file"), 0)).commit("new");
  assert.deepEqual(readdirSync(folder).sort(), [...others, "file"].sort());
});
