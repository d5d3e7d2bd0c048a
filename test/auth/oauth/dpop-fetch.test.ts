import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { tokenEndpointFetch, validateTokenType } from "../../../src/auth/oauth/dpop-fetch.ts";
import { createDpopKey, dpopThumbprint } from "../../../src/auth/oauth/dpop-proof.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { readProof } from "../../conformance/proof.ts";
import { Secret } from "../../../src/base/secret.ts";

const clock = { ...systemClock, now: (): number => 1_562_262_616_999 };
const key = createDpopKey();
const client = { clientId: "cli_native", server: {} };
const challenge = (nonce: string): Response =>
  Response.json({ error: "use_dpop_nonce" }, { status: 400, headers: { "dpop-nonce": nonce } });

/** Returns what reached the server through {@link tokenEndpointFetch}. */
function server(...answers: Response[]): {
  ask: ReturnType<typeof tokenEndpointFetch>;
  sent: { url: string; init: RequestInit; headers: Headers }[];
  nonces: Map<string, string>;
} {
  const sent: { url: string; init: RequestInit; headers: Headers }[] = [];
  const nonces = new Map<string, string>();
  const fetch = async (input: string | URL, init: RequestInit = {}): Promise<Response> => {
    sent.push({ url: String(input), init, headers: new Headers(init.headers) });
    return answers.shift() ?? new Response("{}");
  };
  return { ask: tokenEndpointFetch({ ...client, dpopKey: key }, { fetch, clock, nonces }), sent, nonces };
}
const proofOf = ({ headers }: { headers: Headers } = { headers: new Headers() }): ReturnType<typeof readProof> =>
  readProof(headers.get("dpop") ?? "");

const publicKey =
  "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19";
const vectors: [string, string, Record<string, unknown>][] = [
  [
    "figure 1 (token request)",
    ".eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg",
    { jti: "-BwC3ESc6acc2lTc", htm: "POST", htu: "https://server.example.com/token", iat: 1562262616 },
  ],
  [
    "figure 6 (refresh)",
    ".eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjY1Mjk2fQ.pAqut2IRDm_De6PR93SYmGBPXpwrAk90e8cP2hjiaG5QsGSuKDYW7_X620BxqhvYC8ynrrvZLTk41mSRroapUA",
    { jti: "-BwC3ESc6acc2lTc", htm: "POST", htu: "https://server.example.com/token", iat: 1562265296 },
  ],
  [
    "figure 12 (resource)",
    ".eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA",
    {
      jti: "e1j3V_bKic8-LAEB",
      htm: "GET",
      htu: "https://resource.example.org/protectedresource",
      iat: 1562262618,
      ath: "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo",
    },
  ],
];
for (const [figure, rest, claims] of vectors) {
  test(`the proof reader of these tests accepts the proof of RFC 9449 ${figure}`, () => {
    const proof = readProof(publicKey + rest);
    assert.equal(proof.jkt, "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
    assert.deepEqual(proof.claims, claims);
  });
}

test("a proof names the method, the URL without query and fragment, and the server's time, and holds only the public key", async () => {
  const { ask, sent } = server();
  await ask("https://server.example.com/token?a=b#c", { method: "post", body: "grant_type=x" });
  const { claims, jwk, header } = proofOf(sent[0]);
  assert.equal(header["typ"], "dpop+jwt");
  assert.equal(header["alg"], "ES256");
  assert.deepEqual(Object.keys(jwk).sort(), ["crv", "kty", "x", "y"]);
  assert.equal(dpopThumbprint(new Secret(JSON.stringify(jwk))), dpopThumbprint(key));
  const { jti, ...rest } = claims;
  assert.match(String(jti), /^[\w-]{22}$/);
  assert.deepEqual(rest, { htm: "POST", htu: "https://server.example.com/token", iat: 1562262616 });
  assert.equal(sent[0]?.init.method, "POST");
});

test("S-014 a refusal with a body of any length is returned with the whole of it, and none is waited for to its end", async () => {
  for (const status of [400, 401]) {
    const { ask } = server(new Response("x".repeat(3_000_000), { status }));
    assert.equal((await (await ask("https://server.example.com/token")).text()).length, 3_000_000);
  }
  const endless = new ReadableStream({ pull: (controller) => controller.enqueue(Buffer.alloc(65_536)) });
  const { status, body } = await server(new Response(endless, { status: 401 })).ask("https://server.example.com/token");
  assert.equal(status, 401);
  await body?.cancel();
});

test("the time of a proof is the server's, not this machine's", async () => {
  let header = "";
  const fetch = async (_: unknown, init: RequestInit = {}): Promise<Response> => {
    header = new Headers(init.headers).get("dpop") ?? "";
    return new Response();
  };
  await tokenEndpointFetch(
    { ...client, dpopKey: key, clockOffsetMs: -600_000 },
    { fetch, clock, nonces: new Map() },
  )("https://api.example");
  assert.equal(readProof(header).claims["iat"], 1562262016);
});

test("a bearer token is sent as a DPoP token, with the hash of RFC 9449 §7.1", async () => {
  const { ask, sent } = server();
  await ask("https://resource.example.org/protectedresource", {
    headers: { authorization: "Bearer Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU" },
  });
  assert.equal(sent[0]?.headers.get("authorization"), "DPoP Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU");
  assert.equal(proofOf(sent[0]).claims["ath"], "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo");
});

test("no two proofs are the same", async () => {
  const { ask, sent } = server();
  await ask("https://a.example");
  await ask("https://a.example");
  assert.notEqual(proofOf(sent[0]).claims["jti"], proofOf(sent[1]).claims["jti"]);
});

test("an authorization server's challenge gets one response, with its nonce and the same body", async () => {
  const { ask, sent } = server(challenge("n1"));
  assert.equal((await ask("https://as.example/token", { method: "POST", body: "code=c" })).status, 200);
  assert.deepEqual(
    sent.map((request) => proofOf(request).claims["nonce"]),
    [undefined, "n1"],
  );
  assert.deepEqual(
    sent.map(({ init }) => init.body),
    ["code=c", "code=c"],
  );
});

test("a resource server's challenge gets one response, with its nonce and the same token", async () => {
  const refusal = new Response("", {
    status: 401,
    headers: { "www-authenticate": 'DPoP error="use_dpop_nonce", error_description="x"', "dpop-nonce": "r1" },
  });
  const { ask, sent } = server(refusal);
  assert.equal((await ask("https://rs.example/me", { headers: { authorization: "Bearer at" } })).status, 200);
  assert.equal(proofOf(sent[1]).claims["nonce"], "r1");
  assert.equal(proofOf(sent[1]).claims["ath"], createHash("sha256").update("at").digest("base64url"));
});

test("a server that keeps demanding a nonce gets two requests and no more, and its response can still be read", async () => {
  const { ask, sent } = server(challenge("n1"), challenge("n2"), challenge("n3"));
  assert.deepEqual(await (await ask("https://as.example/token", { method: "POST" })).json(), {
    error: "use_dpop_nonce",
  });
  assert.equal(sent.length, 2);
});

test("the last nonce of each origin is kept for that origin alone, also when it comes with a success", async () => {
  const { ask, sent, nonces } = server(
    new Response("", { headers: { "dpop-nonce": "n1" } }),
    new Response("", { headers: { "dpop-nonce": "n2" } }),
  );
  await ask("https://a.example/x");
  await ask("https://a.example/y");
  await ask("https://a.example/z");
  await ask("https://b.example/");
  assert.deepEqual(
    sent.map((request) => proofOf(request).claims["nonce"]),
    [undefined, "n1", "n2", undefined],
  );
  assert.deepEqual([...nonces], [["https://a.example", "n2"]]);
});

const refusedProof = (date: string): Response =>
  Response.json({ error: "invalid_dpop_proof" }, { status: 400, headers: { date } });

test("a proof that is refused for its time is made again by the server's clock, and the next one is right at once", async () => {
  const { ask, sent } = server(refusedProof("Thu, 04 Jul 2019 18:50:16 GMT"));
  assert.equal((await ask("https://as.example/token", { method: "POST", body: "code=c" })).status, 200);
  await ask("https://as.example/token", { method: "POST" });
  assert.deepEqual(
    sent.map((request) => proofOf(request).claims["iat"]),
    [1562262616, 1562266216, 1562266216],
  );
  assert.deepEqual(
    sent.map(({ init }) => init.body),
    ["code=c", "code=c", undefined],
  );
});

test("a known clock difference that no longer exists is forgotten", async () => {
  const iats: unknown[] = [];
  const fetch = async (_: unknown, init: RequestInit = {}): Promise<Response> => {
    iats.push(readProof(new Headers(init.headers).get("dpop") ?? "").claims["iat"]);
    return iats.length === 1 ? refusedProof("Thu, 04 Jul 2019 17:50:17 GMT") : new Response();
  };
  await tokenEndpointFetch(
    { ...client, dpopKey: key, clockOffsetMs: 3_600_000 },
    { fetch, clock, nonces: new Map() },
  )("https://as.example/token");
  assert.deepEqual(iats, [1562266216, 1562262617]);
});

const others: [string, Response][] = [
  ["a refused proof while the clocks agree", refusedProof("Thu, 04 Jul 2019 17:50:16 GMT")],
  ["a refused proof without a date", Response.json({ error: "invalid_dpop_proof" }, { status: 400 })],
  [
    "another error with a nonce",
    Response.json({ error: "invalid_grant" }, { status: 400, headers: { "dpop-nonce": "n" } }),
  ],
  ["the error without a nonce", Response.json({ error: "use_dpop_nonce" }, { status: 400 })],
  [
    "the error with status 403",
    Response.json({ error: "use_dpop_nonce" }, { status: 403, headers: { "dpop-nonce": "n" } }),
  ],
  [
    "another challenge",
    new Response("{}", {
      status: 401,
      headers: { "www-authenticate": 'DPoP error="invalid_token"', "dpop-nonce": "n" },
    }),
  ],
];
for (const [title, answer] of others) {
  test(`${title} is not a challenge and is returned unchanged`, async () => {
    const { ask, sent } = server(answer);
    const expected = [answer.status, await answer.clone().text()];
    const returned = await ask("https://as.example/token", { method: "POST" });
    assert.deepEqual([returned.status, await returned.text()], expected);
    assert.equal(sent.length, 1);
  });
}

test("a stream body is not sent twice", async () => {
  const { ask, sent } = server(challenge("n1"));
  const body = new Blob(["x"]).stream();
  assert.equal(
    (await ask("https://as.example/upload", { method: "POST", body, duplex: "half" } as RequestInit)).status,
    400,
  );
  assert.equal(sent.length, 1);
});

test("a key does not print itself, and every key is different", () => {
  assert.equal(JSON.stringify({ key }), '{"key":"[secret]"}');
  assert.ok(key instanceof Secret);
  assert.notEqual(dpopThumbprint(createDpopKey()), dpopThumbprint(key));
});

test("tokens that are bound to a key are refused where none was offered", () => {
  assert.throws(() => validateTokenType({ tokenType: "DPoP" }, "https://as.example"), {
    code: "service_answer_invalid",
  });
  for (const binding of [{ tokenType: "DPoP", dpopKey: key }, { tokenType: "Bearer" }] as const)
    validateTokenType(binding, "https://as.example");
});
