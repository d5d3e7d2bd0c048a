import { createHash } from "node:crypto";
import { AuthError } from "../../base/errors.ts";
import type { Secret } from "../../base/secret.ts";
import type { AuthorizationServer } from "./authorization-server.ts";
import { memberReader, number, text, textOf } from "../../http/json-members.ts";
import type { ExchangeOptions } from "../../http/request.ts";
import type { JwkSets } from "./jwks.ts";
import { parseJws, signatureAlgorithms, type Jws } from "./jws.ts";

/** What an ID token said, once all of it was checked (OpenID Connect Core §2). Kept with the session, for the next one. */
export interface IdTokenClaims {
  /** Who logged in, for this issuer and for ever. */
  readonly sub: string;
  readonly nonce?: string;
  /** When the user last proved who they are, in seconds since 1970. */
  readonly auth_time?: number;
  readonly email?: string;
  readonly name?: string;
}

/** What an ID token must agree with. */
interface ExpectedIdToken {
  server: AuthorizationServer;
  client_id: string;
  /** The access token that came along. */
  access_token: Secret;
  /** The server's clock, in milliseconds since 1970: `issuedAt` of the session's tokens. */
  now: number;
  /** What the authorization request sent; undefined where there was none, as in a device login. */
  nonce?: string | undefined;
}

/** How far the two clocks may be apart, in seconds. The server's `Date` has already been allowed for. */
const toleranceSeconds = 60;

/**
 * Checks the ID token of a login, as OpenID Connect Core §3.1.3.7 says.
 *
 * @param idToken - `id_token` of the token answer
 * @param keys - one for the life of the process
 * @throws {@link AuthError} `service_answer_invalid` when it must not be believed; {@link ServiceError} when the keys cannot be had
 */
export async function validateIdToken(idToken: Secret, expected: ExpectedIdToken, keys: JwkSets, options: ExchangeOptions): Promise<IdTokenClaims> {
  const jws = parseJws(idToken);
  const claims = idTokenClaims(jws, expected);
  await keys.verify(jws, expected.server, options);
  return claims;
}

/**
 * Checks the ID token that came with a refresh against the one of the login (Core §12.2). Nothing of it is used further.
 *
 * Its signature is left to TLS, as §3.1.3.7 item 6 allows for what comes straight from the token endpoint: fetching keys would
 * put a request between the moment at which the old refresh token is spent and the one at which the new one is stored.
 *
 * @param previous - what the ID token of the login said
 * @throws {@link AuthError} `service_answer_invalid` when it is about another login
 */
export function validateRefreshedIdToken(idToken: Secret, expected: Omit<ExpectedIdToken, "nonce">, previous: IdTokenClaims): void {
  idTokenClaims(parseJws(idToken), expected, previous);
}

function idTokenClaims(jws: Jws, { server, client_id, access_token, now, nonce }: ExpectedIdToken, previous?: IdTokenClaims): IdTokenClaims {
  const { claims, alg } = jws;
  // Names and addresses are shown; values that a forger chose are not, and neither is the nonce.
  const refuse = (why: string): AuthError => new AuthError("service_answer_invalid", `the ID token of "${server.issuer}" ${why}`, { hint: "Nothing of it was believed. Try again: spec-kitty auth login" });
  const { required, optional } = memberReader(claims, (name, expected) =>
    refuse(claims[name] === undefined ? `has no "${name}"` : `has a "${name}" that is not ${expected}`),
  );

  const algorithms = server.id_token_signing_alg_values_supported;
  if (algorithms !== undefined && !algorithms.includes(alg)) throw refuse(`is signed by ${alg}, which this server says it never uses`);
  if (claims["iss"] !== server.issuer) throw refuse(`was issued by ${JSON.stringify(claims["iss"]) ?? "nobody"}`);
  const sub = required("sub", text);

  const aud = claims["aud"];
  const audience: unknown[] = Array.isArray(aud) ? aud : [aud];
  if (!audience.includes(client_id)) throw refuse(`is not for the client "${client_id}"`);
  // One that is for others too must have been issued to this client, or any of them could hand it in here.
  const azp = claims["azp"];
  if ((azp !== undefined || audience.length > 1) && azp !== client_id) throw refuse(`was issued to another client than "${client_id}"`);

  const nowSeconds = now / 1000;
  if (required("exp", number) <= nowSeconds - toleranceSeconds) throw refuse("is over");
  if (required("iat", number) > nowSeconds + toleranceSeconds) throw refuse("was issued in the future");
  if ((optional("nbf", number) ?? 0) > nowSeconds + toleranceSeconds) throw refuse("is not good yet");

  // Optional where it comes from the token endpoint (§3.1.3.6), and of no use if it is not compared when it is there.
  const at_hash = claims["at_hash"];
  if (at_hash !== undefined && at_hash !== leftHalfHash(alg, access_token)) throw refuse("belongs to another access token");

  const auth_time = optional("auth_time", number);
  const sent = claims["nonce"];
  if (previous === undefined) {
    // One that nobody sent is another login's.
    if (sent !== nonce) throw refuse("belongs to another login: its nonce is not the one that was sent");
  } else {
    if (sub !== previous.sub) throw refuse("names another user than the login did");
    if (sent !== undefined && sent !== previous.nonce) throw refuse("belongs to another login: its nonce has changed");
    if (auth_time !== undefined && previous.auth_time !== undefined && auth_time !== previous.auth_time) throw refuse("belongs to another login: its auth_time has changed");
  }
  const email = textOf(claims["email"]);
  const name = textOf(claims["name"]);
  return { sub, ...(typeof sent === "string" && { nonce: sent }), ...(auth_time !== undefined && { auth_time }), ...(email && { email }), ...(name && { name }) };
}

/** The left half of the hash, by the hash function of the signature (§3.1.3.6). */
function leftHalfHash(alg: string, accessToken: Secret): string {
  const digest = createHash(signatureAlgorithms.get(alg)?.hash ?? "sha256").update(accessToken.reveal(), "ascii").digest();
  return digest.subarray(0, digest.length / 2).toString("base64url");
}
