import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { DataKey, KeySlots } from "../../../src/auth/secure-storage/data-key.ts";
import { addSlot, removeSlots } from "../../../src/auth/secure-storage/key-slot-changes.ts";
import type { KeySource, KeyWay } from "../../../src/auth/secure-storage/key-slot.ts";
import { passphraseKey } from "../../../src/auth/secure-storage/passphrase-key.ts";
import { AuthError } from "../../../src/base/errors.ts";
import { Secret } from "../../../src/base/secret.ts";
import { scratchFolder } from "../../helpers/command.ts";
import { refusedWith } from "../../helpers/hint.ts";

const content = JSON.stringify({ user: "alice@example.com", token: "rt_0123456789abcdef", name: "Zoë ✓" });

function isStorageError(error: unknown): boolean {
  return (
    error instanceof AuthError &&
    /^(storage_damaged|storage_unreadable|keychain_unavailable)$/.test(error.code) &&
    error.hint !== undefined
  );
}

test("NFR-010 every changed bit of what is sealed is detected, and so is every cut and every byte too many", () => {
  const key = new DataKey("01234567", Buffer.alloc(32, 7), "/keys");
  const sealed = key.seal("a/b", content);
  assert.equal(key.open("a/b", sealed), content);
  for (let byte = 0; byte < sealed.length; byte += 1) {
    for (let bit = 0; bit < 8; bit += 1) {
      const changed = Buffer.from(sealed);
      changed[byte] = (changed[byte] ?? 0) ^ (1 << bit);
      assert.throws(() => key.open("a/b", changed), isStorageError, `bit ${bit} of byte ${byte}`);
    }
    assert.throws(() => key.open("a/b", sealed.subarray(0, byte)), isStorageError, `${byte} bytes`);
  }
  assert.throws(() => key.open("a/b", Buffer.concat([sealed, Buffer.from("\n")])), isStorageError);
});

test("NFR-010 what was put in the place of another does not open there, and neither does it with another key", () => {
  const key = new DataKey("01234567", Buffer.alloc(32, 7), "/keys");
  const sealed = key.seal("alice/login", content);
  assert.throws(() => key.open("bob/login", sealed), { code: "storage_damaged" });
  assert.throws(() => new DataKey("01234567", Buffer.alloc(32, 8), "/keys").open("alice/login", sealed), {
    code: "storage_damaged",
  });
  const later = Buffer.concat([Buffer.from("2 AES-256-GCM-SIV\n"), sealed.subarray(14)]);
  assert.throws(() => key.open("alice/login", later), { code: "storage_unreadable", message: /newer version/ });
});

test("the same content is sealed differently each time, and neither it nor the name of its file is in the clear", () => {
  const key = new DataKey("01234567", Buffer.alloc(32, 7), "/keys");
  const [first, second] = [key.seal("a", content), key.seal("a", content)];
  assert.ok(!first.equals(second) && !first.subarray(14, 26).equals(second.subarray(14, 26)), "another nonce");
  assert.ok(!first.includes("rt_0123"));
  assert.match(key.hiddenName("work"), /^[0-9a-f]{16}$/);
  assert.notEqual(key.hiddenName("work"), new DataKey("0", Buffer.alloc(32, 8), "/keys").hiddenName("work"));
});

/** Cheap keys, for thousands of damaged files. */
const quickKey = (account: string): KeySource => ({
  open: async ({ way }) => createHash("sha256").update(JSON.stringify(way)).digest(),
  create: async () => {
    const way: KeyWay = { source: "keychain", account };
    return { way, key: createHash("sha256").update(JSON.stringify(way)).digest() };
  },
  mismatch: { message: "it was changed", hint: ["Restore it"] },
});

interface Slots {
  path: string;
  /** As opened by a new process on a machine. */
  on(machine: string, source?: KeySource, hasPassphrase?: boolean): KeySlots;
  add(machine: string, source?: KeySource, startsOver?: boolean): Promise<unknown>;
}

function slotsIn(t: TestContext): Slots {
  const path = join(scratchFolder(t), "keys");
  const on: Slots["on"] = (machine, source = quickKey("one"), hasPassphrase = false) =>
    new KeySlots({ path, machine, sourceOf: async () => source, hasPassphrase });
  const add: Slots["add"] = async (machine, source = quickKey("one"), startsOver = false) =>
    addSlot(on(machine, source, true), await source.create(), startsOver);
  return { path, on, add };
}

test("NFR-010 a changed bit of the keys' file is an error or changes nothing: never another key", async (t) => {
  const { path, on, add } = slotsIn(t);
  await add("here");
  const original = readFileSync(path);
  const sealed = (await on("here").open())?.seal("name", content) ?? Buffer.alloc(0);
  for (let byte = 0; byte < original.length; byte += 1) {
    const changed = Buffer.from(original);
    changed[byte] = (changed[byte] ?? 0) ^ (1 << (byte % 8));
    writeFileSync(path, changed);
    try {
      assert.equal((await on("here").open())?.open("name", sealed), content);
    } catch (error) {
      assert.ok(isStorageError(error), `byte ${byte}: ${String(error)}`);
    }
  }
});

test("NFR-010 what a slot says of itself is authenticated, and what names a directory is looked at before that", async (t) => {
  const { path, on, add } = slotsIn(t);
  await add("here");
  const file = JSON.parse(readFileSync(path, "utf8")) as { version: number; slots: Record<string, unknown>[] };
  const change = (members: object): void =>
    writeFileSync(path, JSON.stringify({ ...file, slots: [{ ...file.slots[0], ...members }] }));
  change({});
  assert.ok(await on("here").open());
  for (const [members, machine] of [
    [{ host: "another" }, "here"],
    [{ machine: "there" }, "there"],
    [{ key: "00000000" }, "here"],
  ] as const) {
    change(members);
    await assert.rejects(on(machine).open(), { code: "storage_damaged" }, JSON.stringify(members));
  }
  for (const key of ["../../x", "0000000", "0123456G", ""]) {
    change({ key });
    assert.throws(() => on("here").slots(), { code: "storage_damaged" }, key);
  }
});

test("each directory has a key of its own, and each slot of a passphrase a salt of its own", async (t) => {
  const keys = await Promise.all(
    [slotsIn(t), slotsIn(t)].map(async ({ on, add }) => (await add("here"), on("here").open())),
  );
  assert.equal(new Set(keys.map((key) => key?.hiddenName("same"))).size, 2);
  const source = passphraseKey(new Secret("correct horse"));
  const [first, second] = [await source.create(), await source.create()];
  assert.notDeepEqual(first.way, second.way);
  assert.ok(!Buffer.from(first.key).equals(second.key));
});

test("S-018 a second machine opens the same logins by the passphrase, gets a slot of its own, and takes none away", async (t) => {
  const { on, add } = slotsIn(t);
  const passphrase = passphraseKey(new Secret("correct horse"));
  await add("first", passphrase);
  await addSlot(on("first", passphrase, true), await quickKey("of the first").create(), false);
  const key = await on("first", quickKey("of the first")).open();
  assert.ok(key);
  assert.equal((await on("second", passphrase, true).open())?.id, key.id);
  await addSlot(on("second", passphrase, true), await quickKey("of the second").create(), false);
  assert.equal((await on("second", quickKey("of the second")).open())?.id, key.id);
  assert.equal((await on("first", quickKey("of the first")).open())?.id, key.id);
  assert.deepEqual(
    on("second")
      .slots()
      .map(({ way, machine }) => `${way.source} ${machine}`),
    ["keychain second", "keychain first", "passphrase first"],
  );
});

test("S-018 a machine that opens nothing and starts over has a key of its own next to the others, which keep theirs", async (t) => {
  const { on, add } = slotsIn(t);
  const refusing = (of: string): KeySource => ({
    ...quickKey(of),
    open: async (slot) => {
      if (slot.machine !== of) throw new AuthError("keychain_unavailable", "no such key", { hint: "Look elsewhere" });
      return quickKey(of).open(slot);
    },
  });
  await add("first", refusing("first"));
  const first = await on("first", refusing("first")).open();
  await assert.rejects(on("second", refusing("second")).open(), { code: "keychain_unavailable" });
  await add("second", refusing("second"), true);
  const second = await on("second", refusing("second")).open();
  assert.notEqual(second?.id, first?.id);
  assert.equal((await on("first", refusing("first")).open())?.id, first?.id);

  const { removed, stay } = await removeSlots(on("second", refusing("second")));
  assert.deepEqual([removed, stay.length], [[second?.id], 1]);
  assert.equal((await on("first", refusing("first")).open())?.id, first?.id, "a logout of all elsewhere leaves it too");
});

test("FR-007 the right passphrase opens the logins, in either Unicode form; a wrong one or none does not", async (t) => {
  const { on, add } = slotsIn(t);
  await add("here", passphraseKey(new Secret("caf\u00e9")));
  const open = (passphrase: string | undefined): Promise<DataKey | undefined> =>
    on(
      "here",
      passphraseKey(passphrase === undefined ? undefined : new Secret(passphrase)),
      passphrase !== undefined,
    ).open();
  assert.ok(await open("cafe\u0301"));
  await assert.rejects(
    open("coffee"),
    refusedWith("storage_damaged", /the passphrase is wrong/, /Set SPEC_KITTY_PASSPHRASE/),
  );
  await assert.rejects(
    open(undefined),
    refusedWith("storage_unreadable", /needs a passphrase, and none is set/, /Set SPEC_KITTY_PASSPHRASE/),
  );
});

test("a cost that this program never wrote is refused before any memory is spent on it", async (t) => {
  const { path, on, add } = slotsIn(t);
  const source = passphraseKey(new Secret("correct horse"));
  await add("here", source);
  for (const [cost, other] of [
    ['"N": 16384', '"N": 1073741824'],
    ['"r": 8', '"r": 1024'],
    ['"p": 1', '"p": 64'],
  ] as const) {
    const before = readFileSync(path, "utf8");
    writeFileSync(path, before.replace(cost, other));
    await assert.rejects(on("here", source, true).open(), {
      code: "storage_damaged",
      message: /requires scrypt with N \d+, r \d+, p \d+, unknown to this version/,
    });
    writeFileSync(path, before);
  }
});

test("a key that was removed and made again in another process is read again", async (t) => {
  const { on, add } = slotsIn(t);
  await add("here");
  const here = on("here");
  const first = await here.open();
  await removeSlots(on("here"));
  assert.equal(await here.open(), undefined);
  await add("here");
  assert.notEqual((await here.open())?.id, first?.id);
});
