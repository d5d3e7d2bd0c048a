import { createHash, generateKeyPairSync, randomBytes, sign, type JsonWebKey } from "node:crypto";
import { Secret } from "../../base/secret.ts";

/** ES256, as a JWK: as secret as its tokens. */
export function createDpopKey(): Secret {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return new Secret(JSON.stringify(privateKey.export({ format: "jwk" })));
}

/** RFC 7638 §3. As `dpop_jkt` it binds the code to the key before it is issued (RFC 9449 §10). */
export function dpopThumbprint(key: Secret): string {
  return createHash("sha256")
    .update(JSON.stringify(publicJwk(parse(key))))
    .digest("base64url");
}

/** In the order for a thumbprint (RFC 7638 §3.2). */
function publicJwk({ crv, kty, x, y }: JsonWebKey): JsonWebKey {
  return { crv, kty, x, y } as JsonWebKey;
}

export interface DpopProofClaims {
  htm: string;
  /** Query and fragment stay out of the proof (RFC 9449 §4.2). */
  htu: string | URL;
  /** The server's clock as far as known, in milliseconds since 1970. */
  now: number;
  access_token?: string | undefined;
  nonce?: string | undefined;
}

/** The holder of the key has the right time. */
export type Prover = (claims: DpopProofClaims) => string | Promise<string>;

/** RFC 9449 §4.2. */
export function dpopProof(key: Secret, { htm, htu, now, access_token, nonce }: DpopProofClaims): string {
  const jwk = parse(key);
  const { origin, pathname } = new URL(htu);
  const header = { typ: "dpop+jwt", alg: "ES256", jwk: publicJwk(jwk) };
  const claims = {
    jti: randomBytes(16).toString("base64url"),
    htm,
    htu: origin + pathname,
    iat: Math.floor(now / 1000),
    ath:
      access_token === undefined ? undefined : createHash("sha256").update(access_token, "ascii").digest("base64url"),
    nonce,
  };
  const input = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
  const signature = sign("sha256", Buffer.from(input), { key: jwk, format: "jwk", dsaEncoding: "ieee-p1363" });
  return `${input}.${signature.toString("base64url")}`;
}

function parse(key: Secret): JsonWebKey {
  return JSON.parse(key.reveal()) as JsonWebKey;
}
