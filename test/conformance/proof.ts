import assert from "node:assert/strict";
import { createPublicKey, verify, type JsonWebKey } from "node:crypto";
import { dpopThumbprint } from "../../src/auth/oauth/dpop-proof.ts";
import { Secret } from "../../src/base/secret.ts";

/** Reads a DPoP proof as a server does: the signature is that of the key inside (RFC 9449 §4.3). */
export function readProof(proof: string): {
  header: Record<string, unknown>;
  claims: Record<string, unknown>;
  jwk: JsonWebKey;
  jkt: string;
} {
  const [header = "", payload = "", signature = ""] = proof.split(".");
  const parse = (part: string): Record<string, unknown> =>
    JSON.parse(Buffer.from(part, "base64url").toString()) as Record<string, unknown>;
  const jwk = parse(header)["jwk"] as JsonWebKey;
  const key = createPublicKey({ key: jwk, format: "jwk" });
  assert.ok(
    verify(
      "sha256",
      Buffer.from(`${header}.${payload}`),
      { key, dsaEncoding: "ieee-p1363" },
      Buffer.from(signature, "base64url"),
    ),
    "proof signature",
  );
  return { header: parse(header), claims: parse(payload), jwk, jkt: dpopThumbprint(new Secret(JSON.stringify(jwk))) };
}
