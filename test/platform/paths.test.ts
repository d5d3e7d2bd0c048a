import assert from "node:assert/strict";
import { test } from "node:test";
import { AuthError } from "../../src/base/errors.ts";
import { ownIdentity } from "../../src/base/identity.ts";
import { configFolder, stateFolder, type Environment } from "../../src/platform/paths.ts";
import { hintOf, refusedWith } from "../helpers/hint.ts";

const configured: [title: string, platform: NodeJS.Platform, env: Environment, home: string, expected: string][] = [
  ["Linux: below ~/.config", "linux", {}, "/home/a", "/home/a/.config/spec-kitty"],
  [
    "Linux: XDG_CONFIG_HOME takes precedence over ~/.config",
    "linux",
    { XDG_CONFIG_HOME: "/x" },
    "/home/a",
    "/x/spec-kitty",
  ],
  [
    "Linux: a relative XDG_CONFIG_HOME is ignored, as its specification says",
    "linux",
    { XDG_CONFIG_HOME: "x" },
    "/home/a",
    "/home/a/.config/spec-kitty",
  ],
  ["Linux: APPDATA is nothing", "linux", { APPDATA: "/w" }, "/home/a", "/home/a/.config/spec-kitty"],
  ["FreeBSD: as on Linux", "freebsd", { XDG_CONFIG_HOME: "/x" }, "/home/a", "/x/spec-kitty"],
  ["macOS: in the library folder", "darwin", {}, "/Users/a", "/Users/a/Library/Application Support/spec-kitty"],
  [
    "macOS: XDG_CONFIG_HOME is nothing",
    "darwin",
    { XDG_CONFIG_HOME: "/x" },
    "/Users/a",
    "/Users/a/Library/Application Support/spec-kitty",
  ],
  ["Windows: in APPDATA", "win32", { APPDATA: "D:\\Roam" }, "C:\\Users\\a", "D:\\Roam\\spec-kitty"],
  [
    "Windows: without APPDATA where it would be",
    "win32",
    {},
    "C:\\Users\\a",
    "C:\\Users\\a\\AppData\\Roaming\\spec-kitty",
  ],
  [
    "Windows: XDG_CONFIG_HOME is nothing",
    "win32",
    { XDG_CONFIG_HOME: "C:\\x" },
    "C:\\Users\\a",
    "C:\\Users\\a\\AppData\\Roaming\\spec-kitty",
  ],
  [
    "Linux: SPEC_KITTY_CONFIG_DIR takes precedence, and needs no home",
    "linux",
    { SPEC_KITTY_CONFIG_DIR: "/c", XDG_CONFIG_HOME: "/x" },
    "",
    "/c",
  ],
  ["macOS: SPEC_KITTY_CONFIG_DIR takes precedence", "darwin", { SPEC_KITTY_CONFIG_DIR: "/c/../d" }, "/Users/a", "/d"],
  [
    "Windows: SPEC_KITTY_CONFIG_DIR takes precedence",
    "win32",
    { SPEC_KITTY_CONFIG_DIR: "E:/c", APPDATA: "D:\\Roam" },
    "C:\\Users\\a",
    "E:\\c",
  ],
];
for (const [title, platform, env, home, expected] of configured) {
  test(`sessions are kept, on ${title}`, () =>
    assert.equal(
      configFolder(ownIdentity, env, platform, () => home),
      expected,
    ));
}

for (const platform of ["linux", "darwin", "win32"] as const) {
  test(`without a home directory, or with one that depends on where a command is run, the error on ${platform} names the variable that helps`, () => {
    for (const home of ["", ".", "home/a"]) {
      assert.throws(
        () => configFolder(ownIdentity, {}, platform, () => home),
        (error) =>
          error instanceof AuthError &&
          error.code === "configuration_invalid" &&
          /SPEC_KITTY_CONFIG_DIR/.test(hintOf(error)),
      );
    }
  });
}

const state: [title: string, platform: NodeJS.Platform, env: Environment, home: string, expected: string][] = [
  ["Linux: below ~/.local/state", "linux", {}, "/home/a", "/home/a/.local/state/spec-kitty"],
  [
    "Linux: XDG_STATE_HOME takes precedence",
    "linux",
    { XDG_STATE_HOME: "/s", LOCALAPPDATA: "/l" },
    "/home/a",
    "/s/spec-kitty",
  ],
  [
    "Linux: a relative XDG_STATE_HOME is ignored, as its specification says",
    "linux",
    { XDG_STATE_HOME: "s" },
    "/home/a",
    "/home/a/.local/state/spec-kitty",
  ],
  [
    "Linux: SPEC_KITTY_CONFIG_DIR is nothing",
    "linux",
    { SPEC_KITTY_CONFIG_DIR: "/c" },
    "/home/a",
    "/home/a/.local/state/spec-kitty",
  ],
  [
    "macOS: in the library folder, next to that of the sessions",
    "darwin",
    { XDG_STATE_HOME: "/s", HOME: "/h" },
    "/Users/a",
    "/Users/a/Library/Application Support/spec-kitty-state",
  ],
  [
    "Windows: in LOCALAPPDATA, which does not roam",
    "win32",
    { LOCALAPPDATA: "D:\\Local", XDG_STATE_HOME: "C:\\x" },
    "C:\\Users\\a",
    "D:\\Local\\spec-kitty",
  ],
  [
    "Windows: without LOCALAPPDATA where it would be",
    "win32",
    {},
    "C:\\Users\\a",
    "C:\\Users\\a\\AppData\\Local\\spec-kitty",
  ],
];
for (const [title, platform, env, home, expected] of state) {
  test(`the secret of the file's key is kept, on ${title}`, () =>
    assert.equal(
      stateFolder(ownIdentity, env, platform, () => home),
      expected,
    ));
}

for (const [platform, variable] of [
  ["linux", /XDG_STATE_HOME/],
  ["darwin", /HOME/],
  ["win32", /LOCALAPPDATA/],
] as const) {
  test(`without a home directory for the secret, the error on ${platform} names the variable that helps, and the passphrase`, () => {
    assert.throws(
      () => stateFolder(ownIdentity, {}, platform, () => ""),
      refusedWith("configuration_invalid", /no home directory/, variable),
    );
    assert.throws(
      () => stateFolder(ownIdentity, {}, platform, () => ""),
      refusedWith("configuration_invalid", /no home directory/, /SPEC_KITTY_PASSPHRASE/),
    );
  });
}
