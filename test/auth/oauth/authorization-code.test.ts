import assert from "node:assert/strict";
import { test } from "node:test";
import {
  authorizationRequest,
  authorizationResponse,
  createNonce,
  createState,
} from "../../../src/auth/oauth/authorization-code.ts";
import { Secret } from "../../../src/base/secret.ts";

const state = new Secret("right-state");
const issuer = "https://login.example.com";
const request = {
  client_id: "cli_native",
  redirect_uri: "http://127.0.0.1:28888/callback",
  scope: "offline_access api.read",
  state,
  code_challenge: "challenge",
};
const judge = (query: string, expected = { state, issuer }): ReturnType<typeof authorizationResponse> =>
  authorizationResponse(new URLSearchParams(query), expected);

test("a state and a nonce have at least 128 random bits in base64url, and no two are the same", () => {
  for (const create of [() => createState().reveal(), createNonce]) {
    assert.match(create(), /^[A-Za-z0-9_-]{22,}$/);
    assert.notEqual(create(), create());
  }
});

test("an authorization request carries the parameters of RFC 6749 §4.1.1 and RFC 7636 §4.3, with S256", () => {
  const url = new URL(authorizationRequest("https://login.example.com/oauth/authorize", request));
  assert.equal(url.origin + url.pathname, "https://login.example.com/oauth/authorize");
  assert.deepEqual(Object.fromEntries(url.searchParams), {
    response_type: "code",
    client_id: "cli_native",
    redirect_uri: "http://127.0.0.1:28888/callback",
    scope: "offline_access api.read",
    state: "right-state",
    code_challenge: "challenge",
    code_challenge_method: "S256",
  });
});

test("the endpoint's own query is kept, and no parameter is there twice", () => {
  const url = new URL(
    authorizationRequest("https://login.example.com/a?tenant=acme&state=old", request, {
      prompt: "consent",
      client_id: "x",
    }),
  );
  assert.equal(url.searchParams.get("tenant"), "acme");
  assert.equal(url.searchParams.get("prompt"), "consent");
  assert.deepEqual(url.searchParams.getAll("state"), ["right-state"]);
  assert.deepEqual(url.searchParams.getAll("client_id"), ["cli_native"]);
});

test("a code with the right state is the response, and does not print itself", () => {
  const response = judge("code=c0de&state=right-state");
  assert.equal(response.kind, "code");
  assert.equal(response.kind === "code" && response.code.reveal(), "c0de");
  assert.doesNotMatch(JSON.stringify(response), /c0de/);
});

test("an error with the right state is the response, its text unchanged", () => {
  assert.deepEqual(judge("error=access_denied&error_description=No%1b[31m&state=right-state"), {
    kind: "error",
    error: "access_denied",
    description: "No\u001b[31m",
  });
  assert.deepEqual(judge("error=access_denied&state=right-state"), {
    kind: "error",
    error: "access_denied",
    description: undefined,
  });
});

test("an error takes precedence over a code that comes with it", () => {
  assert.equal(judge("code=c0de&error=server_error&state=right-state").kind, "error");
});

const strangers: [string, string, string][] = [
  ["a code without state", "code=c0de", "state missing"],
  ["an error without state", "error=access_denied", "state missing"],
  ["an empty state", "code=c0de&state=", "state missing"],
  ["a wrong state", "code=c0de&state=wrong", "state wrong"],
  ["a wrong state with an error", "error=access_denied&state=wrong", "state wrong"],
  ["the beginning of the state", "code=c0de&state=right-stat", "state wrong"],
  ["the end of the state", "code=c0de&state=ight-state", "state wrong"],
  ["a part of the state", "code=c0de&state=t-s", "state wrong"],
  ["the first character of the state", "code=c0de&state=r", "state wrong"],
  ["the last character of the state", "code=c0de&state=e", "state wrong"],
  ["the state with a character too many", "code=c0de&state=right-state2", "state wrong"],
  ["the state in another case", "code=c0de&state=Right-State", "state wrong"],
  ["two states, the right one first", "code=c0de&state=right-state&state=wrong", "parameter repeated"],
  ["two codes", "code=c0de&code=other&state=right-state", "parameter repeated"],
  ["two errors", "error=a&error=b&state=right-state", "parameter repeated"],
  ["two issuers", "code=c0de&iss=a&iss=b&state=right-state", "parameter repeated"],
  ["the right state alone", "state=right-state", "neither code nor error"],
  ["an empty code", "code=&state=right-state", "neither code nor error"],
];
for (const [title, query, reason] of strangers) {
  test(`${title} is unrelated to this login`, () => assert.deepEqual(judge(query), { kind: "unrelated", reason }));
}

test("a response from another issuer is a mix-up, whether code or error (RFC 9207)", () => {
  const foreign = encodeURIComponent("https://evil.example");
  for (const query of [`code=c0de&state=right-state&iss=${foreign}`, `error=e&state=right-state&iss=${foreign}`]) {
    assert.deepEqual(judge(query), { kind: "mix-up", issuer: "https://evil.example" });
  }
  assert.equal(judge(`code=c0de&state=wrong&iss=${foreign}`).kind, "unrelated");
});

test("the issuer is compared as a string, and only where both sides name one", () => {
  assert.equal(judge(`code=c&state=right-state&iss=${encodeURIComponent(issuer)}`).kind, "code");
  assert.equal(judge(`code=c&state=right-state&iss=${encodeURIComponent(`${issuer}/`)}`).kind, "mix-up");
  assert.equal(judge("code=c&state=right-state").kind, "code");
  assert.equal(authorizationResponse(new URLSearchParams("code=c&state=right-state&iss=x"), { state }).kind, "code");
});

test("a response without an issuer is a mix-up where the metadata promises one, whether code or error (RFC 9207 §2.4)", () => {
  const promised = { state, issuer, authorization_response_iss_parameter_supported: true };
  for (const query of [
    "code=c0de&state=right-state",
    "error=e&state=right-state",
    "code=c0de&state=right-state&iss=",
  ]) {
    assert.deepEqual(judge(query, promised), { kind: "mix-up", issuer: undefined });
  }
  assert.equal(judge(`code=c0de&state=right-state&iss=${encodeURIComponent(issuer)}`, promised).kind, "code");
  assert.equal(judge("code=c0de&state=wrong", promised).kind, "unrelated");
});
