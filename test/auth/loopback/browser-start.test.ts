import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { test, type TestContext } from "node:test";
import type { CallbackListener } from "../../../src/auth/loopback/callback-server.ts";
import { AuthError } from "../../../src/base/errors.ts";
import type { ConnectionOwner } from "../../../src/platform/connection-owner.ts";
import { ask, browse, listen, query } from "./listener.ts";

const service = "https://service.example/oauth/authorize?state=secret";

async function started(
  t: TestContext,
  options: Parameters<typeof listen>[0] = {},
): Promise<{ address: string; callback: string; listener: CallbackListener }> {
  const listener = await listen(options);
  t.after(() => listener.close());
  return { address: listener.startAddress(service), callback: `${listener.redirectUri}${query}`, listener };
}

const owned = (owner: ConnectionOwner): Parameters<typeof listen>[0] => ({ ownerOf: async () => owner });

test("S-009 what a browser is started with holds neither state nor the service's URL, and leads there once, ever", async (t) => {
  const { address } = await started(t);
  assert.doesNotMatch(address, /state|service\.example/);
  // 128 bits, new for each login: cannot be guessed.
  const paths = [address, (await started(t)).address].map((one) => new URL(one).pathname);
  assert.ok(paths[0] !== paths[1] && paths.every((path) => /^\/start\/[\w-]{22}$/.test(path)), paths.join(" "));
  const first = await ask(address);
  assert.deepEqual(
    [first.status, first.headers["location"], first.headers["cache-control"], first.headers["referrer-policy"]],
    [303, service, "no-store", "no-referrer"],
  );
  for (const headers of [{}, { cookie: String(first.headers["set-cookie"]) }]) {
    const again = await ask(address, { headers });
    assert.deepEqual([again.status, again.headers["location"]], [303, "/opened-before"]);
  }
  assert.match((await browse(address)).body, /This URL was opened before/);
});

test("S-009 a second opening by the user's own connection does not end the login", async (t) => {
  const { address, callback, listener } = await started(t, owned("own"));
  for (const expected of [service, "/opened-before", "/opened-before"])
    assert.equal((await ask(address)).headers["location"], expected);
  const completed = ask(callback).catch(() => undefined);
  assert.equal((await listener.callback).kind, "code");
  await listener.close();
  await completed;
});

test("S-009 where the owner of a connection is unknown, a second opening ends the login with an explanation", async (t) => {
  for (const owners of [
    ["unknown", "unknown"],
    ["own", "unknown"],
    ["unknown", "own"],
  ] as const) {
    const rest: ConnectionOwner[] = [...owners];
    const { address, listener } = await started(t, { ownerOf: async () => rest.shift() ?? "own" });
    assert.equal((await ask(address)).headers["location"], service);
    const ended = assert.rejects(
      listener.callback,
      (error) => error instanceof AuthError && error.code === "access_denied" && /opened twice/.test(error.message),
    );
    assert.equal((await ask(address)).headers["location"], "/opened-before");
    await ended;
  }
});

test("S-009 no response sets a cookie, which every port of this host would get and could overwrite", async (t) => {
  const { address, callback, listener } = await started(t);
  const { origin } = new URL(address);
  for (const url of [address, address, `${origin}/opened-before`, `${origin}/favicon.ico`])
    assert.equal((await ask(url)).headers["set-cookie"], undefined);
  const redirected = ask(callback);
  await listener.callback;
  void listener.finish({ kind: "success", account: "alice@example.com" });
  assert.equal((await redirected).headers["set-cookie"], undefined);
});

test("a browser that loads the URL ahead of time does not use it up", async (t) => {
  const { address } = await started(t);
  assert.equal((await ask(address, { headers: { "sec-purpose": "prefetch" } })).status, 425);
  assert.equal((await ask(address)).headers["location"], service);
});

test("while the URL was not opened here, a browser elsewhere completes the login", async (t) => {
  const { callback, listener } = await started(t);
  const completed = ask(callback).catch(() => undefined);
  assert.equal((await listener.callback).kind, "code");
  await listener.close();
  await completed;
});

test("S-009 another user of the machine gets a refusal, whatever that user knows, and does not use the URL up", async (t) => {
  let owner: ConnectionOwner = "foreign";
  const { address, callback } = await started(t, { ownerOf: async () => owner });
  for (const url of [address, callback]) assert.equal((await ask(url)).status, 403);
  owner = "own";
  assert.equal((await ask(address)).headers["location"], service);
});

test("S-006 only for what would otherwise count is it looked up whose the connection is", async (t) => {
  let looks = 0;
  const { address, callback, listener } = await started(t, { ownerOf: async () => ((looks += 1), "own") });
  const { origin, port } = new URL(address);
  for (const [url, options] of [
    [callback, { headers: { host: `evil.example:${port}` } }],
    [callback, { headers: { origin: "https://evil.example" } }],
    [callback, { method: "POST" }],
    [`${origin}/start/AAAAAAAAAAAAAAAAAAAAAA`, {}],
    [`${origin}/favicon.ico`, {}],
    [listener.redirectUri, {}],
    [`${listener.redirectUri}?code=c&state=wrong`, {}],
    [`${callback}&code=again`, {}],
    [address, { headers: { purpose: "prefetch" } }],
  ] as const)
    await ask(url, options);
  assert.equal(looks, 0);
  await ask(address);
  assert.equal(looks, 1);
});

test("S-009 a request whose sender is gone before the look-up neither uses the URL up nor ends the login", async (t) => {
  const { address, listener } = await started(t);
  if (!listener.tellsOwners) return t.skip("the system does not name the owner of a connection");
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
