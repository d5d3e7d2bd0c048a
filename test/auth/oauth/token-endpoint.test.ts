import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultAuthorizationServer } from "../../../src/auth/oauth/authorization-server.ts";
import { tokenGrant, type TokenResponse } from "../../../src/auth/oauth/token-endpoint.ts";
import type { AuthErrorCode } from "../../../src/base/errors.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import type { Fault } from "../../fake-saas/faults.ts";
import { startFakeSaas } from "../../fake-saas/server.ts";
import { refusedWith } from "../../helpers/hint.ts";

const notOAuth = /not an OAuth error|without a JSON object/;
const checkAddress = /Check the URL of the service/;
const good = { access_token: "at_good", token_type: "Bearer", expires_in: 3600, refresh_token: "rt_good" };
const unusable = "service_answer_invalid";

for (const [what, fault, code, error, hint] of [
  [
    "400 invalid_grant",
    { status: 400, body: { error: "invalid_grant", error_description: "the code has expired" } },
    "service_rejected",
    /returned 400 "invalid_grant" \(the code has expired\)/,
    /^/,
  ],
  [
    "401 invalid_client",
    { status: 401, body: { error: "invalid_client" } },
    "service_rejected",
    /returned 401 "invalid_client"/,
    /Check .*SPEC_KITTY_CLIENT_ID/,
  ],
  ["400 with a page", { status: 400, body: "<html>no</html>" }, unusable, notOAuth, checkAddress],
  ["500", { status: 500, body: "oops" }, "service_unavailable", /returned 500/, /Try again/],
  [
    "503 with a reason",
    { status: 503, body: { error: "temporarily_unavailable" } },
    "service_unavailable",
    /returned 503 "temporarily_unavailable"/,
    /Try again/,
  ],
  ["429", { status: 429, headers: { "Retry-After": "30" } }, "service_unavailable", /returned 429/, /Try again/],
  [
    "a redirect",
    { status: 302, headers: { Location: "http://127.0.0.1:1/steal" } },
    unusable,
    /returned 302/,
    checkAddress,
  ],
  ["HTML", { body: "<!doctype html><h1>Welcome</h1>" }, unusable, notOAuth, checkAddress],
  ["an empty body", { body: "" }, unusable, notOAuth, checkAddress],
  ["JSON that breaks off", { malformed: true }, unusable, notOAuth, checkAddress],
  ["an array", { body: "[]" }, unusable, notOAuth, checkAddress],
  [
    "no access_token",
    { body: { ...good, access_token: undefined } },
    unusable,
    /"access_token" is not a bearer token/,
    checkAddress,
  ],
  [
    "an access_token that is a number",
    { body: { ...good, access_token: 4711 } },
    unusable,
    /"access_token" is not a string/,
    checkAddress,
  ],
  [
    "an access_token that splits a header",
    { body: { ...good, access_token: "at\r\nX-Evil: 1" } },
    unusable,
    /"access_token" is not a bearer token/,
    checkAddress,
  ],
  [
    "a refresh_token that is an object",
    { body: { ...good, refresh_token: {} } },
    unusable,
    /"refresh_token" is not a string/,
    checkAddress,
  ],
  [
    "expires_in as words",
    { body: { ...good, expires_in: "an hour" } },
    unusable,
    /"expires_in" is not a positive number of seconds/,
    checkAddress,
  ],
  [
    "a negative expires_in",
    { body: { ...good, expires_in: -1 } },
    unusable,
    /"expires_in" is not a positive number of seconds/,
    checkAddress,
  ],
  [
    "no token_type",
    { body: { ...good, token_type: undefined } },
    unusable,
    /"token_type" is not "Bearer"/,
    checkAddress,
  ],
  [
    "a token_type that is not Bearer",
    { body: { ...good, token_type: "mac" } },
    unusable,
    /"token_type" is not "Bearer"/,
    checkAddress,
  ],
  [
    "refresh_token_expires_at that is no date",
    { body: { ...good, refresh_token_expires_at: "soon" } },
    unusable,
    /"refresh_token_expires_at" is not a date/,
    checkAddress,
  ],
  ["50 MB", { bytes: 50 * 1024 * 1024 }, unusable, /sent more than 1024 KiB/, checkAddress],
  [
    "a connection that breaks",
    { reset: "before" },
    "network_unavailable",
    /cannot reach ".*\/oauth\/token" \(ECONNRESET|UND_ERR_SOCKET\)/,
    /Check the network/,
  ],
] as [string, Fault, AuthErrorCode, RegExp, RegExp][]) {
  test(`a token endpoint that answers with ${what} is an error that says so, after one request`, async (t) => {
    const saas = await startFakeSaas();
    t.after(() => saas.close());
    saas.faults.always("/oauth/token", fault);
    const exchange = async (): Promise<void> => {
      const { flaw } = await tokenGrant(
        defaultAuthorizationServer(saas.url),
        { grant_type: "authorization_code", client_id: "cli_native", code: "code_1" },
        { fetch, clock: systemClock },
      );
      if (flaw !== undefined) throw flaw;
    };
    await assert.rejects(exchange, refusedWith(code, error, hint));
    // A code is never sent twice.
    assert.equal(saas.count("/oauth/token"), 1);
  });
}

function grant(grant_type: string, answer: object): Promise<TokenResponse> {
  const fetch = async (): Promise<Response> => Response.json(answer);
  const server = defaultAuthorizationServer("https://service.example");
  return tokenGrant(server, { grant_type, client_id: "cli_native" }, { fetch, clock: systemClock });
}

test("a lifetime of more than a century is one of a century, so that it stays in the range of dates", async () => {
  const { expires_in, refresh_token_expires_in } = await grant("authorization_code", {
    ...good,
    expires_in: 1e15,
    refresh_token_expires_in: 1e15,
  });
  assert.deepEqual([expires_in, refresh_token_expires_in], [3_155_760_000, 3_155_760_000]);
});

test("NFR-010 a response to a refresh counts although members that are not tokens are damaged: the token before it is spent", async () => {
  const damaged = {
    token_type: "mac",
    expires_in: "soon",
    scope: 5,
    session_id: [],
    id_token: 1,
    refresh_token_expires_at: "soon",
  };
  const tokens = await grant("refresh_token", { ...good, ...damaged });
  assert.deepEqual([tokens.access_token.reveal(), tokens.refresh_token?.reveal()], ["at_good", "rt_good"]);
  assert.equal(tokens.expires_in, 0);
});
