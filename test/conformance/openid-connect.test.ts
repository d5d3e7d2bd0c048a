// Re-created from the relying-party plans of the OpenID Foundation's conformance suite (basic, configuration, refresh token),
// for a public native client: one test for each module, titled with the module's name.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test, type TestContext } from "node:test";
import { AuthError } from "../../src/base/errors.ts";
import { MockProvider, type Misbehaviour, type MockProviderOptions } from "./mock-provider.ts";
import { RelyingParty } from "./relying-party.ts";
import { anotherSigningKey, signJwt } from "./signing-key.ts";

async function start(
  t: TestContext,
  misbehaviour: Misbehaviour = {},
  options: MockProviderOptions = {},
): Promise<{ provider: MockProvider; client: RelyingParty }> {
  const provider = await MockProvider.start({ alg: "RS256", ...options });
  t.after(() => provider.close());
  provider.misbehaviour = misbehaviour;
  return { provider, client: new RelyingParty(provider.issuer) };
}

const refuses = (work: Promise<unknown>, message: RegExp): Promise<void> =>
  assert.rejects(work, (error: unknown) => {
    assert.ok(error instanceof AuthError, String(error));
    assert.equal(error.code, "service_answer_invalid");
    assert.match(error.message, message);
    return true;
  });

/** Invalid ID tokens: the login ends before the access token is used for anything. */
const refusedIdTokens: [module: string, title: string, misbehaviour: Misbehaviour, message: RegExp, alg?: string][] = [
  [
    "oidcc-client-test-invalid-iss",
    "another issuer",
    { idToken: (claims) => ({ ...claims, iss: "https://evil.example" }) },
    /has the "iss" "https:\/\/evil.example"/,
  ],
  ["oidcc-client-test-missing-sub", "no subject", { idToken: ({ sub: _, ...claims }) => claims }, /no "sub"/],
  [
    "oidcc-client-test-invalid-aud",
    "another client's audience",
    { idToken: (claims) => ({ ...claims, aud: "other" }) },
    /not for the client/,
  ],
  [
    "oidcc-client-test-missing-aud",
    "no audience",
    { idToken: ({ aud: _, ...claims }) => claims },
    /not for the client/,
  ],
  ["oidcc-client-test-missing-iat", "no time of issue", { idToken: ({ iat: _, ...claims }) => claims }, /no "iat"/],
  [
    "oidcc-client-test-nonce-invalid",
    "another nonce",
    { idToken: (claims) => ({ ...claims, nonce: "other" }) },
    /nonce/,
  ],
  [
    "oidcc-client-test-invalid-athash",
    "another access token's hash",
    { idToken: (claims) => ({ ...claims, at_hash: "AAAAAAAAAAAAAAAAAAAAAA" }) },
    /another access token/,
  ],
  [
    "oidcc-client-test-idtoken-sig-none",
    "the algorithm none",
    { header: { alg: "none" }, forge: (token) => token.replace(/[^.]*$/, "") },
    /"none"/,
  ],
  ["oidcc-client-test-invalid-sig-hs256", "a shared secret for a key", { header: { alg: "HS256" } }, /"HS256"/],
  ["oidcc-client-test-invalid-sig-rs256", "a wrong RS256 signature", { forge: breakSignature }, /wrong signature/],
  [
    "oidcc-client-test-invalid-sig-es256",
    "a wrong ES256 signature",
    { forge: breakSignature },
    /wrong signature/,
    "ES256",
  ],
];
for (const [module, title, misbehaviour, message, alg] of refusedIdTokens) {
  test(`${module}: an ID token with ${title} is refused, and the tokens are only revoked`, async (t) => {
    const { provider, client } = await start(t, misbehaviour, alg ? { alg } : {});
    await refuses(client.login(), message);
    assert.deepEqual(
      provider.paths.slice(provider.paths.indexOf("/token") + 1).filter((path) => path !== "/jwks"),
      ["/revoke", "/revoke"],
    );
    assert.equal(await client.stored(), undefined);
  });
}

function breakSignature(token: string): string {
  const at = token.length - 20;
  return token.slice(0, at) + (token[at] === "A" ? "B" : "A") + token.slice(at + 1);
}

for (const alg of ["RS256", "PS256", "ES256", "EdDSA", "Ed25519"]) {
  const module =
    alg === "RS256" ? "oidcc-client-test, oidcc-client-test-idtoken-sig-rs256" : `oidcc-client-test with ${alg}`;
  test(`${module}: a valid ID token is accepted`, async (t) => {
    const { client } = await start(t, {}, { alg });
    const { idToken, user, teams } = await client.login();
    const { nonce, ...claims } = idToken ?? {};
    assert.match(String(nonce), /^[\w-]{43}$/);
    assert.deepEqual(claims, { sub: "u_alice", email: "alice@example.com" });
    assert.deepEqual(
      { user, teams },
      { user: { id: "u_alice", email: "alice@example.com", name: "Alice" }, teams: [] },
    );
  });
}

test("oidcc-client-test-kid-absent-single-jwks: without a key id, the only matching key is used", async (t) => {
  const { client } = await start(t, { header: { kid: undefined } });
  assert.equal((await client.login()).idToken?.sub, "u_alice");
});

test("oidcc-client-test-kid-absent-multiple-jwks: without a key id and with several matching keys, the ID token is refused", async (t) => {
  const { provider, client } = await start(t, { header: { kid: undefined } });
  provider.addKey("key-2");
  await refuses(client.login(), /could be signed with any of 2 keys/);
});

test("oidcc-client-test-userinfo-invalid-sub: UserInfo of another user is not used", async (t) => {
  const { client } = await start(t, { userinfo: (claims) => ({ ...claims, sub: "u_mallory" }) });
  await refuses(client.login(), /a different user than the ID token/);
});

test("oidcc-client-test-userinfo-invalid-sub: nor is UserInfo without a user", async (t) => {
  const { client } = await start(t, { userinfo: ({ sub: _, ...claims }) => claims });
  await refuses(client.login(), /a different user than the ID token/);
});

test("oidcc-client-test-discovery-openid-config: the endpoints come from the metadata", async (t) => {
  const { provider, client } = await start(t);
  const { server } = await client.login();
  assert.equal(server.token_endpoint, `${provider.issuer}/token`);
  assert.equal(server.userinfo_endpoint, `${provider.resource}/userinfo`);
  assert.deepEqual(provider.paths.slice(0, 2), [
    "/.well-known/oauth-authorization-server",
    "/.well-known/openid-configuration",
  ]);
});

test("oidcc-client-test-discovery-jwks-uri-keys: the keys are fetched from jwks_uri, once for each login", async (t) => {
  const { provider, client } = await start(t);
  await client.login();
  await client.login();
  assert.equal(provider.paths.filter((path) => path === "/jwks").length, 2);
});

test("oidcc-client-test-discovery-issuer-mismatch: metadata of another issuer ends the login before the browser opens", async (t) => {
  const { provider, client } = await start(t, {
    metadata: (metadata) => ({ ...metadata, issuer: "https://evil.example" }),
  });
  await refuses(client.login(), /names the issuer "https:\/\/evil.example"/);
  assert.deepEqual(provider.paths, ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"]);
});

test("oidcc-client-test-signing-key-rotation: new keys between two logins are fetched, with one request", async (t) => {
  const { provider, client } = await start(t);
  await client.login();
  provider.rotateKeys("key-2");
  await client.login();
  assert.equal(provider.paths.filter((path) => path === "/jwks").length, 2);
});

test("oidcc-client-test-signing-key-rotation: so are new keys under the old key id", async (t) => {
  const { provider, client } = await start(t);
  await client.login();
  provider.rotateKeys("key-1");
  await client.login();
});

test("oidcc-client-test-signing-key-rotation-just-before-signing: keys rotated after the code was spent are fetched", async (t) => {
  const { provider, client } = await start(t);
  await client.login();
  provider.misbehaviour = { beforeSigning: () => provider.rotateKeys("key-2") };
  await client.login();
});

test("oidcc-client-test-signing-key-rotation: for an unknown key the keys are fetched once more, and then the token is refused", async (t) => {
  const { provider, client } = await start(t);
  provider.misbehaviour = { header: { kid: "nobody's" } };
  await refuses(client.login(), /the key "nobody's", not published/);
  assert.equal(provider.paths.filter((path) => path === "/jwks").length, 2);
});

test("oidcc-client-test-signing-key-rotation: a key that is published a moment late is found by the second request", async (t) => {
  let requests = 0;
  const { client } = await start(t, { keySet: (keys) => ((requests += 1) === 1 ? [] : keys) });
  assert.equal((await client.login()).idToken?.sub, "u_alice");
  assert.equal(requests, 2);
});

test("keys that are damaged, too short, of unknown kinds or not keys at all do not affect the valid one", async (t) => {
  const { client } = await start(t, {
    keySet: (keys) => [
      { kty: "XYZ", kid: "key-1" },
      { kty: "RSA", kid: "key-1", n: "!", e: "AQAB" },
      { kty: "RSA", kid: "key-1", n: "AQAB", e: "AQAB" },
      { kty: "EC", crv: "P-256", kid: "key-1", x: "AA", y: "AA" },
      { kty: "oct", kid: "key-1", k: "AA" },
      "key",
      null,
      ...keys,
      { ...keys[0], use: "enc" },
      { ...keys[0], alg: "RS512" },
      { ...keys[0], key_ops: ["sign"] },
    ],
  });
  assert.equal((await client.login()).idToken?.sub, "u_alice");
});

test("a forged key with a published key id is not accepted", async (t) => {
  const forger = anotherSigningKey("RS256", "key-1");
  const { client } = await start(t, {
    forge: (token) =>
      signJwt(forger, JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()) as object, {
        jwk: forger.publicJwk,
      }),
  });
  await refuses(client.login(), /wrong signature/);
});

test("a signature by an RSA key whose exponent is 1, which everybody can make for every text, is not accepted", async (t) => {
  const { client } = await start(t, {
    keySet: (keys) => keys.map((key) => ({ ...(key as object), e: "AQ" })),
    forge(token) {
      const input = token.slice(0, token.lastIndexOf("."));
      // RFC 8017 §9.2: what verifying must find. With an exponent of 1 it is the signature.
      const info = Buffer.concat([
        Buffer.from("3031300d060960864801650304020105000420", "hex"),
        createHash("sha256").update(input).digest(),
      ]);
      const encoded = Buffer.concat([
        Buffer.from([0, 1]),
        Buffer.alloc(256 - 3 - info.length, 0xff),
        Buffer.from([0]),
        info,
      ]);
      return `${input}.${encoded.toString("base64url")}`;
    },
  });
  await refuses(client.login(), /a key, not published|the key "key-1", not published/);
});

test("oidcc-client-test-refresh-token: a refresh rotates the token and validates its ID token, with a single request", async (t) => {
  const { provider, client } = await start(t, { refreshedIdToken: ({ at_hash: _, ...claims }) => claims });
  const session = await client.login();
  const next = await client.refresh(session);
  assert.ok(next.refreshToken !== undefined && session.refreshToken !== undefined);
  assert.ok(!next.refreshToken.equals(session.refreshToken));
  assert.deepEqual(next.idToken, session.idToken);
  const before = provider.paths.length;
  await client.refresh(next);
  assert.deepEqual(provider.paths.slice(before), ["/token"]);
});

test("oidcc-client-test-refresh-token: a refresh without an ID token succeeds too (Core §12.2)", async (t) => {
  const { provider, client } = await start(t);
  const session = await client.login();
  provider.misbehaviour = { tokens: ({ id_token: _, ...answer }) => answer };
  assert.ok((await client.refresh(session)).accessToken);
});

const refusedAfterRefresh: [module: string, title: string, change: Record<string, unknown>, message: RegExp][] = [
  [
    "oidcc-client-test-refresh-token-invalid-issuer",
    "another issuer",
    { iss: "https://evil.example" },
    /has the "iss"/,
  ],
  [
    "oidcc-client-test-refresh-token-invalid-sub",
    "another subject",
    { sub: "u_mallory" },
    /a different user than the login/,
  ],
  ["oidcc-client-test-refresh-token-invalid-aud", "another audience", { aud: "other" }, /not for the client/],
  ["Core §12.2", "another nonce", { nonce: "other" }, /nonce has changed/],
];
for (const [module, title, change, message] of refusedAfterRefresh) {
  test(`${module}: an ID token with ${title} after a refresh ends the session, and nothing of it is stored`, async (t) => {
    const { client } = await start(t, { refreshedIdToken: (claims) => ({ ...claims, ...change }) });
    await ends(client, message);
  });
}

/** The old refresh token is spent and the new tokens belong to another login: there is nothing left to keep. */
async function ends(client: RelyingParty, message: RegExp): Promise<void> {
  await assert.rejects(client.refresh(await client.login()), { code: "session_ended", message });
  assert.equal(await client.stored(), undefined);
}

test("Core §12.2: an ID token with another auth_time after a refresh ends the session", async (t) => {
  const { client } = await start(t, {
    idToken: (claims) => ({ ...claims, auth_time: 1 }),
    refreshedIdToken: (claims) => ({ ...claims, auth_time: 2 }),
  });
  await ends(client, /auth_time has changed/);
});

test("if the keys cannot be fetched, the login fails", async (t) => {
  const { provider, client } = await start(t, {
    metadata: (metadata) => ({ ...metadata, jwks_uri: "http://127.0.0.1:1/jwks" }),
  });
  await assert.rejects(client.login(), { code: "network_unavailable" });
  assert.ok(provider.paths.includes("/token"));
});
