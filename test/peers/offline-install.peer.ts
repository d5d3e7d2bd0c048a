// Installations without a network, in a namespace, by npm. Needs Linux, unshare(1) and the right to use it.
import assert from "node:assert/strict";
import { execFileSync, spawnSync, type SpawnSyncReturns } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const enter = ["--user", "--map-root-user", "--net"];
const skip = spawnSync("unshare", [...enter, "true"]).status === 0 ? false : "no namespace without a network here";
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };

let scratch = "";
before(() => {
  scratch = mkdtempSync(join(tmpdir(), "spec-kitty-offline-"));
});
after(() => rmSync(scratch, { recursive: true, force: true }));

/** Without a network, with an empty cache; returns the directory, and what npm tried to fetch. */
function install(name: string, tarball: string, ...options: string[]): { folder: string; fetched: string } {
  const prefix = join(scratch, name);
  mkdirSync(prefix);
  const npm = ["npm", "install", "--global", "--prefix", prefix, "--cache", join(prefix, "cache"), "--loglevel=http"];
  const quiet = ["--no-update-notifier", "--no-audit", "--no-fund"];
  const done: SpawnSyncReturns<string> = spawnSync("unshare", [...enter, ...npm, ...quiet, ...options, tarball], {
    encoding: "utf8",
    env: { ...process.env, HOME: prefix },
    // Without `--offline`, npm tries an unreachable registry for two and a half minutes.
    timeout: 120_000,
  });
  assert.equal(done.status, 0, done.stderr);
  assert.equal(execFileSync(join(prefix, "bin", "spec-kitty"), ["--version"], { encoding: "utf8" }), `${version}\n`);
  const fetched = done.stderr.split("\n").filter((line) => line.includes("http fetch"));
  return { folder: join(prefix, "lib", "node_modules", "spec-kitty"), fetched: fetched.join("\n") };
}

test("the tarball of npm pack installs with --offline where there is no network, without the keychain", {
  skip,
}, () => {
  execFileSync("npm", ["pack", "--ignore-scripts", "--pack-destination", scratch], { cwd: root, stdio: "pipe" });
  const { folder, fetched } = install("plain", join(scratch, `spec-kitty-${version}.tgz`), "--offline");
  assert.equal(fetched, "");
  assert.throws(() => createRequire(join(folder, "package.json"))("@napi-rs/keyring"), { code: "MODULE_NOT_FOUND" });
});

test("the tarball of npm run pack:offline installs there as it is, with the keychain, and npm asks for nothing", {
  skip,
}, () => {
  execFileSync("npm", ["run", "pack:offline", "--", `--folder=${scratch}`], { cwd: root, stdio: "pipe" });
  const [tarball = ""] = readdirSync(scratch).filter((name) => name.includes("-offline-") && name.endsWith(".tgz"));
  const { folder, fetched } = install("bundled", join(scratch, tarball));
  assert.equal(fetched, "");
  const keychain = createRequire(join(folder, "package.json"))("@napi-rs/keyring") as object;
  assert.ok("AsyncEntry" in keychain);
});
