import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { test, type TestContext } from "node:test";
import { systemClock } from "../../src/platform/clock.ts";
import { connectionOwners, type Ends } from "../../src/platform/connection-owner.ts";
import { userBehindRoot } from "../../src/platform/user-behind-root.ts";
import { nodeForAll } from "../helpers/command.ts";
import { until } from "../helpers/until.ts";

const here = { skip: process.platform !== "linux" && "needs Linux" };
const asRoot = { skip: (process.platform !== "linux" || process.geteuid?.() !== 0) && "needs root, to act as others" };

type Lookup = NonNullable<ReturnType<typeof connectionOwners>>;

async function listening(
  t: TestContext,
  ...more: Parameters<typeof connectionOwners> extends [number, unknown, ...infer Rest] ? Rest : never
): Promise<{ port: number; connected: () => Promise<Socket>; ownerOf: Lookup }> {
  const server = createServer().listen(0, "127.0.0.1");
  t.after(() => server.close());
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const ownerOf = connectionOwners(port, systemClock, ...more) ?? assert.fail("the system says whose");
  const connected = async (): Promise<Socket> => {
    const [socket] = (await until("somebody connects", once(server, "connection"))) as [Socket];
    t.after(() => socket.destroy());
    return socket;
  };
  return { port, connected, ownerOf };
}

/** Current values: a socket closed at the other end forgets them. */
function endsOf({ remoteAddress = "", remotePort = 0, localAddress = "", localPort = 0 }: Socket): Ends {
  return { remoteAddress, remotePort, localAddress, localPort };
}

test("one's own connection is one's own", here, async (t) => {
  const { port, connected, ownerOf } = await listening(t);
  for (const host of ["127.0.0.1", "::ffff:127.0.0.1"]) {
    const socket = connect(port, host);
    t.after(() => socket.destroy());
    assert.equal(await ownerOf(await connected()), "own", host);
  }
});

test(
  "S-009 a connection of another user is foreign to root too, and that of the user behind root is not",
  asRoot,
  async (t) => {
    const { port, connected, ownerOf } = await listening(t);
    const node = nodeForAll(t);
    const forUser = connectionOwners(port, systemClock, (uid) => uid === 0 || uid === 65534);
    for (const host of ["127.0.0.1", "::ffff:127.0.0.1"]) {
      const program = `require("net").connect(${port}, ${JSON.stringify(host)}); setTimeout(() => {}, 60000)`;
      const other = spawn(node, ["-e", program], { uid: 65534, gid: 65534, stdio: "ignore", cwd: "/" });
      t.after(() => other.kill("SIGKILL"));
      const socket = await connected();
      const ends = endsOf(socket);
      assert.equal(await ownerOf(ends), "foreign", host);
      assert.equal(await forUser?.(ends), "own", host);
      // A socket closed by its owner is the system's, and must not count as trusted.
      other.kill("SIGKILL");
      await once(other, "exit");
      assert.equal(await forUser?.(ends), "foreign", host);
    }
  },
);

test("S-009 a peer that is not on the list, or gone, is foreign", here, async (t) => {
  const { port, ownerOf } = await listening(t);
  const ends = { remoteAddress: "127.0.0.1", remotePort: 1, localAddress: "127.0.0.1", localPort: port };
  assert.equal(await ownerOf(ends), "foreign");
  assert.equal(await ownerOf({ localAddress: "127.0.0.1", localPort: port }), "foreign");
});

test("S-009 a connection is known by both of its ends, URL and port", here, async (t) => {
  const { port, connected, ownerOf } = await listening(t);
  const client = connect(port, "127.0.0.1");
  t.after(() => client.destroy());
  const ends = endsOf(await connected());
  assert.equal(await ownerOf(ends), "own");
  for (const other of [{ remoteAddress: "127.0.0.2" }, { localAddress: "127.0.0.2" }, { localPort: port - 1 }])
    assert.equal(await ownerOf({ ...ends, ...other }), "foreign", JSON.stringify(other));
});

test("where the list does not even have the port that listens, the owners of connections are unknown", () => {
  assert.equal(connectionOwners(1, systemClock), undefined);
});

test("S-006 one look serves all that wait for the next, which comes after a rest, or when 64 wait", here, async (t) => {
  const { port } = await listening(t);
  let [now, asleep] = [0, 0];
  let wake = (): void => undefined;
  const clock = {
    monotonic: () => now,
    sleep: (ms: number) => ((asleep += ms), new Promise<void>((resolve) => (wake = resolve))),
  };
  const ownerOf = connectionOwners(port, clock) ?? assert.fail("the system says whose");
  const answered = new Set<number>();
  const asked = (id: number): Promise<unknown> =>
    ownerOf({
      // Each look takes as long as the kernel needs for a long list.
      get remoteAddress() {
        now += 50;
        return "127.0.0.1";
      },
      remotePort: id,
      localAddress: "127.0.0.1",
      localPort: port,
    }).then(() => answered.add(id));
  await asked(1);
  const waiting = [2, 3, 4].map(asked);
  await new Promise(setImmediate);
  assert.deepEqual([...answered], [1], "the others wait for the next look");
  assert.ok(asleep >= 300, `${asleep}`);
  wake();
  await Promise.all(waiting);
  await Promise.all(Array.from({ length: 64 }, (_, index) => asked(10 + index)));
  assert.equal(answered.size, 68);
});

test("the user behind root is the one who called sudo or pkexec, and root itself is not one", () => {
  assert.equal(userBehindRoot({ SUDO_UID: "1000", PKEXEC_UID: "1001" }), 1000);
  assert.equal(userBehindRoot({ SUDO_UID: "0", PKEXEC_UID: "1001" }), 1001);
  for (const said of ["", "alice", "-1", "4294967295", "1.5"])
    assert.equal(userBehindRoot({ SUDO_UID: said, PKEXEC_UID: "7" }), 7, said);
});
