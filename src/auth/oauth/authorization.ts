import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { Secret } from "../../base/secret.ts";
import type { AuthorizationServer } from "./authorization-server.ts";

/** A fresh `state`: 256 random bits as base64url. It binds the answer to this one login (RFC 6749 §10.12). */
export function createState(): Secret {
  return new Secret(randomBytes(32).toString("base64url"));
}

/** A fresh `nonce`: 256 random bits. It binds the ID token to this one login (OpenID Connect Core §15.5.2). */
export function createNonce(): string {
  return randomBytes(32).toString("base64url");
}

/** The parameters of an authorization request, in the RFC's spelling (RFC 6749 §4.1.1, RFC 7636 §4.3). */
interface AuthorizationRequest {
  /** The registered client. */
  client_id: string;
  /** The loopback address that listens now, port included (RFC 8252 §7.3). */
  redirect_uri: string;
  /** Scopes, separated by single spaces. */
  scope: string;
  /** From {@link createState}. */
  state: Secret;
  /** From `codeChallenge`; the method sent is always S256. */
  code_challenge: string;
}

/**
 * The address for the browser. It holds the state but no secret that would let its reader redeem the code.
 * @param endpoint - `authorization_endpoint`; a query that it has already is kept (RFC 6749 §3.1)
 * @param request - the parameters of this login
 * @param extra - what a foreign server wants besides, such as `prompt`; never overrides a parameter of the protocol
 */
export function authorizationRequest(
  endpoint: string,
  request: AuthorizationRequest,
  extra: Readonly<Record<string, string>> = {},
): string {
  const url = new URL(endpoint);
  const parameters = {
    ...extra,
    response_type: "code",
    client_id: request.client_id,
    redirect_uri: request.redirect_uri,
    scope: request.scope,
    state: request.state.reveal(),
    code_challenge: request.code_challenge,
    code_challenge_method: "S256",
  };
  // `set`, not `append`: no parameter may be there twice (RFC 6749 §3.1), not even one that the endpoint brought along.
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  return url.href;
}

/** An answer to this very login: it carried the right state. Text in it is the server's, raw. */
export type AuthorizationAnswer =
  | { kind: "code"; code: Secret }
  /** RFC 6749 §4.1.2.1. */
  | { kind: "error"; error: string; description: string | undefined }
  /**
   * Another server answered than the one that was asked: its code must be sent nowhere (RFC 9207 §2.4). No issuer: it named
   * none, and the one that was asked always does.
   */
  | { kind: "mix-up"; issuer: string | undefined };

/** What a redirect means: an answer, or something that is none of this login's business and changes nothing. */
export type AuthorizationResponse =
  | AuthorizationAnswer
  | { kind: "not-ours"; reason: "state missing" | "state wrong" | "parameter repeated" | "neither code nor error" };

const known = ["state", "iss", "error", "error_description", "code"] as const; // unknown ones are ignored, §4.1.2

/**
 * Judges a redirect (RFC 6749 §4.1.2). The state comes first: whoever does not know it gets no say, neither to hand in
 * a code (§10.12) nor to end the login with an `error`. Then the issuer, since neither the code nor the error of
 * another server may be believed (RFC 9207 §2.4).
 * @param params - the query of the redirect
 * @param expected - `state` of this login; the rest as the server's metadata have it
 */
export function authorizationResponse(
  params: URLSearchParams,
  expected: { state: Secret } & Partial<Pick<AuthorizationServer, "issuer" | "authorization_response_iss_parameter_supported">>,
): AuthorizationResponse {
  // Which of two would count differs between parsers, and an attacker lives in the difference (RFC 6749 §3.1).
  if (known.some((name) => params.getAll(name).length > 1)) return { kind: "not-ours", reason: "parameter repeated" };
  // A parameter without a value is treated as omitted (RFC 6749 §3.1).
  const given = (name: (typeof known)[number]): string | undefined => params.get(name) || undefined;

  const state = given("state");
  if (state === undefined) return { kind: "not-ours", reason: "state missing" };
  if (!sameInConstantTime(state, expected.state)) return { kind: "not-ours", reason: "state wrong" };

  const iss = given("iss");
  // Simple string comparison, as RFC 9207 §2.4 demands: no normalisation.
  if (iss !== undefined && expected.issuer !== undefined && iss !== expected.issuer) return { kind: "mix-up", issuer: iss };
  // Else a server that mixes up would only have to leave its name out.
  if (iss === undefined && expected.authorization_response_iss_parameter_supported) return { kind: "mix-up", issuer: undefined };

  const error = given("error");
  if (error !== undefined) return { kind: "error", error, description: given("error_description") };
  const code = given("code");
  if (code !== undefined) return { kind: "code", code: new Secret(code) };
  return { kind: "not-ours", reason: "neither code nor error" };
}

/** Digests are compared, so that neither the length nor the first wrong character shows in the time it takes. */
function sameInConstantTime(found: string, expected: Secret): boolean {
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(found), digest(expected.reveal()));
}
