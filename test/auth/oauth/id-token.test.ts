import assert from "node:assert/strict";
import { createPublicKey, generateKeyPairSync, sign, type KeyObject } from "node:crypto";
import { test } from "node:test";
import type { AuthorizationServer } from "../../../src/auth/oauth/authorization-server.ts";
import { validateIdToken } from "../../../src/auth/oauth/id-token.ts";
import { Secret } from "../../../src/base/secret.ts";
import { systemClock } from "../../../src/platform/clock.ts";

const issuer = "https://login.example/{tenantid}/v2.0";
const tid = "9188040d-6c67-4c5b-b112-36a304b66dad";
const now = 1_700_000_000_000;
const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");

/** With an ES256 signature. */
function validate(claims: object, key: KeyObject): Promise<unknown> {
  const common = { sub: "u", aud: "cli", iat: now / 1000, exp: now / 1000 + 60 };
  const input = `${part({ alg: "ES256" })}.${part({ ...common, ...claims })}`;
  const signature = sign("sha256", Buffer.from(input), { key, dsaEncoding: "ieee-p1363" });
  const endpoint = "https://login.example/x";
  const server = { issuer, authorization_endpoint: endpoint, token_endpoint: endpoint, jwks_uri: endpoint };
  const fetch = async (): Promise<Response> =>
    Response.json({ keys: [createPublicKey(key).export({ format: "jwk" })] });
  return validateIdToken(
    new Secret(`${input}.${signature.toString("base64url")}`),
    { server: server satisfies AuthorizationServer, client_id: "cli", access_token: new Secret("at"), now },
    { fetch, clock: systemClock },
  );
}

const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const refused = { code: "service_answer_invalid" };

test("where a server speaks for several tenants, the issuer has the id of the token's tenant in it, and nothing else", async () => {
  await validate({ iss: `https://login.example/${tid}/v2.0`, tid }, privateKey);
  await assert.rejects(validate({ iss: `https://login.example/${tid}/v2.0` }, privateKey), refused);
  for (const other of ["evil/..", "", "common", `${tid}/x`])
    await assert.rejects(validate({ iss: `https://login.example/${other}/v2.0`, tid: other }, privateKey), refused);
});

test("a signature by a key of another curve than the algorithm's is not accepted", async () => {
  const other = generateKeyPairSync("ec", { namedCurve: "P-384" });
  const iss = `https://login.example/${tid}/v2.0`;
  await assert.rejects(validate({ iss, tid }, other.privateKey), refused);
});
