import assert from "node:assert/strict";
import { test } from "node:test";
import { targetOf } from "../../src/http/token-target.ts";
import { AuthError } from "../../src/base/errors.ts";

const base = "https://service.example/base";

test("a path goes below the service's own path, with or without a leading slash", () => {
  assert.deepEqual(targetOf("/api/v1/me?a=b", base), {
    url: "https://service.example/base/api/v1/me?a=b",
    isService: true,
  });
  assert.deepEqual(targetOf("api/v1/me", base), { url: "https://service.example/base/api/v1/me", isService: true });
  assert.deepEqual(targetOf("/api/../me", "https://service.example"), {
    url: "https://service.example/me",
    isService: true,
  });
});

test("S-001 no path leaves the service, however it is spelled", () => {
  const escapes = [
    "//evil.example/x",
    "/\\evil.example",
    "\\\\evil.example",
    "/../x",
    "..",
    "/a/../../x",
    "/%2e%2e/x",
    "/.%2E/x",
    "..\\x",
    "\\..\\..\\x",
    "/\t../x",
    "/..%2fx",
    "/a/%2e%2e%5Cx",
    "/.%252e/x",
    "/..;/x",
    "/..%3bx/y",
    "/..%c0%afx",
    "/..%20/x",
  ];
  for (const path of escapes) {
    assert.throws(
      () => targetOf(path, base),
      (error) => error instanceof AuthError && error.code === "usage_invalid",
      path,
    );
  }
});

test("dots that lead nowhere are not taken for a way out, nor is anything where the service has the host to itself", () => {
  for (const path of ["/a..b/x", "/...", "/.hidden", "/a%2fb", "/..a", "/x?y=..%2f"])
    assert.equal(targetOf(path, base).isService, true, path);
  assert.equal(targetOf("/files/..%2fx", "https://service.example").isService, true);
});

test("S-001 nothing in a path becomes a part of the host", () => {
  for (const path of [
    "@evil.example/",
    ".evil.example/",
    ":443@evil.example",
    "?@evil.example",
    "#@evil.example",
    " //evil.example",
    "/\t/evil.example",
    "/%2f%2fevil.example",
  ]) {
    for (const service of [base, "https://service.example"]) {
      const { url, isService } = targetOf(path, service);
      assert.equal(new URL(url).origin, "https://service.example", path);
      assert.equal(isService, true);
    }
  }
});

test("S-001 an absolute URL is the service only with the same origin and below the same path", () => {
  const isService = (address: string): boolean => targetOf(address, base).isService;
  assert.ok(isService("https://service.example/base/x"));
  assert.ok(isService("https://service.example/base"));
  assert.ok(isService("HTTPS://SERVICE.example:443/base/x"));
  for (const address of [
    "http://service.example/base/x",
    "https://service.example:444/base/x",
    "https://service.example.evil.example/base/x",
    "https://service.example@evil.example/base/x",
    "https://me@service.example/base/x",
    "https://:pw@service.example/base/x",
    "https://service.example/based/x",
    "https://service.example/base/../x",
    "https://service.example/",
    "blob:https://service.example/base/x",
    "data:text/plain,x",
  ]) {
    assert.equal(isService(address), false, address);
  }
});
