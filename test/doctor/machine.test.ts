import assert from "node:assert/strict";
import { test } from "node:test";
import { examineKeychain } from "../../src/doctor/machine.ts";
import type { Keychain } from "../../src/auth/secure-storage/keychain.ts";

const answering: Keychain = { read: async () => undefined, write: async () => {}, remove: async () => {} };

for (const [platform, name] of [
  ["darwin", "the macOS Keychain"],
  ["win32", "the Windows Credential Manager"],
  ["linux", "the Secret Service"],
  ["freebsd", "the Secret Service"],
] as const) {
  test(`on ${platform} the keychain that responds is called ${name}`, async () => {
    const { severity, sentence } = await examineKeychain(answering, undefined, platform);
    assert.deepEqual([severity, sentence], ["ok", `${name} is available and persistent; not in use`]);
  });
}
