import { createHash, randomBytes } from "node:crypto";
import { Secret } from "../../base/secret.ts";

/** 256 random bits as 43 characters of base64url: RFC 7636's shortest (§4.1) and recommended size (§7.1). */
export function createCodeVerifier(): Secret {
  return new Secret(randomBytes(32).toString("base64url"));
}

/** RFC 7636 §4.2. No `plain`: the verifier would be in the browser's URL, visible along with the code (§7.2). */
export function codeChallenge(verifier: Secret): string {
  return createHash("sha256").update(verifier.reveal(), "ascii").digest("base64url");
}
