import assert from "node:assert/strict";
import { test } from "node:test";
import { createApp } from "../../../src/app/create-app.ts";
import { addKey } from "../../../src/auth/sessions/local-changes.ts";
import { agreedKey } from "../../../src/app/login/consent.ts";
import { commandEnvironment, scratchFolder } from "../../helpers/command.ts";

test("a login that keeps the key does not undo a change of key that was made in the meantime", async (t) => {
  const env = commandEnvironment(scratchFolder(t), "http://127.0.0.1:9");
  const app = createApp({ env });
  const addSlot = async (): Promise<string> => {
    await addKey(await (await app.keySource("machine")).create(), false, app.local);
    return JSON.stringify(app.local.keys.slots());
  };
  await addSlot();
  const useKey = await agreedKey(app, undefined);
  const changed = await addSlot();
  await useKey();
  assert.equal(JSON.stringify(app.local.keys.slots()), changed);
  await app.store.removeAll();
  await useKey();
  assert.equal(
    app.local.keys.slots().length,
    1,
    "if everything was removed in the meantime, a key is needed after all",
  );
});
