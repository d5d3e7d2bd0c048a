// Values that earlier versions stored: changing any of them would log every user out.
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { machineFingerprint, machineKey, passphraseKey } from "../../../src/auth/secure-storage/derived-key.ts";
import { SealedFile, type KeySource } from "../../../src/auth/secure-storage/sealed-file.ts";
import { createIdentity, ownIdentity } from "../../../src/base/identity.ts";
import { Secret } from "../../../src/base/secret.ts";
import { scratchFolder } from "../../helpers/command.ts";

const scrypt = { kdf: "scrypt", N: 16384, r: 8, p: 1 };
const files: [source: KeySource, key: object, nonce: string, ciphertext: string][] = [
  [
    passphraseKey(new Secret("correct horse")),
    { source: "passphrase", ...scrypt, salt: "fl8qMCmZTpLg/9PlNe3Fow==" },
    "VZgn/HsRhSzWDE9r",
    "Tw9kWN2Q95SgZkIpRzLPmjYkS51Ne7C8Ns3NPw==",
  ],
  [
    machineKey('["spec-kitty","0123456789abcdef0123456789abcdef",1000]', undefined),
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
    writeFileSync(path, `${JSON.stringify({ version: 1, cipher: "AES-256-GCM", key, nonce, ciphertext }, null, 2)}\n`, { mode: 0o600 });
    assert.equal(await new SealedFile(path, () => source).read(), "the sessions");
  });
}

test("the machine key of each tool is derived from the tool's own name, the machine and the user", () => {
  const [name, machine, user, ...others] = JSON.parse(machineFingerprint(ownIdentity, "host", 1000)) as unknown[];
  assert.deepEqual([name, typeof machine, user, others], ["spec-kitty", "string", 1000, []]);
  assert.deepEqual(JSON.parse(machineFingerprint(createIdentity({ name: "acme", version: "1.0.0" }), "host", "alice")), ["acme", machine, "alice"]);
});
