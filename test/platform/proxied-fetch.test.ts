import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { inspect } from "node:util";
import { proxiedFetch } from "../../src/platform/proxied-fetch.ts";
import { proxyFor, type ProxyServer } from "../../src/platform/proxy.ts";
import { startProxy, type ProxyBehaviour, type TestProxy } from "../helpers/proxy.ts";
import type { AuthError } from "../../src/base/errors.ts";
import { hintOf } from "../helpers/hint.ts";

interface Setting extends AsyncDisposable {
  proxy: TestProxy;
  /** As in the variable. */
  via(credentials?: string): ProxyServer;
}

/** A service that only the proxy resolves, as `http://service.test`. */
async function start(listener: RequestListener, behaviour: Partial<ProxyBehaviour> = {}): Promise<Setting> {
  const service: Server = createServer(listener);
  service.listen(0, "127.0.0.1");
  await once(service, "listening");
  const proxy = await startProxy({
    ...behaviour,
    routes: { "service.test:80": (service.address() as AddressInfo).port },
  });
  return {
    proxy,
    via(credentials = "") {
      const found = proxyFor(url, { HTTP_PROXY: proxy.url.replace("//", `//${credentials}`) });
      assert.ok(found);
      return found;
    },
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]();
      service.closeAllConnections();
      service.close();
      await once(service, "close");
    },
  };
}

const url = new URL("http://service.test/oauth/token?code=a-code");
type Failure = AuthError;

test("a request goes to the proxy with the whole URL, and the response is like that of fetch", async () => {
  const seen: unknown[] = [];
  await using setting = await start(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += String(chunk);
    seen.push([
      request.method,
      request.url,
      request.headers.host,
      request.headers["content-type"],
      request.headers["proxy-authorization"],
      body,
    ]);
    response.writeHead(
      201,
      "Made",
      [
        ["set-cookie", "a=1"],
        ["set-cookie", "b=2"],
        ["content-type", "application/json"],
      ].flat(),
    );
    response.end('{"a":"ä"}');
  });
  const response = await proxiedFetch(setting.via("kim:hunter2@"), url, {
    method: "POST",
    body: new URLSearchParams({ a: "b c" }),
    redirect: "manual",
  });
  assert.deepEqual([response.status, response.statusText, response.ok, response.url], [201, "Made", true, url.href]);
  assert.deepEqual(response.headers.getSetCookie(), ["a=1", "b=2"]);
  assert.deepEqual(await response.json(), { a: "ä" });
  assert.deepEqual(seen, [
    [
      "POST",
      "/oauth/token?code=a-code",
      "service.test",
      "application/x-www-form-urlencoded;charset=UTF-8",
      undefined,
      "a=b+c",
    ],
  ]);
  const [asked] = setting.proxy.requests;
  assert.deepEqual(
    [asked?.target, asked?.headers["proxy-authorization"]],
    [url.href, `Basic ${Buffer.from("kim:hunter2").toString("base64")}`],
  );
});

test("a response that cannot have a body has none, whatever its headers say", async () => {
  await using setting = await start(
    (request, response) => void response.writeHead(request.url === "/304" ? 304 : 204, { "x-a": "1" }).end(),
  );
  for (const [path, init] of [
    ["/204", {}],
    ["/304", { redirect: "manual" }],
    ["/204", { method: "HEAD" }],
  ] as const) {
    const response = await proxiedFetch(setting.via(), new URL(path, url), init);
    assert.deepEqual([response.body, response.headers.get("x-a"), await response.text()], [null, "1", ""]);
  }
});

test("a redirect is returned to a caller that asked for it, and an error for any other", async () => {
  await using setting = await start(
    (_, response) => void response.writeHead(302, { location: "http://elsewhere.test/" }).end("moved"),
  );
  const response = await proxiedFetch(setting.via(), url, { redirect: "manual" });
  assert.deepEqual(
    [response.status, response.headers.get("location"), await response.text()],
    [302, "http://elsewhere.test/", "moved"],
  );
  await assert.rejects(proxiedFetch(setting.via(), url), /\(redirect \(302\)\)$/);
});

test("a body arrives as it is read: one of 64 MiB waits for its reader, and ends when it is canceled", async () => {
  let written = 0;
  let closed: (() => void) | undefined;
  const end = new Promise<void>((resolve) => (closed = resolve));
  await using setting = await start(async (_, response) => {
    response.on("close", () => closed?.());
    for (let at = 0; at < 1024 && !response.destroyed; at++) {
      written += 65_536;
      if (!response.write(Buffer.alloc(65_536))) await Promise.race([once(response, "drain"), end]);
    }
    response.end();
  });
  const response = await proxiedFetch(setting.via(), url);
  const reader = (response.body ?? new ReadableStream<Uint8Array>()).getReader();
  assert.ok(((await reader.read()).value?.length ?? 0) > 0);
  await reader.cancel();
  await end;
  assert.ok(written < 1024 * 65_536, `${written} bytes were sent to nobody`);
});

test("a body that ends too early is an error, not a shorter body", async () => {
  await using setting = await start((_, response) => {
    response.writeHead(200, { "content-length": "1000" });
    response.write("half", () => response.destroy());
  });
  const response = await proxiedFetch(setting.via(), url);
  await assert.rejects(response.text(), { code: "ECONNRESET" });
});

test("the signal ends a request before it is sent, while it waits, and while its body is read, with its own reason", async () => {
  await using setting = await start((request, response) => {
    if (request.url === "/waits") return void setting.proxy.requests.length;
    response.write("first");
  });
  const reason = new DOMException("too slow", "TimeoutError");
  await assert.rejects(
    proxiedFetch(setting.via(), url, { signal: AbortSignal.abort(reason) }),
    (error) => error === reason,
  );
  assert.deepEqual(setting.proxy.requests, []);

  const waits = new AbortController();
  const request = proxiedFetch(setting.via(), new URL("/waits", url), { signal: waits.signal });
  setImmediate(() => waits.abort(reason));
  await assert.rejects(request, (error) => error === reason);

  const reads = new AbortController();
  const response = await proxiedFetch(setting.via(), url, { signal: reads.signal });
  const reader = (response.body ?? new ReadableStream<Uint8Array>()).getReader();
  assert.equal(Buffer.from((await reader.read()).value ?? []).toString(), "first");
  const next = reader.read();
  reads.abort(reason);
  await assert.rejects(next, (error) => error === reason);
});

test("the signal ends a request whose response is not being read, and the process goes on", async () => {
  await using setting = await start((_, response) => void response.write("first"));
  const controller = new AbortController();
  const response = await proxiedFetch(setting.via(), url, { signal: controller.signal });
  const reason = new Error("enough");
  controller.abort(reason);
  await assert.rejects(response.text(), (error) => error === reason);
});

test("a proxy that wants a password, or another one, says which variable to correct, without showing it", async () => {
  await using setting = await start((_, response) => void response.end("hello"), { basic: "kim:s3cret" });
  assert.equal(await (await proxiedFetch(setting.via("kim:s3cret@"), url)).text(), "hello");
  for (const [credentials, hint] of [
    ["", /export HTTP_PROXY=http:\/\/USER:PASSWORD@127/],
    ["kim:hunter2@", /user name and password in HTTP_PROXY/],
  ] as const) {
    await assert.rejects(proxiedFetch(setting.via(credentials), url), (error: Failure) => {
      assert.equal(error.code, "network_unavailable");
      assert.equal(
        error.message,
        `cannot reach "http://service.test/oauth/token" via proxy ${setting.proxy.url}: the proxy returned 407`,
      );
      assert.match(hintOf(error), hint);
      assert.doesNotMatch(inspect(error, { depth: 9 }), /hunter2|a-code/);
      return true;
    });
  }
});

test("a tunnel that the proxy refuses is an error with the proxy's status, and nothing reaches the target", async () => {
  await using setting = await start((_, response) => void response.end());
  for (const refuse of [403, 407, 502, 302]) {
    setting.proxy.behaviour.refuse = refuse;
    await assert.rejects(
      proxiedFetch(setting.via("kim:hunter2@"), new URL("https://service.test/oauth/token?code=a-code")),
      (error: Failure) => {
        assert.equal(error.code, "network_unavailable");
        assert.equal(
          error.message,
          `cannot reach "https://service.test/oauth/token" via proxy ${setting.proxy.url}: the proxy returned ${refuse}`,
        );
        assert.ok(error.hint);
        assert.doesNotMatch(inspect(error, { depth: 9 }), /hunter2|a-code/);
        return true;
      },
    );
  }
  assert.deepEqual(
    new Set(setting.proxy.requests.map(({ method, target }) => `${method} ${target}`)),
    new Set(["CONNECT service.test:443"]),
  );
});

test("a proxy that is not there, hangs up or stays silent is named in the error, or ended by the signal", async () => {
  await using setting = await start((_, response) => void response.end());
  for (const target of [url, new URL("https://service.test/")]) {
    setting.proxy.behaviour.fault = "hang up";
    await assert.rejects(proxiedFetch(setting.via("kim:hunter2@"), target), (error: Failure) => {
      assert.match(
        error.message,
        /^cannot reach "https?:\/\/service\.test\/\S*" via proxy http:\/\/127\.0\.0\.1:\d+ \(ECONNRESET\)$/,
      );
      assert.doesNotMatch(inspect(error, { depth: 9 }), /hunter2|a-code/);
      return true;
    });
    setting.proxy.behaviour.fault = "silence";
    const controller = new AbortController();
    const request = proxiedFetch(setting.via(), target, { signal: controller.signal });
    const reason = new Error("enough");
    setImmediate(() => controller.abort(reason));
    await assert.rejects(request, (error) => error === reason);
  }
  const gone = setting.via();
  await setting.proxy[Symbol.asyncDispose]();
  for (const target of [url, new URL("https://service.test/")]) {
    await assert.rejects(proxiedFetch(gone, target), /via proxy http:\/\/127\.0\.0\.1:\d+ \(ECONNREFUSED\)$/);
  }
});
