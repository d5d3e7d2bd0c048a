import assert from "node:assert/strict";
import { test } from "node:test";
import { AuthError } from "../../src/base/errors.ts";
import { nextHop, type Hop, type RedirectScope } from "../../src/http/redirect.ts";

const service = "https://host.example/tenant";

function hop(
  init: RequestInit,
  location: string,
  {
    status = 307,
    scope = "anywhere",
    from = `${service}/upload`,
    base = service,
  }: { status?: number; scope?: RedirectScope; from?: string; base?: string } = {},
): Hop | undefined {
  return nextHop(
    new Response(null, { status, headers: { location } }),
    { url: from, init, isService: true },
    base,
    scope,
  );
}

const post: RequestInit = {
  method: "POST",
  body: "artifact",
  headers: { "content-type": "text/plain", "x-custom": "1" },
};

test("within the service a redirect keeps method, body and headers", () => {
  assert.deepEqual(hop(post, "other?page=2"), { url: `${service}/other?page=2`, init: post, isService: true });
});

for (const [title, location, init, options] of [
  ["a neighbour on the same host", "/evil", post, {}],
  ["a neighbour whose path only begins like the service's", "/tenant-evil/x", post, {}],
  ["a way out by dots", `${service}/../evil`, post, {}],
  ["a way out for a gateway that decodes", "/tenant/..%2fevil", post, {}],
  ["a way out for a gateway that decodes twice", "/tenant/%252e%252e%252fevil", post, {}],
  ["a way out by backslashes that are encoded", "/tenant/a/..%5c..%5cevil", post, {}],
  ["a way out by a slash in invalid UTF-8", "/tenant/..%c0%afevil", post, {}],
  ["the service with a user name", "https://me@host.example/tenant/x", { method: "GET" }, {}],
  ["the service with a password", "https://:pw@host.example/tenant/x", { method: "GET" }, {}],
  ["a way out for a server that drops parameters of a segment", "/tenant/..;x=y/evil", post, {}],
  ["another origin", "https://evil.example/", post, {}],
  ["another port", "https://host.example:8443/tenant/", post, {}],
  ["plain http", "http://host.example/tenant/upload", { method: "GET" }, {}],
  ["this machine, from a service elsewhere", "http://127.0.0.1:8080/", { method: "GET" }, {}],
  ["this machine by its name", "https://localhost/", { method: "GET" }, {}],
  ["this machine by a name below localhost", "https://a.localhost:8443/", { method: "GET" }, {}],
  ["this machine by the address of no host", "https://0.0.0.0:8443/", { method: "GET" }, {}],
  ["this machine by its address in IPv6", "https://[::ffff:127.0.0.1]/", { method: "GET" }, {}],
  [
    "another origin, where only the service may answer",
    "https://cdn.example/",
    { method: "GET" },
    { scope: "service" },
  ],
  ["something that is no web address", "javascript:alert(1)", { method: "GET" }, {}],
  ["something that is no URL at all", "https://[", { method: "GET" }, {}],
] as const) {
  test(`S-013 a redirect to ${title} is not followed`, () => {
    assert.throws(
      () => hop(init, location, options),
      (error) =>
        error instanceof AuthError && error.code === "service_rejected" && / redirects to /.test(error.message),
    );
  });
}

test("S-013 a redirect elsewhere takes neither token, headers nor body along, and leads on without them", () => {
  const next = hop({ headers: { cookie: "a=b", "x-custom": "1" } }, "https://cdn.example/file", { status: 302 });
  assert.deepEqual(next, { url: "https://cdn.example/file", init: {}, isService: false });
  // Back at the service's URL the request is still another server's.
  const back = nextHop(
    new Response(null, { status: 302, headers: { location: `${service}/back` } }),
    next as Hop,
    service,
    "anywhere",
  );
  assert.equal(back?.isService, false);
});

test("a POST becomes a GET without a body after 301, 302 and 303, and stays a POST after 307 and 308", () => {
  for (const status of [301, 302, 303]) {
    const next = hop(post, "other", { status });
    assert.deepEqual(
      [
        next?.init.method,
        next?.init.body,
        new Headers(next?.init.headers).get("content-type"),
        new Headers(next?.init.headers).get("x-custom"),
      ],
      ["GET", undefined, null, "1"],
    );
  }
  for (const status of [307, 308]) assert.equal(hop(post, "other", { status })?.init.method, "POST");
  assert.equal(hop({ method: "HEAD" }, "other", { status: 303 })?.init.method, "HEAD");
});

test("a service on this machine may redirect to plain http on this machine, and any other response is not a redirect", () => {
  assert.equal(
    hop({}, "http://127.0.0.1:5000/next", { from: "http://127.0.0.1:5000/", base: "http://127.0.0.1:5000" })?.isService,
    true,
  );
  assert.equal(
    nextHop(
      new Response(null, { status: 304, headers: { location: "/x" } }),
      { url: service, init: {}, isService: true },
      service,
      "anywhere",
    ),
    undefined,
  );
  assert.equal(
    nextHop(new Response(null, { status: 302 }), { url: service, init: {}, isService: true }, service, "anywhere"),
    undefined,
  );
});
