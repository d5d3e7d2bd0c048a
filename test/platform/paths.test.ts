import assert from "node:assert/strict";
import { test } from "node:test";
import { AuthError } from "../../src/base/errors.ts";
import { ownIdentity } from "../../src/base/identity.ts";
import { configFolder, runtimeFolder, type Environment } from "../../src/platform/paths.ts";
import { hintOf } from "../helpers/hint.ts";

const configured: [title: string, platform: NodeJS.Platform, env: Environment, home: string, expected: string][] = [
  ["Linux: below ~/.config", "linux", {}, "/home/a", "/home/a/.config/spec-kitty"],
  ["Linux: XDG_CONFIG_HOME takes precedence over ~/.config", "linux", { XDG_CONFIG_HOME: "/x" }, "/home/a", "/x/spec-kitty"],
  ["Linux: a relative XDG_CONFIG_HOME is ignored, as its specification says", "linux", { XDG_CONFIG_HOME: "x" }, "/home/a", "/home/a/.config/spec-kitty"],
  ["Linux: APPDATA is nothing", "linux", { APPDATA: "/w" }, "/home/a", "/home/a/.config/spec-kitty"],
  ["FreeBSD: as on Linux", "freebsd", { XDG_CONFIG_HOME: "/x" }, "/home/a", "/x/spec-kitty"],
  ["macOS: in the library folder", "darwin", {}, "/Users/a", "/Users/a/Library/Application Support/spec-kitty"],
  ["macOS: XDG_CONFIG_HOME is nothing", "darwin", { XDG_CONFIG_HOME: "/x" }, "/Users/a", "/Users/a/Library/Application Support/spec-kitty"],
  ["Windows: in APPDATA", "win32", { APPDATA: "D:\\Roam" }, "C:\\Users\\a", "D:\\Roam\\spec-kitty"],
  ["Windows: without APPDATA where it would be", "win32", {}, "C:\\Users\\a", "C:\\Users\\a\\AppData\\Roaming\\spec-kitty"],
  ["Windows: XDG_CONFIG_HOME is nothing", "win32", { XDG_CONFIG_HOME: "C:\\x" }, "C:\\Users\\a", "C:\\Users\\a\\AppData\\Roaming\\spec-kitty"],
  ["Linux: SPEC_KITTY_CONFIG_DIR takes precedence, and needs no home", "linux", { SPEC_KITTY_CONFIG_DIR: "/c", XDG_CONFIG_HOME: "/x" }, "", "/c"],
  ["macOS: SPEC_KITTY_CONFIG_DIR takes precedence", "darwin", { SPEC_KITTY_CONFIG_DIR: "/c/../d" }, "/Users/a", "/d"],
  ["Windows: SPEC_KITTY_CONFIG_DIR takes precedence", "win32", { SPEC_KITTY_CONFIG_DIR: "E:/c", APPDATA: "D:\\Roam" }, "C:\\Users\\a", "E:\\c"],
];
for (const [title, platform, env, home, expected] of configured) {
  test(`sessions are kept, on ${title}`, () => assert.equal(configFolder(ownIdentity, env, platform, () => home), expected));
}

for (const platform of ["linux", "darwin", "win32"] as const) {
  test(`without a home folder, or with one that depends on where a command is run, the error on ${platform} names the variable that helps`, () => {
    for (const home of ["", ".", "home/a"]) {
      assert.throws(() => configFolder(ownIdentity, {}, platform, () => home), (error) => error instanceof AuthError && error.code === "configuration_invalid" && /SPEC_KITTY_CONFIG_DIR/.test(hintOf(error)));
    }
  });
}

const runtime: [title: string, platform: NodeJS.Platform, env: Environment, temporary: string, uid: number | undefined, expected: string][] = [
  ["Linux: XDG_RUNTIME_DIR", "linux", { XDG_RUNTIME_DIR: "/run/user/7" }, "/tmp", 7, "/run/user/7/spec-kitty"],
  ["Linux: else the temporary folder, by the user's number", "linux", {}, "/tmp", 7, "/tmp/spec-kitty-7"],
  ["Linux: not a relative XDG_RUNTIME_DIR", "linux", { XDG_RUNTIME_DIR: "run" }, "/tmp", 7, "/tmp/spec-kitty-7"],
  ["macOS: the temporary folder, by the user's number", "darwin", {}, "/var/folders/z/T", 501, "/var/folders/z/T/spec-kitty-501"],
  ["Windows: the temporary folder, which is the user's already", "win32", { XDG_RUNTIME_DIR: "C:\\x" }, "C:\\Users\\a\\AppData\\Local\\Temp", undefined, "C:\\Users\\a\\AppData\\Local\\Temp\\spec-kitty"],
];
for (const [title, platform, env, temporary, uid, expected] of runtime) {
  test(`what does not outlive the machine's uptime is put, on ${title}`, () => assert.equal(runtimeFolder(ownIdentity, env, platform, temporary, uid), expected));
}
