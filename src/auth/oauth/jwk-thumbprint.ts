import { createHash, type JsonWebKey } from "node:crypto";
import { AuthError } from "../../base/errors.ts";

/** What a thumbprint is made of, in the order of the alphabet (RFC 7638 §3.2, RFC 8037 §2). Never a private member. */
const members: ReadonlyMap<string | undefined, readonly (keyof JsonWebKey)[]> = new Map([
  ["EC", ["crv", "kty", "x", "y"]],
  ["OKP", ["crv", "kty", "x"]],
  ["RSA", ["e", "kty", "n"]],
]);

/** The public half of a key: what may be shown, and what is hashed. */
export function publicJwk(key: JsonWebKey): JsonWebKey {
  const names = members.get(key.kty);
  if (names === undefined) throw new AuthError("configuration_invalid", `a key of the kind "${key.kty}" has no public half`);
  return Object.fromEntries(names.map((name) => [name, key[name]]));
}

/** The SHA-256 thumbprint of a key (RFC 7638 §3): the same for both halves of a pair, in base64url. */
export function jwkThumbprint(key: JsonWebKey): string {
  return createHash("sha256").update(JSON.stringify(publicJwk(key))).digest("base64url");
}
