// A user whose home root works in, as after `sudo -E`.
import assert from "node:assert/strict";
import fs, { chmodSync, chownSync, lchownSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { test } from "node:test";
import { ensurePrivateFolder } from "../../src/platform/private-file-changes.ts";
import { scratchFolder } from "../helpers/command.ts";
import { belongs, emitLine } from "../helpers/queue.ts";
import { filesUnder, scene } from "../helpers/scene.ts";
import { signIn } from "../helpers/stored-session.ts";

test("S-009 root writes nothing through another user's link, by any command", {
  skip: process.getuid?.() !== 0 && "needs root",
}, async (t) => {
  const { env, folder, here, saas } = await scene(t);
  const [home, target, artifact] = [join(folder, "home"), join(folder, "roots"), join(folder, "plan.md")];
  writeFileSync(artifact, "# Plan\n");
  mkdirSync(home);
  mkdirSync(target, { mode: 0o700 });
  // Root's session and queue are there, and its user makes root believe that they are that home's.
  await signIn(saas, { ...env, SPEC_KITTY_CONFIG_DIR: join(target, "spec-kitty") });
  assert.equal((await here(emitLine, { SPEC_KITTY_CONFIG_DIR: join(target, "spec-kitty") })).code, 0);
  symlinkSync(target, join(home, ".config"));
  for (const path of [home, join(home, ".config")]) lchownSync(path, 12345, 12345);
  chownSync(home, 12345, 12345);
  const before = filesUnder(target);
  const theirs = { HOME: home, SPEC_KITTY_CONFIG_DIR: join(home, ".config", "spec-kitty") };
  for (const command of [
    emitLine,
    `sync upload ${artifact} ${belongs}`,
    "sync now",
    "auth login --force",
    "auth refresh",
    "auth switch default --here",
    "auth team tm_acme",
    "auth logout --force",
  ]) {
    const { code, stderr } = await here(command, theirs);
    assert.equal(code, 1, `${command}\n${stderr}`);
    assert.match(
      stderr,
      new RegExp(
        `^error: [^\n]*"${home}(/.config)?" belongs to another user \\(uid 12345\\)[^\n]*\nhint: [^\n]+\n$`,
        "m",
      ),
      command,
    );
    assert.deepEqual(filesUnder(target), before, command);
  }
  // Without the note the command goes on.
  const cluster = { apiVersion: "client.authentication.k8s.io/v1", spec: { cluster: { server: "https://a.example" } } };
  const asked = { ...theirs, KUBERNETES_EXEC_INFO: JSON.stringify(cluster) };
  assert.equal((await here("auth exec-credential --cluster https://a.example", asked)).code, 0);
  assert.deepEqual(filesUnder(target), before);
  assert.equal(saas.counters.refreshes, 0);
});

test("S-009 a directory that another user makes in the very moment in which it was missing is not trusted", {
  skip: process.platform === "win32" && "the access list of the profile folder keeps others out",
}, async (t) => {
  const folder = join(scratchFolder(t), "theirs");
  const own = fs.mkdirSync;
  t.after(() => {
    fs.mkdirSync = own;
    syncBuiltinESMExports();
  });
  fs.mkdirSync = ((path: string, ...rest: []) => {
    if (path === folder) {
      own(path);
      chmodSync(path, 0o777);
    }
    return own(path, ...rest);
  }) as typeof own;
  syncBuiltinESMExports();
  assert.throws(() => ensurePrivateFolder(join(folder, "mine")), /can be changed by everyone \(mode 0777\)/);
});
