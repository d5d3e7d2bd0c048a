import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { inspect } from "node:util";
import { openThroughProxy, proxyFor } from "../../src/platform/proxy.ts";
import { startProxy } from "../helpers/proxy.ts";
import type { AuthError } from "../../src/base/errors.ts";
import { hintOf } from "../helpers/hint.ts";

const at = (url: string, env: Record<string, string>): string | undefined => {
  const proxy = proxyFor(new URL(url), env);
  return proxy && `${proxy.variable} ${proxy.address}`;
};

test("each scheme has its own variable, the lower-case name takes precedence, and an empty value counts as not set", () => {
  const rows: [string, Record<string, string>, string | undefined][] = [
    ["https://service.test/", {}, undefined],
    ["https://service.test/", { HTTPS_PROXY: "http://proxy.test:3128" }, "HTTPS_PROXY http://proxy.test:3128"],
    ["wss://service.test/ws", { HTTPS_PROXY: "http://proxy.test:3128" }, "HTTPS_PROXY http://proxy.test:3128"],
    ["http://service.test/", { HTTPS_PROXY: "http://proxy.test:3128" }, undefined],
    ["https://service.test/", { HTTP_PROXY: "http://proxy.test:3128" }, undefined],
    ["http://service.test/", { HTTP_PROXY: "http://proxy.test:3128" }, "HTTP_PROXY http://proxy.test:3128"],
    ["ws://service.test/ws", { http_proxy: "http://proxy.test:3128" }, "http_proxy http://proxy.test:3128"],
    [
      "https://service.test/",
      { https_proxy: "http://lower.test", HTTPS_PROXY: "http://upper.test" },
      "https_proxy http://lower.test",
    ],
    ["https://service.test/", { https_proxy: " ", HTTPS_PROXY: "http://upper.test" }, "HTTPS_PROXY http://upper.test"],
    ["https://service.test/", { HTTPS_PROXY: "proxy.test:3128" }, "HTTPS_PROXY http://proxy.test:3128"],
    ["https://service.test/", { HTTPS_PROXY: "https://proxy.test:8443/" }, "HTTPS_PROXY https://proxy.test:8443"],
    ["https://service.test/", { HTTPS_PROXY: "http://[2001:db8::1]:3128" }, "HTTPS_PROXY http://[2001:db8::1]:3128"],
  ];
  for (const [url, env, expected] of rows) assert.equal(at(url, env), expected, inspect([url, env]));
});

test("a CGI program does not take the request's header Proxy for a proxy", () => {
  assert.equal(at("http://service.test/", { HTTP_PROXY: "http://evil.test", REQUEST_METHOD: "GET" }), undefined);
  assert.equal(
    at("http://service.test/", { http_proxy: "http://proxy.test", REQUEST_METHOD: "GET" }),
    "http_proxy http://proxy.test",
  );
});

test("requests to this machine never go through a proxy", () => {
  const env = { HTTPS_PROXY: "http://proxy.test", HTTP_PROXY: "http://proxy.test" };
  for (const host of [
    "localhost",
    "localhost.",
    "app.localhost",
    "127.0.0.1:8080",
    "127.8.9.1",
    "0x7f.1",
    "[::1]:8080",
  ]) {
    assert.equal(at(`http://${host}/`, env), undefined, host);
    assert.equal(at(`https://${host}/`, env), undefined, host);
  }
  for (const host of ["notlocalhost", "localhost.test", "127.0.0.1.test", "128.0.0.1", "[::2]"])
    assert.ok(at(`https://${host}/`, env), host);
});

test("NO_PROXY names hosts, what is below them, ports, URLs, ranges, or everything", () => {
  const direct: [string, string][] = [
    ["*", "https://service.test/"],
    ["service.test", "https://service.test/"],
    ["SERVICE.test", "https://service.test/"],
    ["service.test", "https://service.test./"],
    ["service.test", "https://api.service.test/"],
    [".service.test", "https://api.service.test/"],
    [".service.test", "https://service.test/"],
    ["*.service.test", "https://api.service.test/"],
    ["other.test, service.test", "https://service.test/"],
    ["other.test service.test", "https://service.test/"],
    ["service.test:443", "https://service.test/"],
    ["service.test:8443", "https://service.test:8443/"],
    ["service.test:443", "wss://service.test/ws"],
    ["service.test:80", "http://service.test/"],
    ["10.1.2.3", "https://10.1.2.3/"],
    ["10.1.2.3:8443", "https://10.1.2.3:8443/"],
    ["10.0.0.0/8", "https://10.1.2.3/"],
    ["2001:db8::1", "https://[2001:db8::1]/"],
    ["2001:DB8:0:0::1", "https://[2001:db8::1]/"],
    ["[2001:db8::1]:443", "https://[2001:db8::1]/"],
    ["2001:db8::/32", "https://[2001:db8:1::5]/"],
  ];
  const proxied: [string, string][] = [
    ["", "https://service.test/"],
    [",", "https://service.test/"],
    [".", "https://service.test/"],
    ["vice.test", "https://service.test/"],
    ["api.service.test", "https://service.test/"],
    ["service.test:8443", "https://service.test/"],
    ["service.test:80", "https://service.test/"],
    ["10.1.2.4", "https://10.1.2.3/"],
    ["2.3", "https://10.1.2.3/"],
    ["10.0.0.0/16", "https://10.1.2.3/"],
    ["10.0.0.0/33", "https://10.1.2.3/"],
    ["10.0.0.0/", "https://10.1.2.3/"],
    ["10.0.0.0/8", "https://service.test/"],
    ["2001:db8::/32", "https://[2001:db9::1]/"],
    ["0.0.0.0/0", "https://[2001:db8::1]/"],
  ];
  const env = { HTTPS_PROXY: "http://proxy.test", HTTP_PROXY: "http://proxy.test" };
  for (const [list, url] of direct) assert.equal(at(url, { ...env, NO_PROXY: list }), undefined, inspect([list, url]));
  for (const [list, url] of proxied) assert.ok(at(url, { ...env, NO_PROXY: list }), inspect([list, url]));
  assert.ok(at("https://service.test/", { ...env, no_proxy: "other.test", NO_PROXY: "*" }));
});

test("the user name and password of a proxy are sent decoded and shown nowhere", () => {
  const proxy = proxyFor(new URL("https://service.test"), { HTTPS_PROXY: "http://kim:hunter%402@proxy.test:3128" });
  assert.equal(proxy?.authorization?.reveal(), `Basic ${Buffer.from("kim:hunter@2").toString("base64")}`);
  assert.doesNotMatch(inspect(proxy, { depth: 9, showHidden: true }) + JSON.stringify(proxy), /kim|hunter|Basic/);
  assert.equal(
    proxyFor(new URL("https://service.test"), { HTTPS_PROXY: "http://proxy.test" })?.authorization,
    undefined,
  );
});

test("a variable that does not hold a proxy's URL is refused, and its value is not repeated", () => {
  for (const value of [
    "http://kim:hunter2@",
    "socks5://kim:hunter2@proxy.test",
    "http://kim:hunter2%@proxy.test",
    "http://kim:hunter2@proxy.test:99999",
  ]) {
    assert.throws(
      () => proxyFor(new URL("https://service.test"), { HTTPS_PROXY: value }),
      (error: AuthError) => {
        assert.equal(error.code, "configuration_invalid");
        assert.match(error.message, /^HTTPS_PROXY /);
        assert.doesNotMatch(inspect(error), /kim|hunter2/);
        return true;
      },
    );
  }
});

const skip = typeof WebSocket === "undefined" && "this Node has no global WebSocket";

test("a WebSocket goes through the proxy, or an error says that this Node cannot, and never directly", {
  skip,
}, async () => {
  await using proxy = await startProxy({ routes: {}, refuse: 403 });
  const env = { HTTPS_PROXY: proxy.url.replace("//", "//kim:hunter2@") };
  const url = new URL("wss://service.test/ws");
  const attempt = openThroughProxy(url, env, () => new WebSocket(url));
  if ("setGlobalProxyFromEnv" in (await import("node:http"))) {
    const socket = await attempt;
    await once(socket, "error");
    assert.deepEqual(
      proxy.requests.map(({ method, target, headers }) => [method, target, headers["proxy-authorization"]]),
      [["CONNECT", "service.test:443", `Basic ${Buffer.from("kim:hunter2").toString("base64")}`]],
    );
  } else {
    await assert.rejects(attempt, (error: AuthError) => {
      assert.equal(error.code, "configuration_invalid");
      assert.match(
        error.message,
        /^the WebSocket of Node\.js v\S+ cannot go through the proxy http:\/\/127\.0\.0\.1:\d+$/,
      );
      assert.match(hintOf(error), /NODE_USE_ENV_PROXY=1|Node 24\.14/);
      assert.doesNotMatch(inspect(error), /hunter2/);
      return true;
    });
    assert.deepEqual(proxy.requests, []);
  }
});

test("what is opened through a proxy leaves the rest of the process as it was", async () => {
  await using proxy = await startProxy({ routes: {}, refuse: 403 });
  await openThroughProxy(new URL("wss://service.test/"), { HTTPS_PROXY: proxy.url }, () => undefined).catch(
    () => undefined,
  );
  await assert.rejects(fetch("https://service.invalid/"));
  assert.deepEqual(proxy.requests, []);
});

test("what needs no proxy is opened directly on every Node", async () => {
  assert.equal(
    await openThroughProxy(new URL("ws://127.0.0.1:1/ws"), { HTTP_PROXY: "http://proxy.test" }, () => "opened"),
    "opened",
  );
});
