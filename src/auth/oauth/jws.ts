import { constants, verify, type KeyObject } from "node:crypto";
import { AuthError, issuersMistake } from "../../base/errors.ts";
import type { Secret } from "../../base/secret.ts";
import { isJsonObject, parseJson, type JsonObject } from "../../http/json-members.ts";

/** Parsed (RFC 7515 §3.1, compact serialization), not trusted yet. */
export interface Jws {
  readonly alg: string;
  /** Of the signing key (§4.1.4). */
  readonly kid: string | undefined;
  readonly claims: Readonly<Record<string, unknown>>;
  readonly input: string;
  readonly signature: Buffer;
}

/** RFC 7518 §3.1, RFC 8037 §3.1. */
interface SignatureAlgorithm {
  readonly kty: "RSA" | "EC" | "OKP";
  readonly crv?: string;
  /** Null if the algorithm has its own. */
  readonly digest: string | null;
  /** For `at_hash` (OpenID Connect Core §3.1.3.6). */
  readonly hash: string;
  readonly how: { padding?: number; saltLength?: number; dsaEncoding?: "ieee-p1363" };
}

const eddsa: SignatureAlgorithm = { kty: "OKP", crv: "Ed25519", digest: null, hash: "sha512", how: {} };

/**
 * Neither `none` nor a shared key: a public client shares no secret with the server, and the server's public key as one
 * is a classic forgery (RFC 8725 §2.1).
 */
export const signatureAlgorithms: ReadonlyMap<string, SignatureAlgorithm> = new Map<string, SignatureAlgorithm>([
  ["RS256", { kty: "RSA", digest: "sha256", hash: "sha256", how: { padding: constants.RSA_PKCS1_PADDING } }],
  [
    "PS256",
    {
      kty: "RSA",
      digest: "sha256",
      hash: "sha256",
      how: { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST },
    },
  ],
  ["ES256", { kty: "EC", crv: "P-256", digest: "sha256", hash: "sha256", how: { dsaEncoding: "ieee-p1363" } }],
  ["EdDSA", eddsa],
  ["Ed25519", eddsa],
]);

export function parseJws(token: Secret): Jws {
  const refuse = (why: string): AuthError =>
    new AuthError("service_answer_invalid", `the ID token ${why}`, { hint: issuersMistake });
  const parts = token.reveal().split(".");
  const [header = "", payload = "", signature = ""] = parts;
  // Five parts are an encrypted token; decoders skip characters outside base64url, so two texts would be one token.
  if (parts.length !== 3 || !/^[\w-]+\.[\w-]+\.[\w-]*$/.test(token.reveal())) throw refuse("is not a signed JWT");
  const parameters = jsonObject(header);
  const claims = jsonObject(payload);
  if (parameters === undefined || claims === undefined) throw refuse("contains something other than JSON objects");
  const { alg, kid, crit } = parameters;
  if (typeof alg !== "string" || !signatureAlgorithms.has(alg)) {
    throw refuse(
      `is signed with ${JSON.stringify(alg) ?? "nothing"}, not with one of ${[...signatureAlgorithms.keys()].join(", ")}`,
    );
  }
  // Invalidates the token (RFC 7515 §4.1.11).
  if (crit !== undefined) throw refuse('has an unknown "crit" header');
  if (kid !== undefined && typeof kid !== "string") throw refuse('has a "kid" that is not a string');
  return { alg, kid, claims, input: `${header}.${payload}`, signature: Buffer.from(signature, "base64url") };
}

export function openedIdToken(idToken: Secret): { readonly idToken: string; readonly claims: Jws["claims"] } {
  return { idToken: idToken.reveal(), claims: parseJws(idToken).claims };
}

/** The caller has checked that the key fits the algorithm. */
export function isSignedBy(key: KeyObject, jws: Jws): boolean {
  const algorithm = signatureAlgorithms.get(jws.alg);
  return (
    algorithm !== undefined &&
    verify(algorithm.digest, Buffer.from(jws.input), { key, ...algorithm.how }, jws.signature)
  );
}

function jsonObject(part: string): JsonObject | undefined {
  const value = parseJson(Buffer.from(part, "base64url").toString("utf8"));
  return isJsonObject(value) ? value : undefined;
}
