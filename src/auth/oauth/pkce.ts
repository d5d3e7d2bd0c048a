import { createHash, randomBytes } from "node:crypto";
import { Secret } from "../../base/secret.ts";

/**
 * 256 random bits as 43 characters of base64url, the shortest that RFC 7636 §4.1 allows and the size that §7.1 recommends. It leaves the
 * process only in the token request.
 */
export function createCodeVerifier(): Secret {
  return new Secret(randomBytes(32).toString("base64url"));
}

/**
 * RFC 7636 §4.2. There is no `plain`: it would put the verifier into the address that the browser opens, where anyone who can see the code
 * can see it too (§7.2).
 */
export function codeChallenge(verifier: Secret): string {
  return createHash("sha256").update(verifier.reveal(), "ascii").digest("base64url");
}
