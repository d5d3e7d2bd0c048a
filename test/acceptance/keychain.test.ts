import assert from "node:assert/strict";
import { chmodSync, cpSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { commandEnvironment, runCommand, scratchFolder } from "../helpers/command.ts";

// For every umask, directories are as installed.
process.umask(0o022);

const root = fileURLToPath(new URL("../..", import.meta.url));

/** A copy of the command without its optional dependency. */
function copiedTo(folder: string): string {
  for (const name of ["bin", "dist", "package.json"]) cpSync(join(root, name), join(folder, name), { recursive: true });
  return join(folder, "bin", "spec-kitty.js");
}

function put(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

test("S-012 another user's module in a node_modules above the package is not run for the keychain", async (t) => {
  const folder = scratchFolder(t);
  const program = copiedTo(join(folder, "shared", "tools", "package"));
  const modules = join(folder, "shared", "node_modules", "@napi-rs");
  const spoils = join(folder, "spoils");
  const planted = `require("node:fs").writeFileSync(${JSON.stringify(spoils)}, JSON.stringify(process.env)); exports.Entry = class { getSecret() {} setSecret() {} };`;
  for (const name of ["keyring", `keyring-${process.platform}-${process.arch}-gnu`]) {
    put(
      join(modules, name, "package.json"),
      JSON.stringify({ name: `@napi-rs/${name}`, version: "99.0.0", main: "index.js" }),
    );
    put(join(modules, name, "index.js"), planted);
  }
  chmodSync(join(folder, "shared"), 0o777);
  const env = commandEnvironment(folder, "https://service.example", {
    SPEC_KITTY_STORAGE: undefined,
    SPEC_KITTY_PASSPHRASE: "a secret",
  });
  const { code, stderr } = await runCommand(t, ["auth", "login", "--storage", "keychain"], env, { program });
  assert.equal(existsSync(spoils), false, "it was run");
  assert.equal(code, 1);
  assert.match(
    stderr,
    /^error: no OS keychain is available: cannot load the optional package "@napi-rs\/keyring" \(it is not installed next to this program\)$/m,
  );
  assert.match(stderr, /^hint: Store the key elsewhere: spec-kitty auth login --storage file/m);
});

test("S-012 a library that every user could replace is not loaded, and the error says how to close its directory", {
  skip: process.platform === "win32" && "modes say nothing on Windows",
}, async (t) => {
  const folder = scratchFolder(t);
  const program = copiedTo(join(folder, "package"));
  const native = `keyring-${process.platform}-${process.arch}`;
  for (const name of ["keyring", native, `${native}-gnu`, `${native}-musl`])
    put(join(folder, "package", "node_modules", "@napi-rs", name, `${name.replace("-", ".")}.node`), "");
  const open = join(folder, "package", "node_modules");
  chmodSync(open, 0o777);
  const env = commandEnvironment(folder, "https://service.example", { SPEC_KITTY_STORAGE: undefined });
  const { code, stderr } = await runCommand(t, ["auth", "login", "--storage", "keychain"], env, { program });
  assert.equal(code, 1);
  assert.match(
    stderr,
    /^error: the keychain's library is not loaded, since "[^"]+node_modules" can be changed by others \(mode 0777\)$/m,
  );
  assert.ok(
    stderr.includes(`hint: Run: chmod go-w ${open}. Or store the key elsewhere: spec-kitty auth login --storage file`),
    stderr,
  );
});
