import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { rmSync } from "node:fs";
import { after, test } from "node:test";
import { createApp } from "../../../src/app/create-app.ts";
import { chooseKey, type ChoiceFacts } from "../../../src/auth/secure-storage/key-choice.ts";
import { keychainAccountOf, keychainKey, type Keychain } from "../../../src/auth/secure-storage/keychain.ts";
import type { KeySource, KeyWay } from "../../../src/auth/secure-storage/key-slot.ts";
import { passphraseKey } from "../../../src/auth/secure-storage/passphrase-key.ts";
import { addKey } from "../../../src/auth/sessions/local-changes.ts";
import { readAll } from "../../../src/auth/sessions/store.ts";
import { AuthError } from "../../../src/base/errors.ts";
import { Secret } from "../../../src/base/secret.ts";
import { commandEnvironment, machineKeyIn, scratchFolder } from "../../helpers/command.ts";
import { refusedWith } from "../../helpers/hint.ts";

function keychainOf(entries: Map<string, Secret> = new Map()): Keychain & { entries: Map<string, Secret> } {
  return {
    entries,
    read: async (account) => entries.get(account),
    write: async (account, key) => void entries.set(account, key),
    remove: async (account) => void entries.delete(account),
  };
}

const refuse = (): Promise<never> =>
  Promise.reject(new AuthError("keychain_unavailable", "the keychain is locked", { hint: "Try again" }));
const locked: Keychain = { read: refuse, write: refuse, remove: refuse };
const machine: KeyWay = { source: "machine", kdf: "hkdf", secret: "", salt: "" };
const passphrase: KeyWay = { source: "passphrase", kdf: "scrypt", N: 16384, r: 8, p: 1, salt: "" };
const inKeychain: KeyWay = { source: "keychain", account: "sessions-old" };
const state = join(tmpdir(), `spec-kitty-key-choice-${process.pid}`);
after(() => rmSync(state, { recursive: true, force: true }));

/** For new keys. */
const sourcesWith =
  (keychain: Keychain, folder = "/home/alice/.config/spec-kitty") =>
  async (source: KeyWay["source"]): Promise<KeySource> =>
    source === "keychain"
      ? keychainKey(keychain, keychainAccountOf(folder))
      : source === "machine"
        ? machineKeyIn(state)
        : passphraseKey(new Secret("correct horse"));
const option = (value: "keychain" | "file") => ({ value, source: "--storage" });
const variable = (value: "keychain" | "file") => ({ value, source: "SPEC_KITTY_STORAGE" });

type Facts = Partial<Omit<ChoiceFacts, "consent" | "sourceOf">> & { answer?: boolean; keychain?: Keychain };
type Outcome = { source: KeyWay["source"]; asked: boolean; kept?: true } | { error: string; asked: boolean };

const table: [title: string, facts: Facts, outcome: Outcome][] = [
  ["FR-006 a keychain that answers is used without a question", {}, { source: "keychain", asked: false }],
  ["FR-007 no keychain: the file, after a yes", { keychain: locked, answer: true }, { source: "machine", asked: true }],
  ["FR-007 no keychain, and a no", { keychain: locked, answer: false }, { error: "consent_required", asked: true }],
  [
    "FR-007 no keychain, a yes, and a passphrase",
    { keychain: locked, answer: true, hasPassphrase: true },
    { source: "passphrase", asked: true },
  ],
  [
    "FR-006 a requested keychain that is missing is an error",
    { requested: option("keychain"), keychain: locked, answer: true },
    { error: "keychain_unavailable", asked: false },
  ],
  [
    "FR-006 also when the variable requests it",
    { requested: variable("keychain"), keychain: locked, answer: true },
    { error: "keychain_unavailable", asked: false },
  ],
  [
    "FR-006 a locked keychain that holds the sessions is an error, with no fallback",
    { current: inKeychain, keychain: locked, answer: true },
    { error: "keychain_unavailable", asked: false },
  ],
  [
    "FR-007 the file requested by option counts as agreed",
    { requested: option("file") },
    { source: "machine", asked: false },
  ],
  ["FR-007 also when the variable requests it", { requested: variable("file") }, { source: "machine", asked: false }],
  [
    "FR-007 the file requested, with a passphrase",
    { requested: variable("file"), hasPassphrase: true },
    { source: "passphrase", asked: false },
  ],
  [
    "FR-007 an existing file was agreed to when it was made",
    { current: machine, keychain: locked },
    { source: "machine", asked: false, kept: true },
  ],
  [
    "FR-007 also when it is requested again",
    { current: machine, requested: option("file") },
    { source: "machine", asked: false, kept: true },
  ],
  [
    "FR-007 an existing file stays the choice, keychain or not",
    { current: passphrase, hasPassphrase: true },
    { source: "passphrase", asked: false, kept: true },
  ],
  [
    "FR-007 a passphrase set since then is used from now on",
    { current: machine, hasPassphrase: true },
    { source: "passphrase", asked: false },
  ],
  [
    "FR-007 moving from the keychain to the file is agreed to with the request",
    { current: inKeychain, requested: option("file") },
    { source: "machine", asked: false },
  ],
  [
    "FR-006 moving from the file to the keychain needs none",
    { current: machine, requested: option("keychain") },
    { source: "keychain", asked: false },
  ],
];

for (const [title, facts, outcome] of table) {
  test(title, async () => {
    let asked = false;
    const { answer = false, keychain = keychainOf(), ...given } = facts;
    const choice = chooseKey({
      requested: undefined,
      current: undefined,
      sourceOf: sourcesWith(keychain),
      hasPassphrase: false,
      consent: async () => {
        asked = true;
        return answer;
      },
      ...given,
    });
    if ("error" in outcome) {
      await assert.rejects(choice, { code: outcome.error });
    } else {
      const { source, key } = await choice;
      assert.equal(source, outcome.source);
      assert.equal(key?.way.source, outcome.kept ? undefined : source);
    }
    assert.equal(asked, outcome.asked);
  });
}

const facts = (keychain: Keychain, folder?: string, more: Partial<ChoiceFacts> = {}): ChoiceFacts => ({
  requested: undefined,
  current: undefined,
  sourceOf: sourcesWith(keychain, folder),
  hasPassphrase: false,
  consent: async () => false,
  ...more,
});

test("FR-006 a keychain that accepts a key but does not return it is detected before the login", async () => {
  const forgetful: Keychain = { ...keychainOf(), write: async () => undefined };
  await assert.rejects(chooseKey(facts(forgetful, "/a", { requested: option("keychain") })), {
    code: "keychain_unavailable",
    message: /does not return the stored key/,
  });
  const entries = keychainOf();
  const another: Keychain = { ...entries, write: (account) => entries.write(account, new Secret("A".repeat(43))) };
  await assert.rejects(chooseKey(facts(another, "/a", { requested: option("keychain") })), {
    code: "keychain_unavailable",
  });
});

test("FR-006 each directory has its own keychain entry, made once and reused", async () => {
  const keychain = keychainOf();
  const first = await chooseKey(facts(keychain, "/a"));
  assert.deepEqual(await chooseKey(facts(keychain, "/a")), first);
  const other = await chooseKey(facts(keychain, "/b"));
  assert.notDeepEqual(other, first);
  assert.equal(keychain.entries.size, 2);
  const keys = [...keychain.entries.values()].map((key) => key.reveal());
  for (const key of keys) assert.equal(Buffer.from(key, "base64url").length, 32);
  await chooseKey(facts(keychain, "/a"));
  assert.deepEqual(
    [...keychain.entries.values()].map((key) => key.reveal()),
    keys,
    "what they seal must stay readable",
  );
  const elsewhere = keychainOf();
  await chooseKey(facts(elsewhere, "/a"));
  assert.equal(
    new Set([...keys, ...[...elsewhere.entries.values()].map((key) => key.reveal())]).size,
    3,
    "no two are the same",
  );
});

test("moving from the file to the keychain and back keeps every profile", async (t) => {
  const entries = new Map<string, string>();
  const keychain = {
    get: (name: string) => entries.get(name),
    set: (name: string, text: string) => void entries.set(name, text),
    delete: (name: string) => void entries.delete(name),
  };
  const env = commandEnvironment(scratchFolder(t), undefined);
  const app = () => createApp({ env, keychain });
  const add = async (source: KeyWay["source"]): Promise<unknown> =>
    addKey(await (await app().keySource(source)).create(), false, app().local);
  await add("machine");
  for (const [name, service] of Object.entries({ default: "https://one.example", work: "https://two.example" }))
    await app().store.change(name, () => ({ service, clientId: "cli_native", team: undefined, session: undefined }));

  for (const requested of ["keychain", "machine", "keychain"] as const) {
    await add(requested);
    assert.deepEqual(
      app()
        .local.keys.slots()
        .map(({ way }) => way.source),
      [requested],
      "what this machine had before no longer opens them",
    );
    assert.deepEqual(
      [...(await readAll(app().store)).profiles].map(([name, { service }]) => [name, service]),
      [
        ["default", "https://one.example"],
        ["work", "https://two.example"],
      ],
    );
  }

  entries.clear();
  await assert.rejects(
    app().store.read("work"),
    refusedWith(
      "keychain_unavailable",
      /is missing from the keychain/,
      /^Log in again: spec-kitty auth login --force$/,
    ),
  );
});
