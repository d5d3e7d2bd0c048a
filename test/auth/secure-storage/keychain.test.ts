import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { createKeychain, type Keychain } from "../../../src/auth/secure-storage/keychain.ts";
import { AuthError } from "../../../src/errors.ts";
import { systemClock, type Clock } from "../../../src/platform/clock.ts";
import { Secret } from "../../../src/secret.ts";

type Load = NonNullable<Parameters<typeof createKeychain>[0]["load"]>;
type Entry = InstanceType<Awaited<ReturnType<Load>>["AsyncEntry"]>;

const KEY = new Secret(Buffer.alloc(32, 7).toString("base64url"));
const never = new Promise<never>(() => {});

/** A clock whose every wait is over when `pass` is called, and which notes how long the waits were. */
function handClock(): Clock & { pass: () => void; waits: number[] } {
  let pass = (): void => {};
  const passed = new Promise<void>((resolve) => (pass = resolve));
  const waits: number[] = [];
  const sleep: Clock["sleep"] = (ms, { signal } = {}) => {
    waits.push(ms);
    return new Promise((resolve, reject) => {
      signal?.addEventListener("abort", () => reject(signal.reason as Error));
      void passed.then(resolve);
    });
  };
  return { ...systemClock, sleep, waits, pass: () => pass() };
}

/** The native library, with its contents; each test overrides what it is about. */
function native(entries: Map<string, Uint8Array>, override: Partial<Entry> = {}): Load {
  class AsyncEntry {
    readonly #id: string;
    constructor(service: string, account: string) {
      this.#id = `${service}/${account}`;
      Object.assign(this, override);
    }
    async getSecret(): Promise<ArrayLike<number> | null> {
      return entries.get(this.#id) ?? null;
    }
    async setSecret(secret: Uint8Array): Promise<void> {
      entries.set(this.#id, secret);
    }
    async deleteCredential(): Promise<boolean> {
      return entries.delete(this.#id);
    }
  }
  return async () => ({ AsyncEntry });
}

/** What listens where a session bus would be. */
async function pretendBus(t: TestContext, onConnection: (socket: Socket) => void): Promise<Keychain & { connection: Promise<Socket>; clock: ReturnType<typeof handClock> }> {
  const folder = await mkdtemp(join(tmpdir(), "bus-"));
  const path = join(folder, "bus");
  const server = createServer(onConnection).listen(path);
  const connection = once(server, "connection").then(([socket]) => socket as Socket);
  await once(server, "listening");
  t.after(async () => {
    server.close();
    await rm(folder, { recursive: true });
  });
  const clock = handClock();
  const keychain = createKeychain({ clock, platform: "linux", env: { DBUS_SESSION_BUS_ADDRESS: `unix:path=${path},guid=00` } });
  return { ...keychain, connection, clock };
}

function refusal(message: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof AuthError);
    assert.equal(error.code, "keychain_unavailable");
    assert.match(error.message, message);
    assert.match(error.hint ?? "", /spec-kitty auth login --storage file/);
    return true;
  };
}

for (const platform of ["darwin", "win32"] as const) {
  test(`a key is kept as its 32 bytes by the native library on ${platform}`, async () => {
    const entries = new Map<string, Uint8Array>();
    const keychain = createKeychain({ clock: systemClock, platform, load: native(entries) });
    assert.equal(await keychain.read("a"), undefined);
    await keychain.write("a", KEY);
    assert.deepEqual([...entries], [["spec-kitty/a", Buffer.alloc(32, 7)]]);
    assert.ok((await keychain.read("a"))?.equals(KEY));
    assert.equal(await keychain.read("b"), undefined);
    await keychain.remove("a");
    await keychain.remove("a");
    assert.equal(await keychain.read("a"), undefined);
  });
}

test("creating a keychain loads nothing", () => {
  createKeychain({ clock: systemClock, platform: "darwin", load: () => assert.fail("loaded") });
});

test("an entry that is not a 256-bit key is damage, not a key", async () => {
  const keychain = createKeychain({ clock: systemClock, platform: "darwin", load: native(new Map([["spec-kitty/a", Buffer.alloc(31)]])) });
  await assert.rejects(keychain.read("a"), { code: "storage_damaged", message: /"spec-kitty" for "a" is not a key of 32 bytes/ });
});

test("a native call that never answers is given up after 3 s", async () => {
  for (const load of [() => never, native(new Map(), { getSecret: () => never })]) {
    const clock = handClock();
    const reading = createKeychain({ clock, platform: "darwin", load }).read("a");
    clock.pass();
    await assert.rejects(reading, refusal(/^the keychain did not answer within 3 s$/));
    assert.deepEqual(clock.waits, [3000]);
  }
});

test("a call that answers leaves no wait behind", async () => {
  const stopped: unknown[] = [];
  const clock: Clock = { ...systemClock, sleep: (_ms, { signal } = {}) => new Promise((_resolve, reject) => {
    signal?.addEventListener("abort", () => { stopped.push(1); reject(signal.reason as Error); });
  }) };
  await createKeychain({ clock, platform: "darwin", load: native(new Map()) }).read("a");
  assert.deepEqual(stopped, [1]);
});

test("what the native library throws is quoted", async () => {
  const broken = { getSecret: () => Promise.reject(new Error("User interaction is not allowed.")) };
  const keychain = createKeychain({ clock: systemClock, platform: "darwin", load: native(new Map(), broken) });
  await assert.rejects(keychain.read("a"), refusal(/^the keychain failed: User interaction is not allowed\.$/));
});

test("a session without a bus address is told so", async () => {
  for (const env of [{}, { DBUS_SESSION_BUS_ADDRESS: "" }, { DBUS_SESSION_BUS_ADDRESS: "tcp:host=localhost,port=1" }]) {
    const keychain = createKeychain({ clock: systemClock, platform: "linux", env });
    await assert.rejects(keychain.read("a"), refusal(/no D-Bus session bus/));
  }
});

test("a bus address where nothing listens is told so", async () => {
  for (const env of [{ DBUS_SESSION_BUS_ADDRESS: "unix:path=/nowhere/bus" }, { XDG_RUNTIME_DIR: "/nowhere" }]) {
    const keychain = createKeychain({ clock: systemClock, platform: "linux", env });
    await assert.rejects(keychain.write("a", KEY), refusal(/this session's bus cannot be reached .*ENOENT.*\/nowhere\/bus/));
  }
});

test("a bus that says nothing is given up after 3 s, and the connection to it closed", async (t) => {
  const bus = await pretendBus(t, () => {});
  const reading = bus.read("a");
  const socket = await bus.connection;
  const closed = once(socket.resume(), "close");
  bus.clock.pass();
  await assert.rejects(reading, refusal(/^the keychain did not answer within 3 s$/));
  await closed;
});

for (const [what, answer, message] of [
  ["hangs up", "", /the session bus closed the connection|EPIPE|ECONNRESET/],
  ["belongs to another user", "DATA\r\nREJECTED EXTERNAL\r\n", /belongs to another user/],
  ["speaks something else", `HTTP/1.1 400 Bad Request\r\n\r\n${"x".repeat(1024)}`, /not a D-Bus greeting/],
  ["announces a message of 2 GB", "DATA\r\nOK 00\r\nl\x02\x01\x01\xff\xff\xff\x7f\x01\0\0\0\0\0\0\0", /message too long/],
  ["sends a message that ends inside itself", "DATA\r\nOK 00\r\nl\x02\x01\x01\0\0\0\0\x01\0\0\0\x08\0\0\0\x01\x01s\0\xff\0\0\0", /ends early/],
] as const) {
  test(`a bus that ${what} is an error and no crash`, async (t) => {
    const bus = await pretendBus(t, (socket) => void (answer === "" ? socket.destroy() : socket.on("error", () => {}).end(answer, "latin1")));
    await assert.rejects(bus.read("a"), refusal(message));
  });
}
