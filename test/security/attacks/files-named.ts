// A clone with links instead of files that its user names, and another user's pipe instead of an output.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { echo } from "../../helpers/scene.ts";
import { signIn } from "../../helpers/stored-session.ts";
import type { Attack } from "../stage.ts";

export const attack: Attack = async (stage) => {
  const { saas, env, here, folder } = await stage.scene();
  await signIn(saas, env);
  const clone = join(folder, "clone");
  const secret = join(folder, "secret.md");
  mkdirSync(clone);
  writeFileSync(secret, "hunter2");
  const links = ["file.md", "folder", "environment.md", "endless.md"];
  const targets = [secret, folder, "/proc/self/environ", "/dev/zero"];
  const isWindows = process.platform === "win32";
  for (const [index, name] of links.entries()) if (!isWindows) symlinkSync(targets[index] ?? "", join(clone, name));
  const long = join(clone, "long.md");
  writeFileSync(long, "");
  truncateSync(long, 2 ** 33);
  const belongs = "--project 6b0ed5a2-2a4c-4d83-9c3a-b5f0d4f7a111 --mission login";
  for (const name of [
    ...(isWindows ? [] : links.map((link) => (link === "folder" ? "folder/secret.md" : link))),
    "long.md",
  ])
    for (const command of [
      `sync upload ${join(clone, name)} ${belongs}`,
      `api POST ${echo} --input ${join(clone, name)}`,
      `api POST ${echo} -d @${join(clone, name)}`,
    ]) {
      const { code, stderr } = await here(command, { AWS_SECRET_ACCESS_KEY: "hunter2" });
      assert.equal(code, 2, `${command}\n${stderr}`);
      assert.doesNotMatch(stderr, /hunter2/);
    }
  if (!isWindows) {
    assert.equal((await here(`api ${echo} -o ${join(clone, "file.md")}`)).code, 2, "nothing is written through one");
    assert.equal(readFileSync(secret, "utf8"), "hunter2");
  }
  const theirs = isWindows ? undefined : await stage.other?.run(makePipe, null);
  if (theirs !== undefined) {
    stage.after(() => stage.other?.run(removePipe, theirs));
    const { code, stderr } = await here(`api ${echo} -o ${theirs}`);
    assert.equal(code, 2, "nothing is written into another user's pipe");
    assert.match(stderr, /is a pipe of another user/);
  }
  assert.equal(saas.count(echo), 0);
  return "held";
};

/** Writable for all, read by its owner. */
function makePipe(_: null, require: NodeJS.Require): string {
  const fs = require("node:fs") as typeof import("node:fs");
  const { execFileSync } = require("node:child_process") as typeof import("node:child_process");
  const folder = fs.mkdtempSync("/tmp/pipe-");
  fs.chmodSync(folder, 0o755);
  execFileSync("mkfifo", ["-m", "666", `${folder}/out.json`]);
  // With a reader, opening does not block.
  fs.openSync(`${folder}/out.json`, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
  return `${folder}/out.json`;
}

function removePipe(path: string, require: NodeJS.Require): void {
  const { rmSync } = require("node:fs") as typeof import("node:fs");
  rmSync(path.slice(0, path.lastIndexOf("/")), { recursive: true });
}
