import assert from "node:assert/strict";
import { test } from "node:test";
import { discoverAuthorizationServer } from "../../../src/auth/oauth/discovery.ts";
import type { AuthorizationServer } from "../../../src/auth/oauth/authorization-server.ts";
import { AuthError } from "../../../src/base/errors.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { hintOf } from "../../helpers/hint.ts";

const issuer = "https://login.example.com/realms/acme";
const first = "https://login.example.com/.well-known/oauth-authorization-server/realms/acme";
const second = "https://login.example.com/realms/acme/.well-known/openid-configuration";
const metadata = { issuer, authorization_endpoint: `${issuer}/authorize`, token_endpoint: `${issuer}/token` };

/** Runs discovery against answers by address; every other address is 404. By default the user has named the issuer. */
async function discover(answers: Record<string, Response>, of = issuer, isNamed = true): Promise<{ found: AuthorizationServer | undefined; asked: string[] }> {
  const asked: string[] = [];
  const fetch = async (input: string | URL): Promise<Response> => {
    asked.push(String(input));
    return answers[String(input)] ?? new Response("no", { status: 404 });
  };
  return { found: await discoverAuthorizationServer(of, isNamed, { fetch, clock: systemClock }), asked };
}

const refused = (answers: Record<string, Response>, code: string, message: RegExp): Promise<void> =>
  assert.rejects(discover(answers), (error: unknown) => {
    assert.ok(error instanceof AuthError);
    assert.equal(error.code, code);
    assert.match(error.message, message);
    return true;
  });

test("the well-known part comes before the path by RFC 8414 §3.1 and after it by OpenID Connect, tried in this order", async () => {
  const { found, asked } = await discover({});
  assert.equal(found, undefined);
  assert.deepEqual(asked, [first, second]);
});

test("an issuer without a path, with a trailing / or with a port is asked at the right addresses", async () => {
  for (const root of ["https://login.example.com", "https://login.example.com/"]) {
    assert.deepEqual((await discover({}, root)).asked, [
      "https://login.example.com/.well-known/oauth-authorization-server",
      "https://login.example.com/.well-known/openid-configuration",
    ]);
  }
  assert.deepEqual((await discover({}, "https://login.example.com:8443/a/")).asked, [
    "https://login.example.com:8443/.well-known/oauth-authorization-server/a",
    "https://login.example.com:8443/a/.well-known/openid-configuration",
  ]);
});

test("the first metadata found are used, and the second address is not asked", async () => {
  const { found, asked } = await discover({ [first]: Response.json(metadata) });
  assert.deepEqual(found, metadata);
  assert.deepEqual(asked, [first]);
});

test("OpenID Connect's metadata are used where there are no others", async () => {
  const more = { jwks_uri: `${issuer}/jwks`, userinfo_endpoint: `${issuer}/me`, dpop_signing_alg_values_supported: ["ES256"] };
  assert.deepEqual((await discover({ [second]: Response.json({ ...metadata, ...more, claims_supported: ["sub"] }) })).found, { ...metadata, ...more });
});

const page = (): Response => new Response("<!doctype html>", { headers: { "content-type": "text/html" } });

for (const status of [301, 401, 403, 410]) {
  test(`status ${status} is an error for an issuer that the user has named, and means no metadata for a service`, async () => {
    await refused({ [first]: new Response("", { status }) }, "service_answer_invalid", new RegExp(`${status}`));
    assert.equal((await discover({ [first]: new Response("", { status }) }, issuer, false)).found, undefined);
  });
}

test("a page instead of metadata is an error for an issuer that the user has named, and means no metadata for a service", async () => {
  await refused({ [first]: page() }, "service_answer_invalid", /not a JSON object/);
  assert.equal((await discover({ [first]: page(), [second]: page() }, issuer, false)).found, undefined);
});

test("a service that answers with a page at the address of RFC 8414 may still have OpenID Connect's metadata", async () => {
  assert.deepEqual((await discover({ [first]: page(), [second]: Response.json(metadata) }, issuer, false)).found, metadata);
});

for (const status of [429, 500, 503]) {
  test(`status ${status} is a transient error, whether or not the user has named the issuer`, async () => {
    for (const isNamed of [true, false]) {
      await assert.rejects(discover({ [second]: new Response("", { status }) }, issuer, isNamed), { code: "service_unavailable", message: new RegExp(`${status}`) });
    }
  });
}

test("invalid metadata are an error, whether or not the user has named the issuer", () =>
  assert.rejects(discover({ [first]: Response.json({ ...metadata, issuer: "https://evil.example" }) }, issuer, false), { code: "service_answer_invalid" }));

test("metadata of another issuer are refused, and so are metadata without an issuer (RFC 8414 §3.3)", async () => {
  await refused({ [first]: Response.json({ ...metadata, issuer: "https://evil.example" }) }, "service_answer_invalid", /are those of "https:\/\/evil.example"/);
  await refused({ [first]: Response.json({ ...metadata, issuer: undefined }) }, "service_answer_invalid", /name no issuer/);
});

test("an issuer that differs by a trailing / is refused, and the hint names the right one", async () => {
  await assert.rejects(discover({ [first]: Response.json({ ...metadata, issuer: `${issuer}/` }) }), (error: unknown) => {
    assert.ok(error instanceof AuthError);
    assert.equal(hintOf(error), `Name it as it names itself: spec-kitty auth login --issuer ${issuer}/`);
    return true;
  });
});

const badMembers: [string, unknown][] = [
  ["token_endpoint", undefined],
  ["token_endpoint", "http://login.example.com/token"],
  ["token_endpoint", "http://127.0.0.1:9/token"],
  ["token_endpoint", "https://localhost/token"],
  ["token_endpoint", "/token"],
  ["token_endpoint", `${issuer}/token#x`],
  ["authorization_endpoint", "javascript:alert(1)"],
  ["authorization_endpoint", "https://user@login.example.com/a"],
  ["jwks_uri", "file:///etc/passwd"],
  ["revocation_endpoint", 7],
  ["require_pushed_authorization_requests", "yes"],
  ["dpop_signing_alg_values_supported", "ES256"],
];
for (const [name, value] of badMembers) {
  test(`metadata with ${name} ${JSON.stringify(value) ?? "absent"} are refused`, () =>
    refused({ [first]: Response.json({ ...metadata, [name]: value }) }, "service_answer_invalid", new RegExp(`"${name}" is not`)));
}

test("a server on this machine may have its endpoints on this machine", async () => {
  const local = "http://127.0.0.1:4444";
  const answer = { issuer: local, authorization_endpoint: `${local}/a`, token_endpoint: `${local}/t` };
  const { found } = await discover({ [`${local}/.well-known/oauth-authorization-server`]: Response.json(answer) }, local);
  assert.deepEqual(found, answer);
});
