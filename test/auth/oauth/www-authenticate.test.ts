import assert from "node:assert/strict";
import { test } from "node:test";
import { challengesOf } from "../../../src/auth/oauth/www-authenticate.ts";

function parsed(header: string): [string, Record<string, string>][] {
  return challengesOf(new Headers({ "www-authenticate": header })).map(({ scheme, parameters }) => [
    scheme,
    Object.fromEntries(parameters),
  ]);
}

test("RFC 9110 §11.6.1 one header holds several challenges, and commas separate both them and their parameters", () => {
  assert.deepEqual(parsed('Basic realm="simple", Newauth realm="apps", type=1, title="Login to \\"apps\\""'), [
    ["basic", { realm: "simple" }],
    ["newauth", { realm: "apps", type: "1", title: 'Login to "apps"' }],
  ]);
});

test("RFC 6750 §3 the Bearer challenge says why the token was refused", () => {
  const header = 'Bearer realm="example", error="invalid_token", error_description="The access token expired, or not"';
  assert.deepEqual(parsed(header), [
    ["bearer", { realm: "example", error: "invalid_token", error_description: "The access token expired, or not" }],
  ]);
});

test("schemes and parameter names are compared without case, and space around = is allowed", () => {
  assert.deepEqual(parsed('bEaReR ERROR = "x" , Realm\t=\ty'), [["bearer", { error: "x", realm: "y" }]]);
});

test("a challenge may have no parameters, a token68, or empty list elements around it", () => {
  assert.deepEqual(parsed("Bearer"), [["bearer", {}]]);
  assert.deepEqual(parsed(", ,Negotiate YII+/=, , Bearer error=a,,"), [
    ["negotiate", {}],
    ["bearer", { error: "a" }],
  ]);
  assert.deepEqual(parsed("Negotiate, Basic realm=a"), [
    ["negotiate", {}],
    ["basic", { realm: "a" }],
  ]);
});

test("two headers are read as one list", () => {
  const headers = new Headers([
    ["WWW-Authenticate", 'Basic realm="a, b"'],
    ["WWW-Authenticate", 'Bearer error="session_invalid"'],
  ]);
  assert.deepEqual(parsed(headers.get("www-authenticate") ?? ""), [
    ["basic", { realm: "a, b" }],
    ["bearer", { error: "session_invalid" }],
  ]);
});

test("the first value of a repeated parameter counts, and an invalid rest does not affect what came before", () => {
  assert.deepEqual(parsed('Bearer error="a", error="b", realm="unended'), [["bearer", { error: "a" }]]);
  assert.deepEqual(parsed(""), []);
  assert.deepEqual(parsed("=;,"), []);
});

test("a header designed to be slow is parsed quickly", () => {
  for (const piece of ['a="\\', "a=b,", " ,", "Bearer ", 'x="', "\\\\"]) {
    // Processor time: others run, too.
    const before = process.cpuUsage();
    parsed(`Bearer ${piece.repeat(20_000)}`);
    assert.ok(process.cpuUsage(before).user < 2_000_000, piece);
  }
});
