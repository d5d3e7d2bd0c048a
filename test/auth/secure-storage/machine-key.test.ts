import assert from "node:assert/strict";
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { newMachineHeader } from "../../../src/auth/secure-storage/machine-key.ts";
import { oldFingerprint, oldMachineKey } from "../../../src/auth/secure-storage/old-machine-key.ts";
import { newPassphraseHeader, passphraseKey } from "../../../src/auth/secure-storage/passphrase-key.ts";
import { SealedFile, type KeySource } from "../../../src/auth/secure-storage/sealed-file.ts";
import type { KeyHeader } from "../../../src/auth/secure-storage/vault.ts";
import { createIdentity, ownIdentity } from "../../../src/base/identity.ts";
import { Secret } from "../../../src/base/secret.ts";
import { machineKeyIn, scratchFolder } from "../../helpers/command.ts";
import { refusedWith } from "../../helpers/hint.ts";

const unix = process.platform === "win32" ? { skip: "modes say nothing on Windows" } : {};
const root = process.getuid?.() === 0 ? {} : { skip: "needs root" };
const content = "the sessions";

interface Sealed {
  /** The sealed file. */
  path: string;
  /** Where the secret is, and its folder. */
  secret: string;
  state: string;
  /** The file as a new process would open it. */
  open(source?: KeySource): SealedFile;
}

async function sealed(t: TestContext, header: KeyHeader = newMachineHeader()): Promise<Sealed> {
  const folder = scratchFolder(t);
  const [path, state] = [join(folder, "config", "credentials.json"), join(folder, "state", "spec-kitty")];
  const open = (source: KeySource = machineKeyIn(state)): SealedFile => new SealedFile(path, () => source);
  await open().write(content, { key: header });
  return { path, state, secret: join(state, "credentials.secret"), open };
}

/** A file of the time before there was a secret. */
async function sealedBefore(
  t: TestContext,
): Promise<Sealed & { header: KeyHeader; migrating: (state?: string) => SealedFile }> {
  const folder = scratchFolder(t);
  const [path, state] = [join(folder, "config", "credentials.json"), join(folder, "state", "spec-kitty")];
  const header = { ...newPassphraseHeader(), source: "machine" } as KeyHeader;
  const source =
    (state: string) =>
    (key: KeyHeader): KeySource => {
      const machine = machineKeyIn(state);
      return key.source === "machine" && key.kdf === "hkdf"
        ? machine
        : oldMachineKey(oldFingerprint(ownIdentity), machine);
    };
  const { successor: _, ...before } = oldMachineKey(oldFingerprint(ownIdentity), machineKeyIn(state));
  await new SealedFile(path, () => before).write(content, { key: header });
  const open = (given?: KeySource): SealedFile =>
    new SealedFile(path, given === undefined ? source(state) : () => given);
  return {
    path,
    state,
    secret: join(state, "credentials.secret"),
    open,
    header,
    migrating: (other = state) => new SealedFile(path, source(other)),
  };
}

test("FR-007 a copy of the file does not open with everything that other users can read: names, numbers and the machine's id", async (t) => {
  const it = await sealed(t);
  assert.equal(await it.open().read(), content);
  const elsewhere = join(scratchFolder(t), "state");
  const mallory = machineKeyIn(elsewhere);
  await assert.rejects(it.open(mallory).read(), { code: "storage_unreadable" });
  await mallory.prepare();
  await assert.rejects(it.open(mallory).read(), { code: "storage_damaged" });
  // The header as it is, and the key as it was made before there was a secret.
  const guess = oldMachineKey(oldFingerprint(ownIdentity), mallory);
  const header = { ...newPassphraseHeader(), ...it.open().header(), kdf: "scrypt", source: "machine" } as KeyHeader;
  await assert.rejects(it.open({ ...guess, open: () => guess.open(header) }).read(), { code: "storage_damaged" });
});

test("FR-007 file and secret together, copied to another machine, do not open there where machines have an id", async (t) => {
  const it = await sealed(t, { ...newMachineHeader(), machineId: true } as KeyHeader);
  const on = (id: string | undefined): SealedFile => it.open(machineKeyIn(it.state, { machine: () => id }));
  await on("here").write(content, { key: { ...newMachineHeader(), machineId: true } as KeyHeader });
  assert.equal(await on("here").read(), content);
  await assert.rejects(
    on("there").read(),
    refusedWith(
      "storage_damaged",
      /sealed on another machine or with a secret other than the one in "\S+credentials\.secret"/,
      /auth login --force/,
    ),
  );
  await assert.rejects(
    on(undefined).read(),
    refusedWith(
      "storage_unreadable",
      /sealed with the machine's ID, and \/etc\/machine-id cannot be read/,
      /^Restore that file/,
    ),
  );
});

test("a machine that gets an id later, and any change of its host name, locks nobody out", async (t) => {
  const it = await sealed(t);
  const key = { ...newMachineHeader(), machineId: false } as KeyHeader;
  await it.open(machineKeyIn(it.state, { machine: () => undefined })).write(content, { key });
  assert.equal(await it.open(machineKeyIn(it.state, { machine: () => "an id" })).read(), content);
});

test("another tool has another key, even with the same secret", async (t) => {
  const it = await sealed(t);
  const acme = machineKeyIn(it.state, { identity: createIdentity({ name: "acme", version: "1.0.0" }) });
  await assert.rejects(it.open(acme).read(), { code: "storage_damaged" });
});

for (const [kind, header, source] of [
  ["of this machine", newMachineHeader, machineKeyIn],
  ["of a passphrase", newPassphraseHeader, () => passphraseKey(new Secret("correct horse"))],
] as const) {
  test(`two new keys ${kind} differ: each has a salt of its own`, async (t) => {
    const state = join(scratchFolder(t), "state");
    const [first, second] = [header(), header()];
    const key = source(state);
    await key.prepare?.();
    assert.notDeepEqual(first, second);
    assert.notDeepEqual(await key.open(first), await key.open(second));
  });
}

test(
  "NFR-013 the secret has mode 0600 from its first byte on and its folder 0700, whatever the umask is; nothing is left next to it",
  unix,
  async (t) => {
    const before = process.umask(0);
    t.after(() => process.umask(before));
    const it = await sealed(t);
    assert.equal(lstatSync(it.state).mode & 0o777, 0o700);
    assert.equal(lstatSync(it.secret).mode & 0o777, 0o600);
    assert.match(readFileSync(it.secret, "latin1"), /^[0-9a-f]{64}$/);
    assert.deepEqual(
      readdirSync(it.state).filter((name) => !name.includes(".lock")),
      ["credentials.secret"],
    );
  },
);

test("a secret is made once, by the first process: logins that begin together seal with the same one", async (t) => {
  const state = join(scratchFolder(t), "state");
  const header = newMachineHeader();
  const keys = await Promise.all(
    Array.from({ length: 12 }, async () => {
      const key = machineKeyIn(state);
      await key.prepare();
      return (await key.open(header)).toString("hex");
    }),
  );
  assert.equal(new Set(keys).size, 1);
});

for (const [what, spoil, code, message, hint, options] of [
  [
    "can be read by others",
    ({ secret }) => chmodSync(secret, 0o644),
    "storage_unsafe",
    /secret" can be read by others \(mode 0644\)/,
    /^Run: chmod 600 \S+credentials\.secret$/,
    unix,
  ],
  [
    "is a link",
    ({ secret }) => (renameSync(secret, `${secret}.real`), symlinkSync(`${secret}.real`, secret)),
    "storage_unsafe",
    /is a symbolic link/,
    /^Remove the link: rm /,
    unix,
  ],
  [
    "is in a folder that others can write in",
    ({ state }) => chmodSync(state, 0o777),
    "storage_unsafe",
    /can be changed by others \(mode 0777\)/,
    /^Run: chmod 700 /,
    unix,
  ],
  [
    "belongs to another user",
    ({ secret }) => chownSync(secret, 12345, 12345),
    "storage_unsafe",
    /belongs to another user \(uid 12345\)/,
    /XDG_STATE_HOME/,
    root,
  ],
  [
    "is in a folder of another user",
    ({ state }) => chownSync(state, 12345, 12345),
    "storage_unsafe",
    /belongs to another user \(uid 12345\)/,
    /XDG_STATE_HOME/,
    root,
  ],
  [
    "is missing",
    ({ secret }) => rmSync(secret),
    "storage_unreadable",
    /the secret that opens the session is missing: there is no "\S+credentials\.secret"/,
    /^Restore it from a backup, or set XDG_STATE_HOME to what it was at login\. If it is lost: spec-kitty auth login --force$/,
    {},
  ],
  [
    "is cut short",
    ({ secret }) => writeFileSync(secret, "ab"),
    "storage_unreadable",
    /does not contain a secret of this program/,
    /^Restore it from a backup\. If it is lost: mv (\S+credentials\.secret) \1\.old, then spec-kitty auth login --force$/,
    {},
  ],
  [
    "is another",
    ({ secret }) => writeFileSync(secret, "ab".repeat(32)),
    "storage_damaged",
    /cannot be opened: .*a secret other than the one in "\S+credentials\.secret"/,
    /^Restore it from a backup/,
    {},
  ],
] as [string, (it: Sealed) => void, "storage_unsafe", RegExp, RegExp, object][]) {
  test(
    `NFR-013 a secret that ${what} is refused, with what fixes it, and neither it nor the sealed file is changed`,
    options,
    async (t) => {
      const it = await sealed(t);
      spoil(it);
      const seen = (): unknown => [
        readFileSync(it.path, "hex"),
        existsSync(it.secret) && [readFileSync(it.secret, "hex"), lstatSync(it.secret).mode],
      ];
      const before = seen();
      const source = machineKeyIn(it.state, { platform: "linux" });
      await assert.rejects(it.open(source).read(), refusedWith(code, message, hint));
      assert.deepEqual(seen(), before);
    },
  );
}

test("a place that holds no secret is not replaced by a new one: the file that the old one opens may be restored", async (t) => {
  const it = await sealed(t);
  writeFileSync(it.secret, "cut");
  await assert.rejects(it.open().write("new", { key: newMachineHeader() }), { code: "storage_unreadable" });
  assert.equal(readFileSync(it.secret, "utf8"), "cut");
});

test(
  "a state folder that cannot be made is an error of the login, before the service is asked, that names the variable",
  unix,
  async () => {
    const key = machineKeyIn("/proc/nobody/state", { platform: "linux" });
    await assert.rejects(
      key.prepare(),
      refusedWith(
        "storage_unwritable",
        /secret of the session's key cannot be stored or read/,
        /^Set XDG_STATE_HOME to a writable folder that you own.*SPEC_KITTY_PASSPHRASE$/,
      ),
    );
  },
);

test("NFR-013 no secret is made where another user could put another folder in place of its own", unix, async (t) => {
  const open = join(scratchFolder(t), "open");
  mkdirSync(open);
  chmodSync(open, 0o777);
  await assert.rejects(
    machineKeyIn(join(open, "state")).prepare(),
    refusedWith("storage_unsafe", /open" can be changed by everybody \(mode 0777\)/, /^Run: chmod o-w /),
  );
  assert.deepEqual(readdirSync(open), []);
});

test("a file from before there was a secret opens, and the next write seals it with the secret", async (t) => {
  const it = await sealedBefore(t);
  assert.equal(await it.migrating().read(), content);
  assert.equal(existsSync(it.state), false, "reading makes nothing");
  await it.migrating().write("newer");
  assert.deepEqual({ ...it.open().header(), salt: "" }, { ...newMachineHeader(), salt: "" });
  assert.equal(await it.migrating().read(), "newer");
  const old = oldMachineKey(oldFingerprint(ownIdentity), machineKeyIn(it.state));
  await assert.rejects(it.open({ ...old, open: () => old.open(it.header) }).read(), { code: "storage_damaged" });
});

test("NFR-010 what the new key needs is made when room is taken, before a refresh token is spent", async (t) => {
  const it = await sealedBefore(t);
  const file = it.migrating();
  const reservation = await file.reserve();
  assert.ok(existsSync(it.secret));
  await file.write("newer", { reservation });
  assert.equal(await it.migrating().read(), "newer");
});

test(
  "NFR-010 where no secret can be made, an old file stays as readable as it was, and a refreshed session is stored all the same",
  unix,
  async (t) => {
    const it = await sealedBefore(t);
    const file = it.migrating("/proc/nobody/state");
    const reservation = await file.reserve();
    await file.write("newer", { reservation });
    assert.deepEqual(file.header(), it.header);
    assert.equal(await it.migrating("/proc/nobody/state").read(), "newer");
    await it.migrating().write("newest");
    assert.equal(await it.migrating().read(), "newest");
  },
);

test("NFR-010 a damaged secret does not stop an old file from being written", async (t) => {
  const it = await sealedBefore(t);
  mkdirSync(it.state, { recursive: true, mode: 0o700 });
  writeFileSync(it.secret, "cut", { mode: 0o600 });
  await it.migrating().write("newer");
  assert.deepEqual(it.open().header(), it.header);
  assert.equal(readFileSync(it.secret, "utf8"), "cut");
});

test("processes that open a file while another gives it the new key see the old or the new content", async (t) => {
  const it = await sealedBefore(t);
  const [here, there] = [it.migrating(), it.migrating()];
  assert.equal(await there.read(), content);
  await here.write("by this one");
  assert.equal(await there.read(), "by this one");
  await there.write("by that one");
  assert.equal(await here.read(), "by that one");
});
