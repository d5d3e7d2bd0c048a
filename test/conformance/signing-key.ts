import { constants, generateKeyPairSync, sign, type JsonWebKey, type KeyObject } from "node:crypto";

/** A provider's key: it signs, and its public half can be published. */
export interface SigningKey {
  readonly alg: string;
  readonly kid: string;
  readonly privateKey: KeyObject;
  readonly publicJwk: JsonWebKey & { kid: string; alg: string; use: "sig" };
}

type Pair = { privateKey: KeyObject; publicKey: KeyObject };

const generate: Record<string, () => Pair> = {
  ES256: () => generateKeyPairSync("ec", { namedCurve: "P-256" }),
  EdDSA: () => generateKeyPairSync("ed25519"),
  Ed25519: () => generateKeyPairSync("ed25519"),
};
/** RSA keys take long to generate: all providers of a process share their first, and another. */
const rsa: Pair[] = [];

/** A provider's first key. */
export function firstSigningKey(alg: string): SigningKey {
  return signingKey(alg, "key-1", 0);
}

/** A key that is not its first. */
export function anotherSigningKey(alg: string, kid: string): SigningKey {
  return signingKey(alg, kid, 1);
}

function signingKey(alg: string, kid: string, index: 0 | 1): SigningKey {
  const pair = generate[alg]?.() ?? (rsa[index] ??= generateKeyPairSync("rsa", { modulusLength: 2048 }));
  const publicJwk = { ...(pair.publicKey.export({ format: "jwk" }) as JsonWebKey), kid, alg, use: "sig" as const };
  return { alg, kid, privateKey: pair.privateKey, publicJwk };
}

/** A compact JWS. `header` adds to the header or replaces members of it; a member set to undefined is left out. */
export function signJwt(key: SigningKey, claims: object, header: Record<string, unknown> = {}): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const input = `${part({ alg: key.alg, kid: key.kid, ...header })}.${part(claims)}`;
  const how = {
    RS256: { padding: constants.RSA_PKCS1_PADDING },
    PS256: { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 },
    ES256: { dsaEncoding: "ieee-p1363" as const },
  }[key.alg];
  const signature = sign(how === undefined ? null : "sha256", Buffer.from(input), { key: key.privateKey, ...how });
  return `${input}.${signature.toString("base64url")}`;
}
