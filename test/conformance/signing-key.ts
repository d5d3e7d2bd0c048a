import { constants, generateKeyPairSync, sign, type JsonWebKey, type KeyObject } from "node:crypto";

/** A provider's key: it signs, and its public half can be published. */
export interface SigningKey {
  readonly alg: string;
  readonly kid: string;
  readonly privateKey: KeyObject;
  readonly publicJwk: JsonWebKey & { kid: string; alg: string; use: "sig" };
}

const pairs: Record<string, () => { privateKey: KeyObject; publicKey: KeyObject }> = {
  RS256: () => generateKeyPairSync("rsa", { modulusLength: 2048 }),
  PS256: () => generateKeyPairSync("rsa", { modulusLength: 2048 }),
  ES256: () => generateKeyPairSync("ec", { namedCurve: "P-256" }),
  EdDSA: () => generateKeyPairSync("ed25519"),
  Ed25519: () => generateKeyPairSync("ed25519"),
};

let spare: ReturnType<(typeof pairs)[string]> | undefined;

/**
 * A provider's first key. RSA keys take long to generate, so all providers of a process share one; no test depends on their
 * being different.
 */
export function firstSigningKey(alg: string): SigningKey {
  if (!alg.endsWith("S256") || alg === "ES256") return createSigningKey(alg, "key-1");
  spare ??= pairs["RS256"]?.();
  return createSigningKey(alg, "key-1", spare);
}

/** A fresh key for one algorithm. */
export function createSigningKey(
  alg: string,
  kid: string,
  pair = (pairs[alg] as () => ReturnType<(typeof pairs)[string]>)(),
): SigningKey {
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
