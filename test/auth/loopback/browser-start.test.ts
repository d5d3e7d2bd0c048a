import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { test, type TestContext } from "node:test";
import { AuthError } from "../../../src/base/errors.ts";
import { isOtherUser, peerOf } from "../../../src/platform/peer-user.ts";
import { ask, browse, listen, query } from "./listener.ts";

const service = "https://service.example/oauth/authorize?state=secret";

async function started(
  t: TestContext,
  options: Parameters<typeof listen>[0] = {},
): Promise<{ address: string; callback: string; answer: ReturnType<typeof listen> }> {
  const listener = await listen(options);
  t.after(() => listener.close());
  return {
    address: listener.startAddress(service),
    callback: `${listener.redirectUri}${query}`,
    answer: Promise.resolve(listener),
  };
}

function cookieOf({ headers }: { headers: Record<string, string | string[] | undefined> }): string {
  return String(headers["set-cookie"]).split(";")[0] ?? "";
}

test("S-009 what a browser is started with holds neither state nor the service's address, and leads there once", async (t) => {
  const { address } = await started(t);
  assert.doesNotMatch(address, /state|service\.example/);
  const first = await ask(address);
  assert.deepEqual(
    [first.status, first.headers["location"], first.headers["cache-control"], first.headers["referrer-policy"]],
    [303, service, "no-store", "no-referrer"],
  );
  assert.match(new URL(address).pathname, /^\/start\/[\w-]{22}$/, "nobody can guess it");
  assert.notEqual(new URL((await started(t)).address).pathname, new URL(address).pathname);
  assert.match(String(first.headers["set-cookie"]), /^login-\d+=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax$/);
});

test("S-009 once a browser has opened the address, a callback from any other neither ends nor completes the login", async (t) => {
  const { address, callback, answer } = await started(t);
  const listener = await answer;
  const cookie = cookieOf(await ask(address));
  for (const headers of [
    {},
    { cookie: "" },
    { cookie: `${cookie}x` },
    { cookie: cookie.replace(/=.*/, "=") },
    { cookie: `x${cookie}` },
  ]) {
    const refused = await ask(callback, { headers });
    assert.deepEqual([refused.status, refused.headers["location"]], [303, "/another-browser"]);
  }
  assert.match((await browse(callback)).body, /This login belongs to another browser/);
  const completed = ask(callback, { headers: { cookie: `theme=dark; ${cookie}` } }).catch(() => undefined);
  assert.equal((await listener.callback).kind, "code");
  await listener.close();
  await completed;
});

test("S-009 a second opening without the cookie ends the login with an explanation, and one by the same browser does not", async (t) => {
  const { address, answer } = await started(t);
  const listener = await answer;
  const cookie = cookieOf(await ask(address));
  assert.equal((await ask(address, { headers: { cookie } })).headers["location"], service);
  const ended = assert.rejects(
    listener.callback,
    (error) => error instanceof AuthError && error.code === "access_denied" && /opened twice/.test(error.message),
  );
  assert.equal((await ask(address)).headers["location"], "/already-used");
  await ended;
});

test("a browser that loads the address ahead of time does not use it up", async (t) => {
  const { address } = await started(t);
  assert.equal((await ask(address, { headers: { "sec-purpose": "prefetch" } })).status, 425);
  assert.equal((await ask(address)).headers["location"], service);
});

test("while the address was not opened here, a browser elsewhere completes the login without a cookie", async (t) => {
  const { callback, answer } = await started(t);
  const listener = await answer;
  const completed = ask(callback).catch(() => undefined);
  assert.equal((await listener.callback).kind, "code");
  await listener.close();
  await completed;
});

test("S-009 another user of the machine gets no answer but a refusal, whatever the request", async (t) => {
  const { address, callback } = await started(t, { isForeign: () => true });
  for (const url of [address, callback]) assert.equal((await ask(url)).status, 403);
});

test("S-009 a request whose sender is gone before it can be asked about neither uses the address up nor ends the login", async (t) => {
  const { address } = await started(t);
  const { port, pathname, host } = new URL(address);
  for (let round = 0; round < 3; round += 1) {
    const socket = connect(Number(port), "127.0.0.1").on("error", () => undefined);
    await once(socket, "connect");
    socket.write(`GET ${pathname} HTTP/1.1\r\nHost: ${host}\r\n\r\n`, () => socket.resetAndDestroy());
    await once(socket, "close");
  }
  const { headers, status } = await ask(address);
  assert.deepEqual([status, headers["location"]], [303, service]);
});

test("S-009 where the kernel no longer knows either end of a connection, it counts as another user's", {
  skip: process.platform !== "linux" && "needs Linux",
}, async (t) => {
  const { geteuid } = process;
  process.geteuid = () => 12345;
  t.after(() => Object.assign(process, { geteuid }));
  const server = createServer().listen(0, "127.0.0.1");
  t.after(() => server.close());
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const reset = { remoteAddress: "127.0.0.1", remotePort: 1, localAddress: "127.0.0.1", localPort: port };
  assert.equal(isOtherUser(reset), true);
  // From outside of this list, as from Windows to WSL: only this end is there.
  assert.equal(isOtherUser({ ...reset, localPort: 1 }), false, "a list without the listener tells nothing");
});

test("the kernel says who owns a loopback connection", async (t) => {
  if (process.platform !== "linux" || process.geteuid?.() !== 0)
    return t.skip("needs Linux, and root to act as another user");
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  for (const host of ["127.0.0.1", "::ffff:127.0.0.1"]) {
    const connect = `require("net").connect(${port}, ${JSON.stringify(host)}); setTimeout(() => {}, 60000)`;
    const other = spawn(process.execPath, ["-e", connect], { uid: 65534, gid: 65534, stdio: "ignore", cwd: "/" });
    t.after(() => other.kill("SIGKILL"));
    const [socket] = (await once(server, "connection")) as [Socket];
    const peer = peerOf(socket);
    assert.deepEqual([peer?.uid, peer?.isOpen], [65534, true], host);
    // Closed by its owner, the socket is the system's: that must not make it a friend's.
    other.kill("SIGKILL");
    await once(other, "exit");
    assert.ok(!peerOf(socket)?.isOpen, host);
    socket.destroy();
  }
});
