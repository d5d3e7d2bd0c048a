import assert from "node:assert/strict";
import { test } from "node:test";
import { discoverAuthorizationServer } from "../../../src/auth/oauth/discovery.ts";
import type { AuthorizationServer } from "../../../src/auth/oauth/authorization-server.ts";
import { AuthError, type ServiceError } from "../../../src/base/errors.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { hintOf } from "../../helpers/hint.ts";

const issuer = "https://login.example.com/realms/acme";
const first = "https://login.example.com/.well-known/oauth-authorization-server/realms/acme";
const second = "https://login.example.com/realms/acme/.well-known/openid-configuration";
const third = "https://login.example.com/.well-known/openid-configuration/realms/acme";
const metadata = { issuer, authorization_endpoint: `${issuer}/authorize`, token_endpoint: `${issuer}/token` };

/** With responses by URL; others are 404. */
async function discover(
  answers: Record<string, Response>,
  of = issuer,
  alias = of,
): Promise<{ found: AuthorizationServer | undefined; asked: string[]; reason: ServiceError | undefined }> {
  const asked: string[] = [];
  const fetch = async (input: string | URL): Promise<Response> => {
    asked.push(String(input));
    return answers[String(input)] ?? new Response("no", { status: 404 });
  };
  const discovery = await discoverAuthorizationServer(
    of,
    { fetch, clock: systemClock },
    (found) => found === of || found === alias,
  );
  return { found: discovery.server, asked, reason: discovery.server === undefined ? discovery.reason : undefined };
}

const refused = (answers: Record<string, Response>, code: string, message: RegExp): Promise<void> =>
  assert.rejects(discover(answers), (error: unknown) => {
    assert.ok(error instanceof AuthError);
    assert.equal(error.code, code);
    assert.match(error.message, message);
    return true;
  });

test("the well-known part comes before the path by RFC 8414 §3.1 and after it by OpenID Connect, tried in this order", async () => {
  const { found, asked, reason } = await discover({});
  assert.equal(found, undefined);
  assert.deepEqual(asked, [first, second, third]);
  assert.equal(reason?.code, "service_answer_invalid");
  for (const address of asked) assert.ok(reason.message.includes(`"${address}" returned 404`), reason.message);
});

test("an issuer without a path, with a trailing / or with a port gets requests at the right URLs", async () => {
  for (const root of ["https://login.example.com", "https://login.example.com/"]) {
    assert.deepEqual((await discover({}, root)).asked, [
      "https://login.example.com/.well-known/oauth-authorization-server",
      "https://login.example.com/.well-known/openid-configuration",
    ]);
  }
  assert.deepEqual((await discover({}, "https://login.example.com:8443/a/")).asked, [
    "https://login.example.com:8443/.well-known/oauth-authorization-server/a",
    "https://login.example.com:8443/a/.well-known/openid-configuration",
    "https://login.example.com:8443/.well-known/openid-configuration/a",
  ]);
});

test("the first metadata found is used, and the second URL is not requested", async () => {
  const { found, asked } = await discover({ [first]: Response.json(metadata) });
  assert.deepEqual(found, metadata);
  assert.deepEqual(asked, [first]);
});

test("OpenID Connect's metadata is used where there is no other", async () => {
  const more = {
    jwks_uri: `${issuer}/jwks`,
    userinfo_endpoint: `${issuer}/me`,
    dpop_signing_alg_values_supported: ["ES256"],
  };
  assert.deepEqual(
    (await discover({ [second]: Response.json({ ...metadata, ...more, claims_supported: ["sub"] }) })).found,
    { ...metadata, ...more },
  );
});

const page = (): Response => new Response("<!doctype html>", { headers: { "content-type": "text/html" } });

const elsewhere = (): Response => Response.json({ ...metadata, issuer: "https://evil.example" });
const answers: [string, () => Response][] = [
  ...[301, 302, 400, 401, 403, 405, 410, 429, 500, 503].map((status): [string, () => Response] => [
    `status ${status}`,
    () => new Response("", { status }),
  ]),
  ["a page", page],
  ["a page that is larger than any metadata", () => new Response("x".repeat(2 ** 20 + 1))],
  ["the metadata of another issuer", elsewhere],
  ["metadata without a token endpoint", () => Response.json({ ...metadata, token_endpoint: undefined })],
];
for (const [title, answer] of answers) {
  test(`${title} at one URL does not prevent a request to the next`, async () => {
    assert.deepEqual((await discover({ [first]: answer(), [second]: Response.json(metadata) })).found, metadata);
    assert.deepEqual(
      (await discover({ [first]: answer(), [second]: answer(), [third]: Response.json(metadata) })).found,
      metadata,
    );
  });
}

for (const status of [429, 500, 503]) {
  test(`without any metadata, status ${status} at one URL is the reason, since it may pass`, async () => {
    const { reason } = await discover({ [second]: new Response("", { status }) });
    assert.equal(reason?.code, "service_unavailable");
    assert.match(reason.message, new RegExp(`${status}`));
  });
}

test("another spelling of the issuer is accepted where it is allowed, and no third", async () => {
  const slash = { ...metadata, issuer: `${issuer}/` };
  assert.deepEqual((await discover({ [first]: Response.json(slash) }, issuer, `${issuer}/`)).found, slash);
  await assert.rejects(discover({ [first]: elsewhere() }, issuer, `${issuer}/`), { code: "service_answer_invalid" });
});

test("metadata of another issuer is refused, and so is metadata without an issuer (RFC 8414 §3.3)", async () => {
  await refused(
    { [first]: Response.json({ ...metadata, issuer: "https://evil.example" }) },
    "service_answer_invalid",
    /names the issuer "https:\/\/evil.example"/,
  );
  await refused(
    { [first]: Response.json({ ...metadata, issuer: undefined }) },
    "service_answer_invalid",
    /names no issuer/,
  );
});

test("an issuer that differs by a trailing / is refused, and the hint names the right one", async () => {
  await assert.rejects(
    discover({ [first]: Response.json({ ...metadata, issuer: `${issuer}/` }) }),
    (error: unknown) => {
      assert.ok(error instanceof AuthError);
      assert.equal(hintOf(error), `Use that issuer: spec-kitty auth login --issuer ${issuer}/`);
      return true;
    },
  );
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
    refused(
      { [first]: Response.json({ ...metadata, [name]: value }) },
      "service_answer_invalid",
      new RegExp(`"${name}" is not`),
    ));
}

test("a server on this machine may have its endpoints on this machine", async () => {
  const local = "http://127.0.0.1:4444";
  const answer = { issuer: local, authorization_endpoint: `${local}/a`, token_endpoint: `${local}/t` };
  const { found } = await discover(
    { [`${local}/.well-known/oauth-authorization-server`]: Response.json(answer) },
    local,
  );
  assert.deepEqual(found, answer);
});

test("without other instructions the issuer is compared character by character", async () => {
  const fetch = async (): Promise<Response> => Response.json({ ...metadata, issuer: `${issuer}/` });
  await assert.rejects(discoverAuthorizationServer(issuer, { fetch, clock: systemClock }), {
    code: "service_answer_invalid",
  });
});
