import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { test } from "node:test";
import { scene, type Scene } from "../../helpers/scene.ts";
import { signIn } from "../../helpers/stored-session.ts";

const needsRoot = process.getuid?.() === 0 ? false : "needs root";

for (const [what, spoil, error, hint, skip] of [
  [
    "belongs to another user",
    ({ credentials }) => chownSync(credentials, 12345, 12345),
    /belongs to another user \(uid 12345\): not trusted/,
    /Set SPEC_KITTY_CONFIG_DIR/,
    needsRoot,
  ],
  [
    "can be read by the group",
    ({ credentials }) => chmodSync(credentials, 0o640),
    /can be read by others \(mode 0640\)/,
    /Run: chmod 600 /,
    false,
  ],
  [
    "is a symbolic link",
    ({ credentials }) => (
      renameSync(credentials, `${credentials}.real`), symlinkSync(`${credentials}.real`, credentials)
    ),
    /is a symbolic link: not trusted/,
    /Remove the link: rm /,
    false,
  ],
  [
    "is a dangling symbolic link",
    ({ credentials }) => (rmSync(credentials), symlinkSync("/nowhere", credentials)),
    /is a symbolic link: not trusted/,
    /Remove the link: rm /,
    false,
  ],
  [
    "is a directory",
    ({ credentials }) => (rmSync(credentials), mkdirSync(credentials)),
    /is not a regular file: not trusted/,
    /Move it: mv /,
    false,
  ],
  [
    "is a named pipe",
    ({ credentials }) => (rmSync(credentials), void spawnSync("mkfifo", ["-m", "600", credentials])),
    /is not a regular file/,
    /Move it: mv /,
    false,
  ],
  [
    "is truncated",
    ({ credentials }) => writeFileSync(credentials, readFileSync(credentials).subarray(0, 200)),
    /is damaged: it was truncated or changed/,
    /Log in again: spec-kitty auth login --force$/,
    false,
  ],
  [
    "is larger than this program writes",
    ({ credentials }) => truncateSync(credentials, 16 * 1024 * 1024 + 1),
    /is 16777217 bytes long, far more than this program writes/,
    /Look at it: ls -la /,
    false,
  ],
  ["is empty", ({ credentials }) => writeFileSync(credentials, ""), /is damaged/, /auth login --force/, false],
  [
    "holds something else",
    ({ credentials }) => writeFileSync(credentials, "null\n"),
    /is damaged/,
    /auth login --force/,
    false,
  ],
  [
    "is from a newer version",
    ({ credentials }) =>
      writeFileSync(credentials, readFileSync(credentials, "utf8").replace('"version": 1', '"version": 2')),
    /has the format of a newer version/,
    /Update to the latest version/,
    false,
  ],
  [
    "lies in a folder that others can write in",
    ({ config }) => chmodSync(config, 0o777),
    /config" can be changed by others \(mode 0777\): not trusted/,
    /Run: chmod 700 \S+config$/,
    false,
  ],
  [
    "lies in a folder of another user",
    ({ config }) => chownSync(config, 12345, 12345),
    /config" belongs to another user \(uid 12345\)/,
    /Set SPEC_KITTY_CONFIG_DIR/,
    needsRoot,
  ],
] as [string, (it: Scene) => void, RegExp, RegExp, string | false][]) {
  test(`NFR-013 a file of the keys that ${what} is refused by every command and left as it is`, { skip }, async (t) => {
    const it = await scene(t);
    await signIn(it.saas, it.env);
    spoil(it);
    const requests = it.saas.requests.length;
    const seen = (): unknown => {
      const stats = lstatSync(it.credentials);
      return [
        stats.ino,
        stats.mode,
        stats.uid,
        stats.size,
        stats.mtimeMs,
        stats.isFile() && readFileSync(it.credentials, "hex"),
      ];
    };
    const before = seen();
    const commands = ["auth status", "auth login", "auth refresh", "auth whoami", "auth token", "auth logout"];
    // --force ignores what cannot be opened, but never what another user may have put there.
    if (/not trusted|can be|another user/.test(error.source)) commands.push("auth login --force");
    for (const line of commands) {
      const { code, stdout, stderr } = await it.here(line);
      assert.deepEqual([code, stdout], [1, ""], `${line}: ${stderr}`);
      assert.match(stderr, new RegExp(`^error: [^\\n]*${error.source}`, "m"), line);
      assert.match(stderr, new RegExp(`^hint: [^\\n]*${hint.source}`, "m"), line);
    }
    assert.deepEqual(seen(), before);
    assert.equal(it.saas.requests.length, requests, "the service was asked");
  });
}
