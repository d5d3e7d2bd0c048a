import assert from "node:assert/strict";
import { fork, type ChildProcess } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { closeSync, lstatSync, openSync, readFileSync, readdirSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { newMachineHeader } from "../../../src/auth/secure-storage/machine-key.ts";
import { newPassphraseHeader, passphraseKey } from "../../../src/auth/secure-storage/passphrase-key.ts";
import { SealedFile, type KeySource } from "../../../src/auth/secure-storage/sealed-file.ts";
import type { KeyHeader } from "../../../src/auth/secure-storage/vault.ts";
import { AuthError } from "../../../src/base/errors.ts";
import { Secret } from "../../../src/base/secret.ts";
import { machineKeyIn, scratchFolder, typescript } from "../../helpers/command.ts";
import { contentOf } from "./sealed-file-process.ts";
import { hintOf, refusedWith } from "../../helpers/hint.ts";

const content = JSON.stringify({ user: "alice@example.com", token: "rt_0123456789abcdef", name: "Zoë ✓" });

/** Keys that cost nothing, so that thousands of damaged files can be tried. Each header has its own. */
const quickKey: KeySource = {
  open: async (header) => createHash("sha256").update(JSON.stringify(header)).digest(),
  mismatch: { message: "it was changed", hint: [] },
};

async function sealed(
  t: TestContext,
  header: KeyHeader = newMachineHeader(),
  source: KeySource = quickKey,
): Promise<{ file: SealedFile; path: string; folder: string }> {
  const folder = join(scratchFolder(t), "config");
  const path = join(folder, "credentials.json");
  const file = new SealedFile(path, () => source);
  await file.write(content, { key: header });
  return { file, path, folder };
}

function isStorageError(error: unknown): boolean {
  return (
    error instanceof AuthError &&
    /^(storage_damaged|storage_unreadable|keychain_unavailable)$/.test(error.code) &&
    error.hint !== undefined
  );
}

for (const header of [
  newMachineHeader(),
  newPassphraseHeader(),
  { source: "keychain", account: "sessions-0123456789ab" },
] as const) {
  test(`NFR-010 every changed bit of a file sealed with a ${header.source} key is detected, and reading changes nothing`, async (t) => {
    const { path } = await sealed(t, header);
    const original = readFileSync(path);
    // Written in place: cutting a file to nothing and filling it again waits for the disk each time.
    const place = openSync(path, "r+");
    t.after(() => closeSync(place));
    for (let byte = 0; byte < original.length; byte += 1) {
      for (let bit = 0; bit < 8; bit += 1) {
        const changed = Buffer.from(original);
        changed[byte] = (changed[byte] ?? 0) ^ (1 << bit);
        writeSync(place, changed, 0, changed.length, 0);
        // As a new process would open it: no key is remembered.
        await assert.rejects(new SealedFile(path, () => quickKey).read(), isStorageError, `bit ${bit} of byte ${byte}`);
        assert.ok(readFileSync(path).equals(changed));
      }
    }
    writeFileSync(path, original);
    assert.equal(await new SealedFile(path, () => quickKey).read(), content);
  });
}

test("NFR-010 a file that is cut at any byte, or has one too many, is detected", async (t) => {
  const { path, file } = await sealed(t);
  const original = readFileSync(path);
  for (let length = 0; length < original.length; length += 1) {
    writeFileSync(path, original.subarray(0, length));
    await assert.rejects(file.read(), isStorageError, `${length} bytes`);
    assert.throws(() => file.header(), isStorageError);
  }
  for (const more of ["\n", " ", "\0", "{}"]) {
    writeFileSync(path, Buffer.concat([original, Buffer.from(more)]));
    await assert.rejects(file.read(), isStorageError);
  }
});

test("a changed salt of a real machine key is detected", async (t) => {
  const source = machineKeyIn(join(scratchFolder(t), "state"));
  const { path, file } = await sealed(t, newMachineHeader(), source);
  writeFileSync(
    path,
    readFileSync(path, "utf8").replace(
      /("salt": ")(.)/,
      (_, start: string, first: string) => `${start}${first === "A" ? "B" : "A"}`,
    ),
  );
  await assert.rejects(file.read(), { code: "storage_damaged" });
});

test("a cost that this program never wrote is refused before any memory is spent on it", async (t) => {
  const source = passphraseKey(new Secret("correct horse"));
  const { path, file } = await sealed(t, newPassphraseHeader(), source);
  writeFileSync(path, readFileSync(path, "utf8").replace('"N": 16384', '"N": 1073741824'));
  await assert.rejects(file.read(), { code: "storage_damaged", message: /asks for scrypt with N 1073741824/ });
});

test("two files with the same content share neither nonce nor ciphertext, and neither holds it in the clear", async (t) => {
  const { path, file } = await sealed(t);
  const read = (): { nonce: string; ciphertext: string } =>
    JSON.parse(readFileSync(path, "utf8")) as { nonce: string; ciphertext: string };
  const first = read();
  await file.write(content);
  const second = read();
  assert.notEqual(first.nonce, second.nonce);
  assert.notEqual(first.ciphertext, second.ciphertext);
  assert.ok(!readFileSync(path, "latin1").includes("rt_0123"));
});

test("NFR-013 the file has mode 0600 from its first byte on and its folder 0700, whatever the umask is", async (t) => {
  const before = process.umask(0);
  t.after(() => process.umask(before));
  const { file, path, folder } = await sealed(t);
  assert.equal(lstatSync(folder).mode & 0o777, 0o700);
  const reservation = await file.reserve();
  const [temporary = ""] = readdirSync(folder).filter((name) => name.endsWith(".tmp"));
  assert.equal(lstatSync(join(folder, temporary)).mode & 0o777, 0o600);
  assert.ok(
    !readFileSync(join(folder, temporary)).some((byte) => byte !== 0),
    "only zeros before there is something to seal",
  );
  await file.write(content, { reservation });
  assert.equal(lstatSync(path).mode & 0o777, 0o600);
  assert.deepEqual(readdirSync(folder), ["credentials.json"]);
});

test("an unused reservation leaves nothing behind, and neither does a failed write", async (t) => {
  const { file, folder, path } = await sealed(t);
  const before = readFileSync(path);
  (await file.reserve()).discard();
  await assert.rejects(
    new SealedFile(path, () => ({
      ...quickKey,
      open: () => Promise.reject(new AuthError("keychain_unavailable", "gone")),
    })).write("new"),
    { code: "keychain_unavailable" },
  );
  assert.deepEqual(readdirSync(folder), ["credentials.json"]);
  assert.deepEqual(readFileSync(path), before);
});

function startProcess(t: TestContext, mode: string, path: string): ChildProcess {
  const child = fork(fileURLToPath(new URL("sealed-file-process.ts", import.meta.url)), [mode, path], {
    execArgv: [...typescript],
  });
  t.after(() => child.kill("SIGKILL"));
  return child;
}

const fixedKey: KeySource = { open: async () => Buffer.alloc(32, 7), mismatch: { message: "", hint: [] } };

test("NFR-011 a process that reads while another replaces the file 150 times sees only whole versions", async (t) => {
  const path = join(scratchFolder(t), "config", "credentials.json");
  const file = new SealedFile(path, () => fixedKey);
  await file.write(contentOf(1), { key: { source: "keychain", account: "test" } });
  const reader = startProcess(t, "read", path);
  assert.deepEqual(await once(reader, "message").then(([said]) => said as unknown), "ready");
  const verdict = once(reader, "message");
  for (let version = 2; version <= 151; version += 1) {
    await file.write(contentOf(version));
    await new Promise(setImmediate);
  }
  if (reader.connected) reader.send("stop");
  const [said] = (await verdict) as [{ reads?: number; torn?: string }];
  assert.equal(said.torn, undefined);
  t.diagnostic(`${said.reads} reads`);
});

test("NFR-010 a writer killed at any moment leaves a whole file, and the next one cleans up after it", async (t) => {
  const folder = join(scratchFolder(t), "config");
  const path = join(folder, "credentials.json");
  const file = new SealedFile(path, () => fixedKey);
  let last = 0;
  for (let round = 0; round < 5; round += 1) {
    const writer = startProcess(t, "write", path);
    const before = file.mark();
    while (file.mark() === before) await new Promise(setImmediate);
    for (let spin = 0; spin < round * 60; spin += 1) await new Promise(setImmediate);
    writer.kill("SIGKILL");
    await once(writer, "exit");
    const found = (await file.read()) ?? "";
    const version = Number(found.split(":")[0]);
    assert.equal(found, contentOf(version));
    assert.ok(version > last);
    last = version;
  }
  await file.write("done");
  assert.deepEqual(readdirSync(folder), ["credentials.json"]);
});

test("FR-007 the right passphrase opens the file, in either Unicode form; a wrong one or none does not", async (t) => {
  const { path } = await sealed(t, newPassphraseHeader(), passphraseKey(new Secret("caf\u00e9")));
  const open = (passphrase: string | undefined): Promise<string | undefined> =>
    new SealedFile(path, () => passphraseKey(passphrase === undefined ? undefined : new Secret(passphrase))).read();
  assert.equal(await open("cafe\u0301"), content);
  await assert.rejects(
    open("coffee"),
    refusedWith("storage_damaged", /the passphrase is not the one it was sealed with/, /Set SPEC_KITTY_PASSPHRASE/),
  );
  await assert.rejects(
    open(undefined),
    refusedWith("storage_unreadable", /sealed with a passphrase, and none is set/, /Set SPEC_KITTY_PASSPHRASE/),
  );
});

test("a key that was replaced under the same name, by a full logout and a new login in another process, is read again", async (t) => {
  const path = join(scratchFolder(t), "config", "credentials.json");
  const header: KeyHeader = { source: "keychain", account: "sessions-0123456789ab" };
  let kept = 1;
  const keychain: KeySource = { ...quickKey, open: async () => Buffer.alloc(32, kept) };
  const [here, elsewhere] = [new SealedFile(path, () => keychain), new SealedFile(path, () => keychain)];
  await here.write("first", { key: header });
  await elsewhere.remove();
  kept = 2;
  await new SealedFile(path, () => keychain).write("second", { key: header });
  assert.equal(await here.read(), "second");
  await here.write("third");
  assert.equal(await new SealedFile(path, () => keychain).read(), "third");
});

test("with the file its remembered key is dropped, so that other processes can open the next file", async (t) => {
  const path = join(scratchFolder(t), "config", "credentials.json");
  const header: KeyHeader = { source: "keychain", account: "sessions-0123456789ab" };
  let kept = 1;
  const keychain: KeySource = { ...quickKey, open: async () => Buffer.alloc(32, kept) };
  const here = new SealedFile(path, () => keychain);
  await here.write("first", { key: header });
  await new SealedFile(path, () => keychain).remove();
  kept = 2;
  assert.equal(await here.read(), undefined);
  await here.write("second", { key: header });
  assert.equal(await new SealedFile(path, () => keychain).read(), "second");
});

test("NFR-010 a content that is too long to be read back is not written, and the file is unchanged", async (t) => {
  const { file, folder } = await sealed(t);
  await assert.rejects(
    file.write("x".repeat(13 * 1024 * 1024)),
    (error) => error instanceof AuthError && error.code === "storage_unwritable" && /logout/.test(hintOf(error)),
  );
  assert.equal(await file.read(), content);
  assert.deepEqual(readdirSync(folder), ["credentials.json"]);
});
