import assert from "node:assert/strict";
import { chmodSync, chownSync, mkdirSync, realpathSync, symlinkSync, writeFileSync } from "node:fs";
import module from "node:module";
import { dirname, join } from "node:path";
import { test, type TestContext } from "node:test";
import { findKeychainLibrary, type KeychainLibrary } from "../../../src/auth/secure-storage/keychain-library.ts";
import { scratchFolder } from "../../helpers/command.ts";

const modules = "node_modules";
const linux = { platform: "linux", arch: "x64" };
const unpermitted = { skip: process.platform === "win32" && "modes say nothing on Windows" };

interface Tree {
  at(path: string): string;
  /** With its directories. */
  file(path: string, text?: string): string;
  link(path: string, target: string): void;
  /** The dependency with its native file for Linux, in a `node_modules`. */
  keyring(folder: string): string;
}

function tree(t: TestContext): Tree {
  // For every umask, directories are as installed.
  const mask = process.umask(0o022);
  t.after(() => process.umask(mask));
  const root = realpathSync(scratchFolder(t));
  const at = (path: string): string => join(root, path);
  const file = (path: string, text = ""): string => {
    mkdirSync(dirname(at(path)), { recursive: true, mode: 0o755 });
    writeFileSync(at(path), text, { mode: 0o644 });
    return at(path);
  };
  return {
    at,
    file,
    link(path, target) {
      mkdirSync(dirname(at(path)), { recursive: true });
      symlinkSync(at(target), at(path));
    },
    keyring(folder) {
      file(`${folder}/@napi-rs/keyring/package.json`, "{}");
      return file(`${folder}/@napi-rs/keyring-linux-x64-gnu/keyring.linux-x64-gnu.node`);
    },
  };
}

/** An installed package with a module; returns its path. */
function packageIn({ file }: Tree, folder: string, name = "some-tool"): string {
  file(`${folder}/package.json`, JSON.stringify({ name }));
  return file(`${folder}/dist/auth/module.js`);
}

const missing: KeychainLibrary = { missing: "it is not installed next to this program" };

test("the keychain's library is found next to the package, and in the package's own node_modules", (t) => {
  const files = tree(t);
  const module = packageIn(files, `${modules}/some-tool`);
  const sibling = files.keyring(modules);
  assert.deepEqual(findKeychainLibrary([module], linux), { files: [sibling] });
  const own = files.keyring(`${modules}/some-tool/${modules}`);
  assert.deepEqual(findKeychainLibrary([module], linux), { files: [own, sibling] });
  const scoped = packageIn(files, `${modules}/@scope/tool`, "@scope/tool");
  assert.deepEqual(findKeychainLibrary([scoped], linux), { files: [sibling] });
});

test("the keychain's library is found through the links of pnpm's store", (t) => {
  const files = tree(t);
  const store = (name: string): string => `${modules}/.pnpm/${name.replace("/", "+")}@1/${modules}`;
  const module = packageIn(files, `${store("some-tool")}/some-tool`);
  files.link(`${modules}/some-tool`, `${store("some-tool")}/some-tool`);
  files.file(`${store("@napi-rs/keyring")}/@napi-rs/keyring/package.json`, "{}");
  const native = "@napi-rs/keyring-linux-x64-musl";
  const file = files.file(`${store(native)}/${native}/keyring.linux-x64-musl.node`);
  files.link(`${store("@napi-rs/keyring")}/${native}`, `${store(native)}/${native}`);
  files.link(`${store("some-tool")}/@napi-rs/keyring`, `${store("@napi-rs/keyring")}/@napi-rs/keyring`);
  assert.deepEqual(findKeychainLibrary([module], linux), { files: [file] });
});

test("with Plug'n'Play the keychain's library is where the project's table says, and only for a package in that table", (t) => {
  const files = tree(t);
  const [mine, other] = [
    files.at(`.yarn/cache/some-tool.zip/${modules}/some-tool/index.js`),
    packageIn(files, "other"),
  ];
  const native = files.file(".yarn/unplugged/keyring.linux-x64-gnu.node");
  const manifest = files.at(`.yarn/cache/keyring.zip/${modules}/@napi-rs/keyring/package.json`);
  const known: Record<string, string> = {
    [`@napi-rs/keyring/package.json < ${mine}`]: manifest,
    [`@napi-rs/keyring-linux-x64-gnu < ${manifest}`]: native,
  };
  const api = {
    findPackageLocator: (file: string) => (file === mine ? {} : null),
    resolveRequest: (request: string, issuer: string) =>
      known[`${request} < ${issuer}`] ?? assert.fail("not a dependency"),
  };
  Object.assign(module, { findPnpApi: () => api });
  t.after(() => Object.assign(module, { findPnpApi: undefined }));
  assert.deepEqual(findKeychainLibrary([mine], linux), { files: [native] });
  assert.deepEqual(findKeychainLibrary([other], linux), missing);
});

test("a program that a bundler made finds the keychain's library next to it, or next to its manifest", (t) => {
  const files = tree(t);
  const bundle = files.file("app/dist/program.mjs");
  assert.deepEqual(findKeychainLibrary([bundle], linux), missing);
  const atManifest = files.keyring(`app/${modules}`);
  assert.deepEqual(findKeychainLibrary([bundle], linux), missing);
  files.file("app/dist/package.json", '{ "type": "module" }');
  files.file("app/package.json", '{ "private": true }');
  assert.deepEqual(findKeychainLibrary([bundle], linux), { files: [atManifest] });
  const beside = files.keyring(`app/dist/${modules}`);
  assert.deepEqual(findKeychainLibrary([bundle], linux), { files: [beside, atManifest] });
});

test("S-012 the keychain's library is looked for neither above the package nor above the dependency", (t) => {
  const files = tree(t);
  const module = packageIn(files, "project/package");
  files.file("package.json", '{ "name": "planted" }');
  files.keyring(modules);
  assert.deepEqual(findKeychainLibrary([module], linux), missing);
  files.file(`project/package/${modules}/@napi-rs/keyring/package.json`, "{}");
  assert.deepEqual(findKeychainLibrary([module], linux), missing);
});

/** What another user could use to replace the library. */
const openings: [title: string, open: (files: Tree) => string, mode: string][] = [
  ["a folder above that everybody can write", ({ at }) => (chmodSync(at("project"), 0o777), at("project")), "777"],
  [
    "a folder in between that everybody can write",
    ({ at }) => (chmodSync(at(`project/${modules}/@napi-rs`), 0o777), at(`project/${modules}/@napi-rs`)),
    "777",
  ],
  [
    "a file that everybody can write",
    ({ at }) => {
      const file = at(`project/${modules}/@napi-rs/keyring-linux-x64-gnu/keyring.linux-x64-gnu.node`);
      chmodSync(file, 0o666);
      return file;
    },
    "666",
  ],
];
for (const [title, open, mode] of openings) {
  test(`S-012 the keychain's library is not loaded from ${title}`, unpermitted, (t) => {
    const files = tree(t);
    const module = packageIn(files, `project/${modules}/some-tool`);
    files.keyring(`project/${modules}`);
    const path = open(files);
    assert.deepEqual(findKeychainLibrary([module], linux), {
      open: { path, mode: Number.parseInt(mode, 8), uid: process.geteuid?.() },
    });
  });
}

test(
  "S-012 the keychain's library is not loaded through a link that stands in a directory that everybody can write",
  unpermitted,
  (t) => {
    const files = tree(t);
    const module = packageIn(files, "project/some-tool");
    files.keyring(`trusted/${modules}`);
    files.link("shared/current", "trusted");
    files.link(`project/some-tool/${modules}`, `shared/current/${modules}`);
    assert.ok("files" in findKeychainLibrary([module], linux));
    chmodSync(files.at("shared"), 0o777);
    assert.deepEqual(findKeychainLibrary([module], linux), {
      open: { path: files.at("shared"), mode: 0o777, uid: process.geteuid?.() },
    });
  },
);

test("S-012 the keychain's library is not loaded from a directory of another user", {
  skip: process.getuid?.() !== 0 && "needs root",
}, (t) => {
  const files = tree(t);
  const module = packageIn(files, `project/${modules}/some-tool`);
  files.keyring(`project/${modules}`);
  chownSync(files.at(`project/${modules}/@napi-rs`), 12345, 12345);
  assert.deepEqual(findKeychainLibrary([module], linux), {
    open: { path: files.at(`project/${modules}/@napi-rs`), mode: 0o755, uid: 12345 },
  });
});

test(
  "S-012 what another user could replace is passed over where the library is also at a place that is safe",
  unpermitted,
  (t) => {
    const files = tree(t);
    const module = packageIn(files, `${modules}/some-tool`);
    files.keyring(`${modules}/some-tool/${modules}`);
    const safe = files.keyring(modules);
    chmodSync(files.at(`${modules}/some-tool/${modules}`), 0o777);
    assert.deepEqual(findKeychainLibrary([module], linux), { files: [safe] });
  },
);
