import assert from "node:assert/strict";
import { test } from "node:test";
import { createApp } from "../../../src/app/app.ts";
import { lockInProcess, memoryVault } from "../../../src/auth/secure-storage/memory.ts";
import type { SimpleVault } from "../../../src/auth/secure-storage/vault.ts";
import { AuthError } from "../../../src/base/errors.ts";
import { startFakeSaas } from "../../fake-saas/server.ts";
import { ManualClock } from "../../helpers/manual-clock.ts";
import { sessionOf, storeSession } from "../../helpers/stored-session.ts";

/** A vault of an embedding program, in its small form: asynchronous, as a database is. */
function place(): SimpleVault & { text(): string | undefined } {
  let content: string | undefined;
  return {
    get: async () => content,
    set: async (text) => void (content = text),
    delete: async () => void (content = undefined),
    text: () => content,
  };
}

test("NFR-015 four apps that share the vault of an embedding program make one refresh and no reuse", async (t) => {
  const saas = await startFakeSaas();
  t.after(() => saas.close());
  const storage = place();
  await storeSession(saas, {}, sessionOf(saas), { storage });
  const apps = Array.from({ length: 4 }, () => createApp({ env: {}, storage }));
  const tokens = await Promise.all(apps.map((app) => app.tokens().getAccessToken()));
  assert.equal(new Set(tokens).size, 1);
  assert.deepEqual([saas.counters.refreshes, saas.counters.reuses], [1, 0]);
  assert.ok(storage.text()?.includes(tokens[0] ?? "none"), "what was refreshed is stored in the program's own place");
});

test("a vault's own lock is used instead of the lock of this process", async (t) => {
  const saas = await startFakeSaas();
  t.after(() => saas.close());
  const taken: string[] = [];
  const storage: SimpleVault = {
    ...place(),
    lock: async (name) => (taken.push(name), { held: () => true, release: () => undefined }),
  };
  await storeSession(saas, {}, sessionOf(saas), { storage });
  taken.length = 0;
  await createApp({ env: {}, storage }).tokens().getAccessToken();
  assert.match(taken.join(" "), /^refresh-[0-9a-f]{12} credentials$/);
});

test("an error of an embedding program's vault becomes storage_unwritable, and names the cause", async (t) => {
  const saas = await startFakeSaas();
  t.after(() => saas.close());
  const storage = place();
  const session = sessionOf(saas);
  await storeSession(saas, {}, session, { storage });
  const app = createApp({
    env: {},
    storage: { ...storage, set: () => Promise.reject(new Error("no space in the database")) },
  });
  assert.notEqual(
    await app.tokens().getAccessToken(),
    session.accessToken.reveal(),
    "the refreshed token is given out all the same",
  );
  await assert.rejects(
    app.close(),
    (error) =>
      error instanceof AuthError &&
      error.code === "storage_unwritable" &&
      /no space in the database/.test(error.message),
  );
});

test("the lock of this process is handed over on release, not waited for any longer than needed, and times out", async () => {
  const vault = memoryVault();
  const clock = new ManualClock();
  const options = { clock, timeoutMs: 1_000, unless: () => false };
  const first = await lockInProcess(vault, "refresh", options);
  assert.ok(await lockInProcess(vault, "credentials", options), "another name is another lock");
  const second = lockInProcess(vault, "refresh", { ...options, timeoutMs: 60_000 });
  const third = lockInProcess(vault, "refresh", { ...options, timeoutMs: 60_000, unless: () => true });
  await assert.rejects(
    lockInProcess(vault, "refresh", { ...options, timeoutMs: 0 }),
    (error) => error instanceof AuthError && error.code === "lock_unavailable",
  );
  first?.release();
  assert.ok((await second)?.held());
  assert.equal(await third, undefined);
  assert.equal(first?.held(), false);
});
