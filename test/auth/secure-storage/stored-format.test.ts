// Values that earlier versions stored: changing any of them would log every user out.
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { oldFingerprint, oldMachineKey } from "../../../src/auth/secure-storage/old-machine-key.ts";
import { passphraseKey } from "../../../src/auth/secure-storage/passphrase-key.ts";
import { SealedFile, type KeySource } from "../../../src/auth/secure-storage/sealed-file.ts";
import { createIdentity, ownIdentity } from "../../../src/base/identity.ts";
import { Secret } from "../../../src/base/secret.ts";
import { userName } from "../../../src/platform/paths.ts";
import { machineKeyIn, scratchFolder } from "../../helpers/command.ts";

const scrypt = { kdf: "scrypt", N: 16384, r: 8, p: 1 };
const files: [source: KeySource, key: object, nonce: string, ciphertext: string][] = [
  [
    passphraseKey(new Secret("correct horse")),
    { source: "passphrase", ...scrypt, salt: "fl8qMCmZTpLg/9PlNe3Fow==" },
    "VZgn/HsRhSzWDE9r",
    "Tw9kWN2Q95SgZkIpRzLPmjYkS51Ne7C8Ns3NPw==",
  ],
  [
    oldMachineKey('["spec-kitty","0123456789abcdef0123456789abcdef",1000]', machineKeyIn("/nowhere")),
    { source: "machine", ...scrypt, salt: "0hdTGKs5Xy4eYu4Hf0HnNw==" },
    "dzEQ/suURXxUGR4t",
    "FDlSfiNVwxo7oJmslwxIJyzCAHQA+Z4ufV9RKw==",
  ],
  [
    { open: async () => Buffer.alloc(32, 7), mismatch: { message: "", hint: [] } },
    { source: "keychain", account: "sessions-0123456789ab" },
    "WiK3kNNQvPvtVFwF",
    "c1QsPnfnRCDV9BMd0mX+ow/hxDfwEjqQJ8mn6A==",
  ],
];

for (const [source, key, nonce, ciphertext] of files) {
  test(`a file of version 0.1.0 opens: ${JSON.stringify(key)}`, async (t) => {
    const folder = join(scratchFolder(t), "config");
    const path = join(folder, "credentials.json");
    mkdirSync(folder, { mode: 0o700 });
    writeFileSync(path, `${JSON.stringify({ version: 1, cipher: "AES-256-GCM", key, nonce, ciphertext }, null, 2)}\n`, {
      mode: 0o600,
    });
    assert.equal(await new SealedFile(path, () => source).read(), "the sessions");
  });
}

test("the old machine key of each tool is derived from the tool's own name, the machine and the user", () => {
  const [name, machine, user, ...others] = JSON.parse(oldFingerprint(ownIdentity)) as unknown[];
  assert.deepEqual(
    [name, typeof machine, user, others],
    ["spec-kitty", "string", process.getuid?.() ?? userName(), []],
  );
  assert.deepEqual(JSON.parse(oldFingerprint(createIdentity({ name: "acme", version: "1.0.0" }))), [
    "acme",
    machine,
    user,
  ]);
});

test("a file that is sealed with the secret of this machine opens: its key is made as it was when the file was written", async (t) => {
  const folder = join(scratchFolder(t), "state");
  mkdirSync(folder, { mode: 0o700 });
  writeFileSync(join(folder, "credentials.secret"), "00112233445566778899aabbccddeeff".repeat(2), { mode: 0o600 });
  const key = await machineKeyIn(folder).open({
    source: "machine",
    kdf: "hkdf",
    machineId: false,
    salt: "0hdTGKs5Xy4eYu4Hf0HnNw==",
  });
  assert.equal(key.toString("hex"), "3ae500c9436b7512aa5a9494e858c6b588720ce89667ae8eee4b06c42ce8d870");
});
