import { createHash } from "node:crypto";
import { AuthError, hint, login } from "../../base/errors.ts";
import type { Secret } from "../../base/secret.ts";
import { memberReader, number, text, textOf } from "../../http/json-members.ts";
import type { ExchangeOptions } from "../../http/request.ts";
import type { AuthorizationServer } from "./authorization-server.ts";
import { verifySignature } from "./jwks.ts";
import { isTenantId, tenantPlaceholder } from "./named-providers.ts";
import { parseJws, signatureAlgorithms, type Jws } from "./jws.ts";

/** Of a validated ID token (OpenID Connect Core §2), to compare with the next one. */
export interface IdTokenClaims {
  readonly sub: string;
  readonly nonce?: string;
  /** The user's last authentication, in seconds since 1970. */
  readonly auth_time?: number;
  readonly email?: string;
  readonly name?: string;
}

interface ExpectedIdToken {
  server: AuthorizationServer;
  client_id: string;
  access_token: Secret;
  /** The server's, in milliseconds since 1970: `issuedAt` of the tokens. */
  now: number;
  /** Undefined if none was sent, as in a device login. */
  nonce?: string | undefined;
}

/** By the server's clock, in milliseconds since 1970. */
export function idTokenExpiry(idToken: Secret): number {
  const { exp } = parseJws(idToken).claims;
  return typeof exp === "number" ? exp * 1000 : 0;
}

/** On top of the server's `Date`. */
const toleranceSeconds = 60;

/** For a login (OpenID Connect Core §3.1.3.7). */
export async function validateIdToken(
  idToken: Secret,
  expected: ExpectedIdToken,
  options: ExchangeOptions,
): Promise<IdTokenClaims> {
  const jws = parseJws(idToken);
  const claims = idTokenClaims(jws, expected);
  await verifySignature(jws, expected.server, options);
  return claims;
}

/**
 * Validates a refresh's ID token against the login's (Core §12.2). None of its claims are used.
 *
 * TLS replaces its signature, as §3.1.3.7 item 6 allows for a token directly from the token endpoint: fetching keys
 * would put a request between spending the old refresh token and storing the new one.
 */
export function validateRefreshedIdToken(
  idToken: Secret,
  expected: Omit<ExpectedIdToken, "nonce">,
  previous: IdTokenClaims,
): void {
  idTokenClaims(parseJws(idToken), expected, previous);
}

function idTokenClaims(
  jws: Jws,
  { server, client_id, access_token, now, nonce }: ExpectedIdToken,
  previous?: IdTokenClaims,
): IdTokenClaims {
  const { claims, alg } = jws;
  // Not the nonce, nor values that a forger may have chosen.
  const refuse = (why: string): AuthError =>
    new AuthError("service_answer_invalid", `the ID token of "${server.issuer}" ${why}`, {
      hint: hint`Try again: ${login()}`,
    });
  const { required, optional } = memberReader(claims, (name, expected) =>
    refuse(claims[name] === undefined ? `has no "${name}"` : `has a "${name}" that is not ${expected}`),
  );

  const algorithms = server.id_token_signing_alg_values_supported;
  if (algorithms !== undefined && !algorithms.includes(alg))
    throw refuse(`is signed with ${alg}, not listed in the issuer's metadata`);
  const issuer = issuerFor(server, claims);
  if (issuer === undefined || claims["iss"] !== issuer)
    throw refuse(claims["iss"] === undefined ? 'has no "iss"' : `has the "iss" ${JSON.stringify(claims["iss"])}`);
  const sub = required("sub", text);

  const aud = claims["aud"];
  const audience: unknown[] = Array.isArray(aud) ? aud : [aud];
  if (!audience.includes(client_id)) throw refuse(`is not for the client "${client_id}"`);
  // Otherwise any of several audiences could present its own.
  const azp = claims["azp"];
  if ((azp !== undefined || audience.length > 1) && azp !== client_id)
    throw refuse(`names a client other than "${client_id}"`);

  const nowSeconds = now / 1000;
  if (required("exp", number) <= nowSeconds - toleranceSeconds) throw refuse("has expired");
  if (required("iat", number) > nowSeconds + toleranceSeconds) throw refuse('has an "iat" in the future');
  if ((optional("nbf", number) ?? 0) > nowSeconds + toleranceSeconds) throw refuse("is not valid yet");

  // Optional in a token response (§3.1.3.6).
  const at_hash = claims["at_hash"];
  if (at_hash !== undefined && at_hash !== leftHalfHash(alg, access_token))
    throw refuse("belongs to another access token");

  const auth_time = optional("auth_time", number);
  const sent = claims["nonce"];
  if (previous === undefined) {
    // A nonce that was not sent belongs to another login.
    if (sent !== nonce) throw refuse("belongs to another login: its nonce differs");
  } else {
    if (sub !== previous.sub) throw refuse("names a different user than the login");
    if (sent !== undefined && sent !== previous.nonce) throw refuse("belongs to another login: its nonce has changed");
    const hasChanged = auth_time !== undefined && previous.auth_time !== undefined && auth_time !== previous.auth_time;
    if (hasChanged) throw refuse("belongs to another login: its auth_time has changed");
  }
  const email = textOf(claims["email"]);
  const name = textOf(claims["name"]);
  return {
    sub,
    ...(typeof sent === "string" && { nonce: sent }),
    ...(auth_time !== undefined && { auth_time }),
    ...(email && { email }),
    ...(name && { name }),
  };
}

/** With the user's tenant where the server speaks for several. */
function issuerFor({ issuer }: AuthorizationServer, { tid }: Jws["claims"]): string | undefined {
  if (!issuer.includes(tenantPlaceholder)) return issuer;
  return typeof tid === "string" && isTenantId(tid) ? issuer.replace(tenantPlaceholder, tid) : undefined;
}

/** By the signature's hash function (§3.1.3.6). */
function leftHalfHash(alg: string, accessToken: Secret): string {
  const digest = createHash(signatureAlgorithms.get(alg)?.hash ?? "sha256")
    .update(accessToken.reveal(), "ascii")
    .digest();
  return digest.subarray(0, digest.length / 2).toString("base64url");
}
