import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createPlainServer } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { send } from "../../src/http/request.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { ownIdentity } from "../../src/base/identity.ts";
import { systemFetch } from "../../src/platform/system-fetch.ts";
import { testCertificate } from "../helpers/certificate.ts";
import { typescript } from "../helpers/command.ts";
import type { ChildAnswer, ChildRequest } from "../helpers/fetch-child.ts";
import { startProxy } from "../helpers/proxy.ts";
import type { AuthError } from "../../src/base/errors.ts";
import { hintOf } from "../helpers/hint.ts";

const folder = mkdtempSync(join(tmpdir(), "system-fetch-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const authority = join(folder, "authority.pem");
const certificate = testCertificate("service.test");
const proxyCertificate = testCertificate("localhost");
writeFileSync(authority, certificate.cert + proxyCertificate.cert);
const none = join(folder, "none");
mkdirSync(none);
const big = randomBytes(8 * 1024 * 1024);

/** A TLS service named `service.test`; its WebSocket says "hi". */
async function startService(): Promise<{ port: number; sent: string[] } & AsyncDisposable> {
  const sent: string[] = [];
  const server = createServer(certificate, async (request, response) => {
    let body = "";
    for await (const chunk of request) body += String(chunk);
    sent.push(`${request.method} ${request.url} ${request.headers["proxy-authorization"] ?? "-"} ${body}`);
    response.end(request.url === "/big" ? big : "hello");
  });
  server.on("upgrade", (request, socket) => {
    const accept = createHash("sha1")
      .update(`${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest("base64");
    socket.on("error", () => socket.destroy());
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    socket.write(Buffer.of(0x81, 2, 0x68, 0x69));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    sent,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** In turn, from one process with that environment. */
async function fromChild(env: Record<string, string>, ...requests: ChildRequest[]): Promise<ChildAnswer[]> {
  const { SSL_CERT_FILE: _, NODE_EXTRA_CA_CERTS: __, NODE_OPTIONS: ___, ...inherited } = process.env;
  const child = fork(join(import.meta.dirname, "../helpers/fetch-child.ts"), {
    execArgv: [...typescript, ...(process.versions.node.startsWith("20.") ? ["--experimental-websocket"] : [])],
    env: { ...inherited, SSL_CERT_DIR: none, SSL_CERT_FILE: "/dev/null", ...env },
  });
  const exit = once(child, "exit");
  const answers: ChildAnswer[] = [];
  for (const request of requests) {
    child.send(request);
    const [answer] = (await Promise.race([
      once(child, "message"),
      exit.then((code) => Promise.reject(new Error(`the child ended (${String(code)})`))),
    ])) as [ChildAnswer];
    answers.push(answer);
  }
  child.kill();
  await exit;
  return answers;
}

test("without a variable it is the global fetch, looked up when it is called", async (context) => {
  const answer = new Response("hello");
  const spy = context.mock.method(globalThis, "fetch", async () => answer);
  const init = { method: "POST", body: "a" };
  for (const env of [
    {},
    { HTTPS_PROXY: "" },
    { NO_PROXY: "*" },
    { HTTPS_PROXY: "http://proxy.test", NO_PROXY: "service.test" },
  ]) {
    assert.equal(await systemFetch(env, ownIdentity)("https://service.test/", init), answer);
  }
  const sent = { ...init, headers: { "user-agent": ownIdentity.userAgent } };
  for (const {
    arguments: [url, given],
  } of spy.mock.calls)
    assert.deepEqual([url, given], ["https://service.test/", sent]);
});

test("every request says what sends it, unless the caller has said so, and keeps the caller's headers", async (context) => {
  const spy = context.mock.method(globalThis, "fetch", async () => new Response());
  const send = systemFetch({}, ownIdentity);
  const kinds: ((headers: Record<string, string>) => NonNullable<RequestInit["headers"]>)[] = [
    (headers) => headers,
    (headers) => Object.entries(headers),
    (headers) => new Headers(headers),
  ];
  for (const kind of kinds) {
    for (const own of [undefined, "other/1.0"]) {
      await send("https://service.test/", {
        headers: kind({ accept: "text/plain", ...(own && { "User-Agent": own }) }),
      });
      const headers = new Headers(spy.mock.calls.at(-1)?.arguments[1]?.headers);
      assert.deepEqual(Object.fromEntries(headers), {
        accept: "text/plain",
        "user-agent": own ?? ownIdentity.userAgent,
      });
    }
  }
});

test("a variable that does not hold a proxy's URL makes each request an error, and nothing is sent directly", async (context) => {
  const spy = context.mock.method(globalThis, "fetch", async () => new Response());
  await assert.rejects(systemFetch({ HTTPS_PROXY: "socks5://proxy.test" }, ownIdentity)("https://service.test/"), {
    code: "configuration_invalid",
  });
  assert.equal(spy.mock.callCount(), 0);
});

test("an exchange of the protocol fails with what the proxy said and the hint that fixes it", async () => {
  await using proxy = await startProxy({ routes: {}, refuse: 407 });
  const options = { fetch: systemFetch({ HTTPS_PROXY: proxy.url }, ownIdentity), clock: systemClock };
  await assert.rejects(
    send("https://service.test/oauth/token", { method: "POST", body: "grant" }, options),
    (error: AuthError) => {
      assert.equal(error.code, "network_unavailable");
      assert.match(error.message, /the proxy returned 407$/);
      assert.match(hintOf(error), /export HTTPS_PROXY=http:\/\/USER:PASSWORD@/);
      return true;
    },
  );
});

test("what was meant for this machine stays on it", async () => {
  const service = createPlainServer((_, response) => void response.end("hello"));
  service.listen(0, "127.0.0.1");
  await once(service, "listening");
  await using proxy = await startProxy({ routes: {} });
  const send = systemFetch({ HTTP_PROXY: proxy.url, HTTPS_PROXY: proxy.url }, ownIdentity);
  const response = await send(`http://127.0.0.1:${(service.address() as AddressInfo).port}/`, {
    headers: { connection: "close" },
  });
  assert.equal(await response.text(), "hello");
  assert.deepEqual(proxy.requests, []);
  service.close();
});

test("TLS through a proxy is verified with NODE_EXTRA_CA_CERTS, any size arrives whole, and the proxy's password ends at the proxy", async () => {
  await using service = await startService();
  await using proxy = await startProxy({
    routes: { "service.test:443": service.port, "other.test:443": service.port },
    basic: "kim:hunter2",
  });
  // The variable for Node's own proxy must not lead through it twice.
  const env = {
    HTTPS_PROXY: proxy.url.replace("//", "//kim:hunter2@"),
    NODE_EXTRA_CA_CERTS: authority,
    NODE_USE_ENV_PROXY: "1",
    NODE_NO_WARNINGS: "1",
  };
  const [posted, got, other, socket] = await fromChild(
    env,
    { url: "https://service.test/token", init: { method: "POST", body: "grant" } },
    { url: "https://service.test/big" },
    { url: "https://other.test/" },
    { url: "wss://service.test/ws" },
  );
  assert.deepEqual([posted?.status, posted?.length], [200, 5]);
  assert.deepEqual(got, { status: 200, length: big.length, sha256: createHash("sha256").update(big).digest("hex") });
  assert.match(
    other?.error?.message ?? "",
    /^cannot reach "https:\/\/other\.test\/" via proxy http:\/\/127\.0\.0\.1:\d+ \(ERR_TLS_CERT_ALTNAME_INVALID\)$/,
  );
  assert.deepEqual(service.sent, ["POST /token - grant", "GET /big - "]);
  if (process.allowedNodeEnvironmentFlags.has("--use-env-proxy")) assert.equal(socket?.message, "hi");
  else assert.match(socket?.error?.message ?? "", /^the WebSocket of Node\.js v\S+ cannot go through the proxy/);
  assert.ok(
    proxy.requests.every(({ method, headers }) => method === "CONNECT" && headers["proxy-authorization"] !== undefined),
  );
});

test("a proxy may speak TLS itself, and its certificate is verified", async () => {
  await using service = await startService();
  await using proxy = await startProxy({ routes: { "service.test:443": service.port }, certificate: proxyCertificate });
  const request = { url: "https://service.test/token", init: { method: "POST", body: "grant" } };
  const [trusted] = await fromChild({ HTTPS_PROXY: proxy.url, NODE_EXTRA_CA_CERTS: authority }, request);
  assert.equal(trusted?.status, 200);
  const [untrusted] = await fromChild({ HTTPS_PROXY: proxy.url }, request);
  assert.match(untrusted?.error?.message ?? "", /via proxy https:\/\/localhost:\d+ \(DEPTH_ZERO_SELF_SIGNED_CERT\)/);
  assert.deepEqual(service.sent, ["POST /token - grant"]);
});

test("a certificate of an unknown authority is refused, with and without a proxy, before anything is sent", async () => {
  await using service = await startService();
  await using proxy = await startProxy({ routes: { "service.test:443": service.port } });
  const [proxied, direct] = await fromChild(
    { HTTPS_PROXY: proxy.url },
    { url: "https://service.test/?code=a-code" },
    { url: `https://127.0.0.1:${service.port}/?code=a-code` },
  );
  assert.match(
    proxied?.error?.message ?? "",
    /^cannot reach "https:\/\/service\.test\/" via proxy \S+ \(DEPTH_ZERO_SELF_SIGNED_CERT\): its certificate is from an unknown authority/,
  );
  assert.match(
    direct?.error?.message ?? "",
    /^cannot reach "https:\/\/127\.0\.0\.1:\d+\/" \(DEPTH_ZERO_SELF_SIGNED_CERT\): its certificate is from an unknown authority/,
  );
  for (const answer of [proxied, direct]) {
    assert.equal(answer?.error?.code, "network_unavailable");
    assert.match(answer?.error?.hint ?? "", /export NODE_EXTRA_CA_CERTS=.*export NODE_USE_SYSTEM_CA=1/);
    assert.equal(answer?.error?.causeCode, "DEPTH_ZERO_SELF_SIGNED_CERT");
  }
  assert.deepEqual(service.sent, []);
});
