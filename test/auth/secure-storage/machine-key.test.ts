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
import { addSlot } from "../../../src/auth/secure-storage/key-slot-changes.ts";
import { KeySlots, type DataKey } from "../../../src/auth/secure-storage/data-key.ts";
import type { KeySource } from "../../../src/auth/secure-storage/key-slot.ts";
import { machineDigest } from "../../../src/auth/secure-storage/machine-key.ts";
import { passphraseKey } from "../../../src/auth/secure-storage/passphrase-key.ts";
import { createIdentity } from "../../../src/base/identity.ts";
import { Secret } from "../../../src/base/secret.ts";
import { machineKeyIn, scratchFolder } from "../../helpers/command.ts";
import { refusedWith } from "../../helpers/hint.ts";

const unix = process.platform === "win32" ? { skip: "modes say nothing on Windows" } : {};
const root = process.getuid?.() === 0 ? {} : { skip: "needs root" };

interface Sealed {
  /** The file of the key's slots. */
  path: string;
  /** Where the secret is, and its folder. */
  secret: string;
  state: string;
  /** The data key, as a new process on a machine with this id would open it. */
  open(source?: KeySource, id?: string): Promise<DataKey | undefined>;
}

async function sealed(t: TestContext, id: string | undefined = undefined): Promise<Sealed> {
  const folder = scratchFolder(t);
  const [path, state] = [join(folder, "keys"), join(folder, "state", "spec-kitty")];
  const slots = (source: KeySource, machine: string | undefined): KeySlots =>
    new KeySlots({ path, machine: digestOf(machine), sourceOf: async () => source, hasPassphrase: false });
  const source = machineKeyIn(state, { machine: () => id });
  await addSlot(slots(source, id), await source.create(), false);
  return {
    path,
    state,
    secret: join(state, "credentials.secret"),
    open: (given = source, machine = id) => slots(given, machine).open(),
  };
}

const digestOf = (id: string | undefined): string => (id === undefined ? "" : machineDigest(id));

test("FR-007 a copy of the file does not open with everything that other users can read: names, numbers and the machine's id", async (t) => {
  const it = await sealed(t, "here");
  assert.ok(await it.open());
  const elsewhere = join(scratchFolder(t), "state");
  const mallory = machineKeyIn(elsewhere, { machine: () => "here" });
  await assert.rejects(it.open(mallory), { code: "storage_unreadable" });
  await mallory.create();
  await assert.rejects(it.open(mallory), { code: "storage_damaged", message: /a different secret than/ });
  // The slot says in the open which secret it is for: said of another secret, it opens no more.
  const slots = readFileSync(it.path, "utf8");
  const [, digest = ""] = /"secret": "(\w+)"/.exec(JSON.stringify((await mallory.create()).way, null, 1)) ?? [];
  writeFileSync(it.path, slots.replace(/"secret": "\w+"/, `"secret": "${digest}"`));
  await assert.rejects(it.open(mallory), { code: "storage_damaged" });
});

test("FR-007 the same secret gives another machine and another tool other keys", async (t) => {
  const state = join(scratchFolder(t), "state");
  const here = machineKeyIn(state, { machine: () => "here" });
  const { way, key } = await here.create();
  const opened = async (source: KeySource, machine: string, secret?: string): Promise<Buffer> =>
    Buffer.from(
      await source.open({
        key: "",
        wrapped: "",
        host: "",
        machine: machineDigest(machine),
        way: { ...way, ...(secret && { secret }) } as typeof way,
      }),
    );
  assert.ok((await opened(here, "here")).equals(key));
  assert.ok(!(await opened(machineKeyIn(state, { machine: () => "there" }), "there")).equals(key));
  const tool = machineKeyIn(state, {
    machine: () => "here",
    identity: createIdentity({ name: "acme", version: "1.0.0" }),
  });
  const own = (await tool.create()).way;
  assert.ok(own.source === "machine" && way.source === "machine" && own.secret !== way.secret);
  assert.ok(!(await opened(tool, "here", own.secret)).equals(key));
});

test("FR-007 S-018 file and secret together, copied to another machine, do not open there where machines have an id, and the error says what differs", async (t) => {
  const it = await sealed(t, "here");
  const on = (id: string | undefined): Promise<DataKey | undefined> =>
    it.open(machineKeyIn(it.state, { machine: () => id }), id ?? "");
  assert.ok(await on("here"));
  await assert.rejects(
    on("there"),
    refusedWith(
      "storage_unreadable",
      /logins belong to another machine or container \(".+"\): the secret is right, but the machine has a different ID/,
      /set SPEC_KITTY_PASSPHRASE there and here.*auth login --force/,
    ),
  );
  await assert.rejects(
    on(undefined),
    refusedWith("storage_unreadable", /\/etc\/machine-id\) cannot be read here/, /./),
  );
  rmSync(it.secret);
  await assert.rejects(
    on("there"),
    refusedWith("storage_unreadable", /logins belong to another machine or container \("[^"]+"\)$/, /./),
  );
});

test("another tool has another key, even with the same secret", async (t) => {
  const it = await sealed(t);
  const acme = machineKeyIn(it.state, {
    identity: createIdentity({ name: "acme", version: "1.0.0" }),
    machine: () => undefined,
  });
  await assert.rejects(it.open(acme), { code: "storage_damaged" });
});

for (const [kind, sourceIn] of [
  ["of this machine", machineKeyIn],
  ["of a passphrase", () => passphraseKey(new Secret("correct horse"))],
] as const) {
  test(`two new keys ${kind} differ: each has a salt of its own`, async (t) => {
    const source = sourceIn(join(scratchFolder(t), "state"));
    const [first, second] = [await source.create(), await source.create()];
    assert.notDeepEqual(first.way, second.way);
    assert.notDeepEqual(first.key, second.key);
    const slot = { key: "01234567", machine: machineDigest(), host: "", wrapped: "" };
    assert.deepEqual(await source.open({ ...slot, way: first.way }), first.key);
  });
}

test(
  "NFR-013 the secret has mode 0600 from its first byte on and its directory 0700, whatever the umask is; nothing is left next to it",
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
  const ways = await Promise.all(Array.from({ length: 12 }, async () => (await machineKeyIn(state).create()).way));
  assert.equal(new Set(ways.map((way) => way.source === "machine" && way.secret)).size, 1);
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
    /the secret of the session is missing: "\S+credentials\.secret"/,
    /^Restore it from a backup, or set XDG_STATE_HOME as it was at login\. If it is lost, log in again: spec-kitty auth login --force$/,
    {},
  ],
  [
    "was cut short",
    ({ secret }) => writeFileSync(secret, "ab"),
    "storage_unreadable",
    /does not contain a secret of this program/,
    /^Restore it from a backup\. If it is lost, move it away and log in again: mv (\S+credentials\.secret) \1\.old, then spec-kitty auth login --force$/,
    {},
  ],
  [
    "is another",
    ({ secret }) => writeFileSync(secret, "ab".repeat(32)),
    "storage_damaged",
    /the session was sealed with a different secret than the one in "\S+credentials\.secret"/,
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
      const source = machineKeyIn(it.state, { platform: "linux", machine: () => undefined });
      await assert.rejects(it.open(source), refusedWith(code, message, hint));
      assert.deepEqual(seen(), before);
    },
  );
}

test("a place that holds no secret is not replaced by a new one: the file that the old one opens may be restored", async (t) => {
  const it = await sealed(t);
  writeFileSync(it.secret, "cut");
  await assert.rejects(machineKeyIn(it.state).create(), { code: "storage_unreadable" });
  assert.equal(readFileSync(it.secret, "utf8"), "cut");
});

test(
  "a state directory that cannot be made is an error of the login, before the service gets a request, that names the variable",
  unix,
  async () => {
    const key = machineKeyIn("/proc/nobody/state", { platform: "linux" });
    await assert.rejects(
      key.create(),
      refusedWith(
        "storage_unwritable",
        /cannot store or read the secret of the session's key/,
        /^Set XDG_STATE_HOME to a writable directory you own.*SPEC_KITTY_PASSPHRASE$/,
      ),
    );
  },
);

test(
  "NFR-013 no secret is made where another user could put another directory in place of its own",
  unix,
  async (t) => {
    const open = join(scratchFolder(t), "open");
    mkdirSync(open);
    chmodSync(open, 0o777);
    await assert.rejects(
      machineKeyIn(join(open, "state")).create(),
      refusedWith("storage_unsafe", /open" can be changed by everyone \(mode 0777\)/, /^Run: chmod o-w /),
    );
    assert.deepEqual(readdirSync(open), []);
  },
);
