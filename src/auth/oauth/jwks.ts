import { createPublicKey, type JsonWebKey, type KeyObject } from "node:crypto";
import { AuthError, issuersMistake } from "../../base/errors.ts";
import { invalidAnswer, readJsonObject, send, serviceFailure, type ExchangeOptions } from "../../http/request.ts";
import type { AuthorizationServer } from "./authorization-server.ts";
import { isSignedBy, signatureAlgorithms, type Jws } from "./jws.ts";

/** Perhaps unusable, perhaps no key (RFC 7517 §4). */
type Jwk = Readonly<Record<string, unknown>>;

/**
 * Fetches the keys once more if the named one is missing: the server may just have rotated them (OpenID Connect Core
 * §10.1.1).
 */
export async function verifySignature(
  jws: Jws,
  { issuer, jwks_uri }: AuthorizationServer,
  options: ExchangeOptions,
): Promise<void> {
  if (jwks_uri === undefined)
    throw new AuthError("service_answer_invalid", `"${issuer}" does not publish its signing keys ("jwks_uri")`, {
      hint: issuersMistake,
    });
  const fetchKeys = async (): Promise<readonly Jwk[]> =>
    jwkSetResponse(
      await send(jwks_uri, { headers: { accept: "application/jwk-set+json, application/json" } }, options),
    );
  let keys = await fetchKeys();
  if (jws.kid !== undefined && !keys.some(({ kid }) => kid === jws.kid)) keys = await fetchKeys();
  const fault = signatureFault(jws, keys);
  if (fault !== undefined)
    throw new AuthError("service_answer_invalid", `the ID token of "${issuer}" ${fault}`, { hint: issuersMistake });
}

/** RFC 7517 §5. A set may hold keys for others too. */
async function jwkSetResponse(response: Response): Promise<readonly Jwk[]> {
  const body = await readJsonObject(response);
  if (response.status !== 200) throw serviceFailure(response, body);
  const keys = body?.["keys"];
  if (!Array.isArray(keys)) throw invalidAnswer(response, "did not respond with a set of keys");
  return keys.filter((key): key is Jwk => typeof key === "object" && key !== null);
}

function signatureFault(jws: Jws, keys: readonly Jwk[]): string | undefined {
  const matching = keys.filter((key) => matches(key, jws)).flatMap(importKey);
  const [key] = matching;
  const named = jws.kid === undefined ? "a key" : `the key "${jws.kid}"`;
  if (key === undefined) return `is signed with ${named}, not published for ${jws.alg}`;
  // The token must say which (Core §10.1): trying all would accept the weakest.
  if (matching.length > 1) return `could be signed with any of ${matching.length} keys`;
  return isSignedBy(key, jws) ? undefined : "has a wrong signature";
}

function matches(key: Jwk, { alg, kid }: Jws): boolean {
  const algorithm = signatureAlgorithms.get(alg);
  if (algorithm === undefined || key["kty"] !== algorithm.kty) return false;
  if (algorithm.crv !== undefined && key["crv"] !== algorithm.crv) return false;
  if (kid !== undefined && key["kid"] !== kid) return false;
  if (key["use"] !== undefined && key["use"] !== "sig") return false;
  if (key["alg"] !== undefined && key["alg"] !== alg) return false;
  const operations = key["key_ops"];
  return operations === undefined || (Array.isArray(operations) && operations.includes("verify"));
}

/**
 * Empty if damaged, or for a worthless RSA key: less than 2048 bits can be broken (RFC 7518 §3.3), and with an exponent
 * of 1 every text signs itself (RFC 8017 §3.1 requires 3).
 */
function importKey({ kty, n, e, crv, x, y }: Jwk): KeyObject[] {
  try {
    const key = createPublicKey({ key: { kty, n, e, crv, x, y } as JsonWebKey, format: "jwk" });
    const { modulusLength: bits = 2048, publicExponent: exponent = 3n } = key.asymmetricKeyDetails ?? {};
    return bits < 2048 || exponent < 3n || exponent % 2n === 0n ? [] : [key];
  } catch {
    return [];
  }
}
