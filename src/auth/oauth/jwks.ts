import { createPublicKey, type JsonWebKey, type KeyObject } from "node:crypto";
import { AuthError } from "../../base/errors.ts";
import type { AuthorizationServer } from "./authorization-server.ts";
import { invalidAnswer, readJsonObject, send, serviceFailure, type ExchangeOptions } from "../../http/request.ts";
import { isSignedBy, signatureAlgorithms, type Jws } from "./jws.ts";

/** A key as it was published (RFC 7517 §4): not known to be usable, nor even to be a key. */
type Jwk = Readonly<Record<string, unknown>>;

/** The keys that authorization servers sign with, as far as this process has met them. */
export class JwkSets {
  readonly #held = new Map<string, readonly Jwk[]>();

  /**
   * Checks a signature with the server's keys, which are fetched when there are none yet, and once more when those that are
   * held do not do: that is what a server that has changed its keys looks like (OpenID Connect Core §10.1.1).
   *
   * @param server - the one that gave the token
   * @throws {@link AuthError} `service_answer_invalid` when none of its keys made the signature; {@link ServiceError} as
   * `jwkSetResponse` when the keys cannot be had
   */
  async verify(jws: Jws, server: AuthorizationServer, options: ExchangeOptions): Promise<void> {
    const { issuer, jwks_uri } = server;
    const held = jwks_uri === undefined ? undefined : this.#held.get(jwks_uri);
    if (jwks_uri === undefined) throw new AuthError("service_answer_invalid", `"${issuer}" says nowhere what keys it signs with ("jwks_uri")`);
    if (held !== undefined && signatureFault(jws, held) === undefined) return;
    const keys = await jwkSetResponse(await send(jwks_uri, { headers: { accept: "application/jwk-set+json, application/json" } }, options));
    const fault = signatureFault(jws, keys);
    if (fault !== undefined) throw new AuthError("service_answer_invalid", `the ID token of "${issuer}" ${fault}`);
    this.#held.set(jwks_uri, keys);
  }
}

/**
 * Judges what `jwks_uri` answered (RFC 7517 §5). What is not a key stays out, and spoils nothing: sets hold keys for others too.
 *
 * @throws {@link ServiceError} when it is an error, or no set
 */
async function jwkSetResponse(response: Response): Promise<readonly Jwk[]> {
  const body = await readJsonObject(response);
  if (response.status !== 200) throw serviceFailure(response, body);
  const keys = body?.["keys"];
  if (!Array.isArray(keys)) throw invalidAnswer(response, "answered with something that is not a set of keys");
  return keys.filter((key): key is Jwk => typeof key === "object" && key !== null);
}

/**
 * Why a signature is not believed; undefined when it is.
 *
 * @param keys - from {@link jwkSetResponse}
 */
function signatureFault(jws: Jws, keys: readonly Jwk[]): string | undefined {
  const fitting = keys.filter((key) => fits(key, jws)).flatMap(usable);
  const [key] = fitting;
  if (key === undefined) return `is signed with ${jws.kid === undefined ? "a key" : `the key "${jws.kid}"`} that is not among those it publishes for ${jws.alg}`;
  // Where there are several, the token must say which (Core §10.1): trying all would believe the weakest.
  if (fitting.length > 1) return `does not say which of ${fitting.length} keys signed it`;
  return isSignedBy(key, jws) ? undefined : "has a wrong signature";
}

/** Whether a key is published for what the token claims it did (RFC 7517 §4.1 to §4.5). */
function fits(key: Jwk, { alg, kid }: Jws): boolean {
  const algorithm = signatureAlgorithms.get(alg);
  if (algorithm === undefined || key["kty"] !== algorithm.kty) return false;
  if (algorithm.crv !== undefined && key["crv"] !== algorithm.crv) return false;
  if (kid !== undefined && key["kid"] !== kid) return false;
  if (key["use"] !== undefined && key["use"] !== "sig") return false;
  if (key["alg"] !== undefined && key["alg"] !== alg) return false;
  const operations = key["key_ops"];
  return operations === undefined || (Array.isArray(operations) && operations.includes("verify"));
}

/** The key itself; nothing when it is damaged, or RSA of less than 2048 bits (RFC 7518 §3.3). */
function usable({ kty, n, e, crv, x, y }: Jwk): KeyObject[] {
  try {
    const key = createPublicKey({ key: { kty, n, e, crv, x, y } as JsonWebKey, format: "jwk" });
    const bits = key.asymmetricKeyDetails?.modulusLength;
    return bits !== undefined && bits < 2048 ? [] : [key];
  } catch {
    return [];
  }
}
