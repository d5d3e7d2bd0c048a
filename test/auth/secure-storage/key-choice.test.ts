import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { chooseKey, type ChoiceFacts } from "../../../src/auth/secure-storage/key-choice.ts";
import { keychainKey, type Keychain } from "../../../src/auth/secure-storage/keychain.ts";
import { newMachineHeader } from "../../../src/auth/secure-storage/machine-key.ts";
import { newPassphraseHeader } from "../../../src/auth/secure-storage/passphrase-key.ts";
import { SealedFile } from "../../../src/auth/secure-storage/sealed-file.ts";
import type { KeyHeader } from "../../../src/auth/secure-storage/vault.ts";
import { withProfile, type Profile } from "../../../src/auth/session.ts";
import { SessionStore } from "../../../src/auth/session-store.ts";
import { AuthError } from "../../../src/base/errors.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import type { Secret } from "../../../src/base/secret.ts";
import { machineKeyIn, scratchFolder } from "../../helpers/command.ts";
import { refusedWith } from "../../helpers/hint.ts";

/** A keychain in memory. */
function keychainOf(entries: Map<string, Secret> = new Map()): Keychain & { entries: Map<string, Secret> } {
  return {
    entries,
    read: async (account) => entries.get(account),
    write: async (account, key) => void entries.set(account, key),
    remove: async (account) => void entries.delete(account),
  };
}

const refuse = (): Promise<never> => Promise.reject(new AuthError("keychain_unavailable", "the keychain is locked"));
const locked: Keychain = { read: refuse, write: refuse, remove: refuse };
const machine = newMachineHeader();
const passphrase = newPassphraseHeader();
const inKeychain: KeyHeader = { source: "keychain", account: "sessions-old" };
const option = (value: "keychain" | "file") => ({ value, source: "--storage" });
const variable = (value: "keychain" | "file") => ({ value, source: "SPEC_KITTY_STORAGE" });

type Facts = Partial<Omit<ChoiceFacts, "consent">> & { answer?: boolean };
type Outcome = { source: KeyHeader["source"]; asked: boolean; kept?: true } | { error: string; asked: boolean };

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
    "FR-007 the file requested by option still needs a yes",
    { requested: option("file"), answer: true },
    { source: "machine", asked: true },
  ],
  ["FR-007 and a no is a no", { requested: option("file"), answer: false }, { error: "consent_required", asked: true }],
  [
    "FR-007 the file requested by variable counts as agreed",
    { requested: variable("file") },
    { source: "machine", asked: false },
  ],
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
    "FR-007 moving from the keychain to the file needs a yes",
    { current: inKeychain, requested: option("file"), answer: true },
    { source: "machine", asked: true },
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
    const { answer = false, ...given } = facts;
    const choice = chooseKey({
      requested: undefined,
      current: undefined,
      keychain: keychainOf(),
      folder: "/home/alice/.config/spec-kitty",
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
      const header = await choice;
      assert.equal(header.source, outcome.source);
      assert.equal(header === facts.current, outcome.kept === true);
    }
    assert.equal(asked, outcome.asked);
  });
}

const facts = (more: Partial<ChoiceFacts>): ChoiceFacts => ({
  requested: undefined,
  current: undefined,
  keychain: locked,
  folder: "/a",
  hasPassphrase: false,
  consent: async () => false,
  ...more,
});

test("FR-006 a keychain that accepts a key but does not return it is detected before the login", async () => {
  const forgetful: Keychain = { ...keychainOf(), write: async () => undefined };
  await assert.rejects(chooseKey(facts({ keychain: forgetful, requested: option("keychain") })), {
    code: "keychain_unavailable",
    message: /does not return it/,
  });
});

test("FR-006 each folder has its own keychain entry, made once and reused", async () => {
  const keychain = keychainOf();
  const first = await chooseKey(facts({ keychain }));
  assert.deepEqual(await chooseKey(facts({ keychain })), first);
  const other = await chooseKey(facts({ keychain, folder: "/b" }));
  assert.notDeepEqual(other, first);
  assert.equal(keychain.entries.size, 2);
  for (const key of keychain.entries.values()) assert.equal(Buffer.from(key.reveal(), "base64url").length, 32);
});

test("moving from the file to the keychain and back keeps every profile", async (t) => {
  const scratch = scratchFolder(t);
  const keychain = keychainOf();
  const path = join(scratch, "config", "credentials.json");
  const open = (): { file: SealedFile; store: SessionStore } => {
    const file = new SealedFile(path, ({ source }) =>
      source === "keychain" ? keychainKey(keychain) : machineKeyIn(join(scratch, "state")),
    );
    return { file, store: new SessionStore(file, systemClock) };
  };
  const profile = (service: string): Profile => ({
    service,
    clientId: "cli_native",
    team: undefined,
    session: undefined,
  });
  await open().store.update(
    (stored) =>
      withProfile(
        withProfile(stored, "default", profile("https://one.example")),
        "work",
        profile("https://two.example"),
      ),
    { key: machine },
  );

  for (const requested of ["keychain", "file", "keychain"] as const) {
    const { file, store } = open();
    const key = await chooseKey(
      facts({ keychain, requested: option(requested), current: file.header(), consent: async () => true }),
    );
    await store.update((stored) => stored, { key });
    const again = open();
    assert.equal(again.file.header()?.source, requested === "keychain" ? "keychain" : "machine");
    const { profiles } = await again.store.read();
    assert.deepEqual(
      [...profiles].map(([name, { service }]) => [name, service]),
      [
        ["default", "https://one.example"],
        ["work", "https://two.example"],
      ],
    );
  }

  keychain.entries.clear();
  await assert.rejects(
    open().store.read(),
    refusedWith("keychain_unavailable", /no longer has the key/, /^Log in again: spec-kitty auth login --force$/),
  );
});
