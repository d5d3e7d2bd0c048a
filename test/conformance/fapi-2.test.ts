// Re-created from the client plan of FAPI 2.0 (security profile) of the OpenID Foundation's conformance suite, as far as it does
// not depend on how a client authenticates: one test for each module, titled with the end of the module's name.
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { MockProvider, type Misbehaviour, type MockProviderOptions } from "./mock-provider.ts";
import { readProof } from "./proof.ts";
import { RelyingParty } from "./relying-party.ts";

async function start(
  t: TestContext,
  misbehaviour: Misbehaviour = {},
  options: MockProviderOptions = {},
): Promise<{ provider: MockProvider; client: RelyingParty }> {
  const provider = await MockProvider.start({ alg: "PS256", par: "required", dpop: "nonces", ...options });
  t.after(() => provider.close());
  provider.misbehaviour = misbehaviour;
  return { provider, client: new RelyingParty(provider.issuer) };
}

test("happy-path: pushed request, bound tokens, nonces of both servers, and a bound refresh", async (t) => {
  const { provider, client } = await start(t);
  const session = await client.login();
  await client.refresh(session);
  assert.equal(session.tokenType, "DPoP");
  // Each server asks for its nonce once, and gets it from then on.
  assert.deepEqual(
    provider.requests.map(({ path, status }) => `${path} ${status}`),
    [
      "/.well-known/oauth-authorization-server 404",
      "/.well-known/openid-configuration 200",
      "/par 400",
      "/par 201",
      "/authorize 302",
      "/token 200",
      "/jwks 200",
      "/api/v1/me 404",
      "/userinfo 401",
      "/userinfo 200",
      "/token 200",
    ],
  );
  const keys = provider.requests.flatMap(({ headers }) =>
    headers["dpop"] === undefined ? [] : [readProof(String(headers["dpop"])).jkt],
  );
  assert.equal(keys.length, 7);
  assert.equal(new Set(keys).size, 1);
});

test("happy-path: the authorization URL holds nothing but the client and the reference", async (t) => {
  const { provider, client } = await start(t);
  await client.login();
  const pushed = provider.requests.find(({ path, status }) => path === "/par" && status === 201);
  assert.equal(pushed?.form["code_challenge_method"], "S256");
  assert.equal(pushed?.form["client_id"], "cli_native");
  assert.match(String(pushed?.form["dpop_jkt"]), /^[\w-]{43}$/);
});

test("happy-path-no-dpop-nonce: where no nonce is requested, none is sent and nothing is repeated", async (t) => {
  const { provider, client } = await start(t, {}, { dpop: "plain" });
  await client.refresh(await client.login());
  assert.deepEqual(
    provider.requests.filter(({ status }) => status >= 400).map(({ path }) => path),
    ["/.well-known/oauth-authorization-server", "/api/v1/me"],
  );
});

test("a stolen refresh token is useless without its key", async (t) => {
  const { client } = await start(t);
  const session = await client.login();
  await assert.rejects(client.refresh({ ...session, dpopKey: undefined }), { code: "session_ended" });
});

test("discovery-issuer-mismatch: nothing is pushed", async (t) => {
  const { provider, client } = await start(t, {
    metadata: (metadata) => ({ ...metadata, issuer: `${String(metadata["issuer"])}x` }),
  });
  await assert.rejects(client.login(), { code: "service_answer_invalid" });
  assert.ok(!provider.paths.includes("/par"));
});

const now = (): number => Math.floor(Date.now() / 1000);
const refusedIdTokens: [module: string, misbehaviour: Misbehaviour, message: RegExp][] = [
  ["invalid-iss", { idToken: (claims) => ({ ...claims, iss: `${String(claims["iss"])}/` }) }, /has the "iss"/],
  ["invalid-missing-iss", { idToken: ({ iss: _, ...claims }) => claims }, /has no "iss"/],
  ["invalid-aud", { idToken: (claims) => ({ ...claims, aud: "other" }) }, /not for the client/],
  ["invalid-missing-aud", { idToken: ({ aud: _, ...claims }) => claims }, /not for the client/],
  [
    "invalid-secondary-aud",
    { idToken: (claims) => ({ ...claims, aud: ["cli_native", "other"] }) },
    /a client other than/,
  ],
  ["azp of another client", { idToken: (claims) => ({ ...claims, azp: "other" }) }, /a client other than/],
  ["invalid-null-alg", { header: { alg: "none" }, forge: (token) => token.replace(/[^.]*$/, "") }, /"none"/],
  ["invalid-alternate-alg", { header: { alg: "RS256" } }, /not published for RS256/],
  ["invalid-missing-exp", { idToken: ({ exp: _, ...claims }) => claims }, /no "exp"/],
  ["invalid-expired-exp", { idToken: (claims) => ({ ...claims, exp: now() - 61 }) }, /has expired/],
  ["exp as text", { idToken: (claims) => ({ ...claims, exp: String(claims["exp"]) }) }, /"exp" that is not a number/],
  ["iat in the future", { idToken: (claims) => ({ ...claims, iat: now() + 120 }) }, /in the future/],
  ["nbf in the future", { idToken: (claims) => ({ ...claims, nbf: now() + 120 }) }, /not valid yet/],
  ["invalid-nonce", { idToken: (claims) => ({ ...claims, nonce: "other" }) }, /nonce/],
  ["invalid-missing-nonce", { idToken: ({ nonce: _, ...claims }) => claims }, /nonce/],
  ["an unknown critical header", { header: { crit: ["x"], x: 1 } }, /"crit"/],
  [
    "an algorithm that the metadata rules out",
    { metadata: (metadata) => ({ ...metadata, id_token_signing_alg_values_supported: ["ES256"] }) },
    /not listed in the issuer's metadata/,
  ],
  ["an encrypted token", { forge: (token) => `${token}.a.b` }, /not a signed JWT/],
  ["characters that decoders skip", { forge: (token) => token.replace(".", "=.") }, /not a signed JWT/],
];
for (const [module, misbehaviour, message] of refusedIdTokens) {
  test(`${module}: the ID token is refused, and the tokens are only revoked`, async (t) => {
    const { provider, client } = await start(t, misbehaviour);
    await assert.rejects(client.login(), { code: "service_answer_invalid", message });
    assert.deepEqual(
      provider.paths.slice(provider.paths.indexOf("/token") + 1).filter((path) => path !== "/jwks"),
      ["/revoke", "/revoke"],
    );
  });
}

const acceptedIdTokens: [module: string, idToken: NonNullable<Misbehaviour["idToken"]>][] = [
  ["valid-aud-as-array", (claims) => ({ ...claims, aud: ["cli_native"] })],
  ["azp of this client", (claims) => ({ ...claims, aud: ["other", "cli_native"], azp: "cli_native" })],
  ["no at_hash", ({ at_hash: _, ...claims }) => claims],
  ["clocks less than a minute apart", (claims) => ({ ...claims, iat: now() + 50, exp: now() - 50 })],
];
for (const [module, idToken] of acceptedIdTokens) {
  test(`${module}: the ID token is accepted`, async (t) => {
    const { client } = await start(t, { idToken });
    assert.equal((await client.login()).idToken?.sub, "u_alice");
  });
}

const refusedRedirects: [module: string, redirect: (parameters: URLSearchParams) => void, message: RegExp][] = [
  [
    "invalid-authorization-response-iss",
    (parameters) => parameters.set("iss", "https://evil.example"),
    /came from "https:\/\/evil.example"/,
  ],
  ["remove-authorization-response-iss", (parameters) => parameters.delete("iss"), /does not name its issuer/],
  [
    "ensure-authorization-response-with-invalid-state-fails",
    (parameters) => parameters.set("state", "other"),
    /was ignored/,
  ],
  [
    "ensure-authorization-response-with-invalid-missing-state-fails",
    (parameters) => parameters.delete("state"),
    /was ignored/,
  ],
];
for (const [module, redirect, message] of refusedRedirects) {
  test(`${module}: the code is sent nowhere`, async (t) => {
    const { provider, client } = await start(t, { redirect });
    await assert.rejects(client.login(), { message });
    assert.ok(!provider.paths.includes("/token"));
  });
}

test("token-endpoint-response-without-expires_in: the lifetime is unknown and the login succeeds", async (t) => {
  const { client } = await start(t, { tokens: ({ expires_in: _, ...answer }) => answer });
  assert.equal((await client.login()).accessTokenExpiresAt, undefined);
});

for (const [dpop, type] of [
  ["plain", "dPOP"],
  [undefined, "bEARER"],
] as const) {
  test(`token-type-case-insensitivity: "${type}" is understood`, async (t) => {
    const { client } = await start(t, { tokens: (answer) => ({ ...answer, token_type: type }) }, { dpop });
    assert.equal((await client.login()).tokenType.toLowerCase(), type.toLowerCase());
  });
}

test("rs-dpop-auth-scheme-case-insensitivity: a challenge in another case is understood", async (t) => {
  const { client } = await start(t, { challenge: (header) => header.replace("DPoP", "dpop") });
  assert.equal((await client.login()).user.id, "u_alice");
});
