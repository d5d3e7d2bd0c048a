import assert from "node:assert/strict";
import { test } from "node:test";
import { createApp } from "../../../src/app/app.ts";
import { newMachineHeader } from "../../../src/auth/secure-storage/machine-key.ts";
import { agreedKey } from "../../../src/app/login/consent.ts";
import { commandEnvironment, scratchFolder } from "../../helpers/command.ts";

test("a login that keeps the key does not undo a change of key that was made in the meantime", async (t) => {
  const env = commandEnvironment(scratchFolder(t), "http://127.0.0.1:9");
  const [first, second] = [newMachineHeader(), newMachineHeader()];
  const app = createApp({ env });
  await app.store.update((profiles) => profiles, { key: first });
  const key = await agreedKey(app, undefined);
  assert.equal(key(), undefined, "as it is");
  await createApp({ env }).store.update((profiles) => profiles, { key: second });
  assert.equal(key(), undefined);
  assert.deepEqual(app.sealedFile.header(), second);
  await app.store.removeAll();
  assert.deepEqual(key(), first, "if everything was removed in the meantime, a key is needed after all");
});
