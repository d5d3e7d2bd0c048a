// A tool whose login is in a shared store: an operator logs in once, the workers use it.
import assert from "node:assert/strict";
import { existsSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { createApp } from "../../src/app/create-app.ts";
import { fileStore } from "../../src/app/stores.ts";
import type { JsonOutput } from "../../src/cli/json-output.ts";
import { approve } from "../fake-saas/user.ts";
import { noTerminal, startOnTerminal } from "../helpers/pseudo-terminal.ts";
import { fastClock, scene } from "../helpers/scene.ts";
import { TestSharedStore } from "../helpers/shared-store.ts";

const seal = Buffer.alloc(32, 7);

test("NFR-018 a login through a store serves the programs that share it, and status and doctor name the store", async (t) => {
  const at = await scene(t);
  const store = Object.assign(new TestSharedStore(), { name: "Redis" });
  const own = { store, seal };
  assert.equal((await at.here("auth status", {}, own)).code, 4);
  const login = await at.here("auth login", {}, own);
  assert.equal(login.stdout, "✓ Logged in as alice@example.com (Acme Corp). Access token valid for 1 hour.\n");

  const worker = createApp({ env: { HOME: at.folder }, ...own });
  assert.match(await worker.tokens().getAccessToken(), /^at_/);
  assert.ok(!existsSync(at.config), "nothing of the login is on this machine");

  const { stdout } = await at.here("auth status", {}, own);
  assert.match(stdout, /^ +Storage +Redis, shared with other machines: sealed with the key of this program$/m);
  assert.doesNotMatch(stdout, new RegExp(at.config));
  const status = JSON.parse((await at.here("auth status --json", {}, own)).stdout) as JsonOutput["auth status"];
  assert.deepEqual(status.storage, { kind: "shared", name: "Redis", key: "program" });
  const report = JSON.parse((await at.here("auth doctor --json", {}, own)).stdout) as JsonOutput["auth doctor"];
  const { severity, sentence } = report.findings.find(({ number }) => number === "D401") ?? assert.fail();
  assert.deepEqual([severity, sentence], ["ok", "Redis responds; its entries are sealed with the key of this program"]);

  assert.equal((await at.here("auth logout --all", {}, own)).code, 0);
  assert.equal(store.texts.size, 0);
});

test("status and doctor say when it is the passphrase that seals a shared login, and when nothing does", async (t) => {
  const at = await scene(t);
  for (const [own, env, text] of [
    [{}, { SPEC_KITTY_PASSPHRASE: "a passphrase" }, /sealed with SPEC_KITTY_PASSPHRASE/],
    [{ seal: false }, {}, /plain text, by the choice of this program/],
  ] as const) {
    const store = new TestSharedStore();
    assert.equal((await at.here("auth login", env, { store, ...own })).code, 0);
    assert.match((await at.here("auth status", env, { store, ...own })).stdout, text);
    assert.match((await at.here("auth doctor --verbose", env, { store, ...own })).stdout, text);
  }
});

test("a store not responding: the command exits with 3, and the doctor says what to look at", async (t) => {
  const at = await scene(t);
  const store = Object.assign(new TestSharedStore(), { name: "Redis" });
  store.onCall = () => {
    throw Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" });
  };
  const own = { store, seal, clock: fastClock(100) };
  const login = await at.here("auth login", {}, own);
  assert.equal(login.code, 3);
  assert.match(login.stderr, /^error: Redis does not respond \(ECONNREFUSED\)\nhint: Check the store /m);
  assert.equal(at.saas.requests.length, 0, "nobody logs in for nothing");
  const report = JSON.parse((await at.here("auth doctor --json", {}, own)).stdout) as JsonOutput["auth doctor"];
  const { severity, sentence } = report.findings.find(({ number }) => number === "D401") ?? assert.fail();
  assert.deepEqual([severity, sentence], ["critical", "Redis does not respond (ECONNREFUSED)"]);
});

test("a login of another name is stored under that name, and the program goes on with its own", async (t) => {
  const at = await scene(t);
  const store = new TestSharedStore();
  const { code, stderr } = await at.here("auth login --profile bob", {}, { store, seal });
  assert.equal(code, 0, stderr);
  assert.match(stderr, /^This program uses the login "default"\.\nhint: /m);
  assert.deepEqual([...store.texts.keys()], ["spec-kitty/logins/bob"]);
  assert.equal((await at.here("auth status", {}, { store, seal, login: "bob" })).code, 0);
});

test("a person at a terminal logs in through a store, and the command ends", { skip: noTerminal }, async (t) => {
  const at = await scene(t);
  const program = join(at.folder, "acme.mjs");
  const entry = (name: string): string => JSON.stringify(new URL(`../../dist/${name}`, import.meta.url).href);
  writeFileSync(
    program,
    `import { createCommand } from ${entry("cli/main.js")};
import { fileStore } from ${entry("app/stores.js")};
const store = fileStore(${JSON.stringify(join(at.folder, "store"))});
const acme = { name: "acme", version: "1.0.0", issuer: ${JSON.stringify(at.saas.url)}, store, seal: Buffer.alloc(32, 7) };
process.exitCode = await createCommand(acme).run(process.argv.slice(2));`,
  );
  const login = startOnTerminal(t, ["auth", "login", "--no-browser"], at.env, program);
  const [address = ""] = await login.shows(/http:\/\/\S+/);
  await approve(address);
  const { code, stdout } = await login.ended;
  assert.equal(code, 0, stdout);
  assert.match(stdout, /Logged in as alice@example\.com/);
  assert.equal((await startOnTerminal(t, ["auth", "status"], at.env, program).ended).code, 0);
});

test("unreadable files of a store do not mean that no user is logged in", async (t) => {
  const at = await scene(t);
  const place = join(at.folder, "store");
  const own = { store: fileStore(place), seal, clock: fastClock(100) };
  assert.equal((await at.here("auth login", {}, own)).code, 0);
  renameSync(place, `${place}-elsewhere`);
  assert.equal((await at.here("auth token", {}, own)).code, 4, "there are none");
  writeFileSync(place, "");
  const { code, stderr } = await at.here("auth token", {}, own);
  assert.equal(code, 3);
  assert.match(stderr, /^error: .* does not respond \(ENOTDIR\)$/m);
});
