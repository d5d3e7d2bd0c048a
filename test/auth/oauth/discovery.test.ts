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

/** What discovery makes of answers by address; every other address is 404. By default for an issuer that the user has named. */
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

test("the well-known part goes before the path by RFC 8414 §3.1 and behind it by OpenID Connect, in this order", async () => {
  const { found, asked } = await discover({});
  assert.equal(found, undefined);
  assert.deepEqual(asked, [first, second]);
});

test("an issuer without a path, with a / at its end or with a port is asked at the right addresses", async () => {
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

test("the first metadata that are there are taken, and the second are not asked for", async () => {
  const { found, asked } = await discover({ [first]: Response.json(metadata) });
  assert.deepEqual(found, metadata);
  assert.deepEqual(asked, [first]);
});

test("OpenID Connect's metadata are taken where there are no others", async () => {
  const more = { jwks_uri: `${issuer}/jwks`, userinfo_endpoint: `${issuer}/me`, dpop_signing_alg_values_supported: ["ES256"] };
  assert.deepEqual((await discover({ [second]: Response.json({ ...metadata, ...more, claims_supported: ["sub"] }) })).found, { ...metadata, ...more });
});

const page = (): Response => new Response("<!doctype html>", { headers: { "content-type": "text/html" } });

for (const status of [301, 401, 403, 410]) {
  test(`an answer of ${status} is an error where the user has named the issuer, and "publishes nothing" where it is only the service`, async () => {
    await refused({ [first]: new Response("", { status }) }, "service_answer_invalid", new RegExp(`${status}`));
    assert.equal((await discover({ [first]: new Response("", { status }) }, issuer, false)).found, undefined);
  });
}

test("a page instead of metadata is an error where the user has named the issuer, and the application of a service that publishes nothing", async () => {
  await refused({ [first]: page() }, "service_answer_invalid", /not a JSON object/);
  assert.equal((await discover({ [first]: page(), [second]: page() }, issuer, false)).found, undefined);
});

test("a service that answers with a page where RFC 8414 looks may still have OpenID Connect's metadata", async () => {
  assert.deepEqual((await discover({ [first]: page(), [second]: Response.json(metadata) }, issuer, false)).found, metadata);
});

for (const status of [429, 500, 503]) {
  test(`an answer of ${status} is an error that may pass, whoever has named the server`, async () => {
    for (const isNamed of [true, false]) {
      await assert.rejects(discover({ [second]: new Response("", { status }) }, issuer, isNamed), { code: "service_unavailable", message: new RegExp(`${status}`) });
    }
  });
}

test("metadata that are wrong are an error, whoever has named the server", () =>
  assert.rejects(discover({ [first]: Response.json({ ...metadata, issuer: "https://evil.example" }) }, issuer, false), { code: "service_answer_invalid" }));

test("metadata of another issuer are refused, and so are those of none (RFC 8414 §3.3)", async () => {
  await refused({ [first]: Response.json({ ...metadata, issuer: "https://evil.example" }) }, "service_answer_invalid", /are those of "https:\/\/evil.example"/);
  await refused({ [first]: Response.json({ ...metadata, issuer: undefined }) }, "service_answer_invalid", /are those of nobody/);
});

test("an issuer that differs by a / at its end is refused, with the name that would do as the hint", async () => {
  await assert.rejects(discover({ [first]: Response.json({ ...metadata, issuer: `${issuer}/` }) }), (error: unknown) => {
    assert.ok(error instanceof AuthError);
    assert.equal(hintOf(error), `Name it as it names itself: --issuer ${issuer}/`);
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

test("a server on this machine may have its endpoints here", async () => {
  const local = "http://127.0.0.1:4444";
  const answer = { issuer: local, authorization_endpoint: `${local}/a`, token_endpoint: `${local}/t` };
  const { found } = await discover({ [`${local}/.well-known/oauth-authorization-server`]: Response.json(answer) }, local);
  assert.deepEqual(found, answer);
});
