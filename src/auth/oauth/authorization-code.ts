import { randomBytes } from "node:crypto";
import { Secret } from "../../base/secret.ts";
import type { ExchangeOptions } from "../../http/request.ts";
import type { AuthorizationServer } from "./authorization-server.ts";
import { answerLimitMs, tokenGrant, type TokenResponse } from "./token-endpoint.ts";

/** 256 random bits that bind the response to this login (RFC 6749 §10.12). */
export function createState(): Secret {
  return new Secret(randomBytes(32).toString("base64url"));
}

/** 256 random bits that bind the ID token to this login (OpenID Connect Core §15.5.2). */
export function createNonce(): string {
  return randomBytes(32).toString("base64url");
}

interface AuthorizationRequest {
  client_id: string;
  redirect_uri: string;
  scope: string;
  state: Secret;
  code_challenge: string;
}

/**
 * Holds the state, but nothing to redeem the code with.
 *
 * @param endpoint - its query, if any, is kept (RFC 6749 §3.1)
 * @param extra - never overrides a parameter of the protocol
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
    ...(request.scope && { scope: request.scope }),
    state: request.state.reveal(),
    code_challenge: request.code_challenge,
    code_challenge_method: "S256",
  };
  // `set`: no parameter may repeat (RFC 6749 §3.1).
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  return url.href;
}

/** Texts come from the server, unescaped. */
export type AuthorizationResponse =
  | { kind: "code"; code: Secret }
  /** RFC 6749 §4.1.2.1. */
  | { kind: "error"; error: string; description: string | undefined }
  /**
   * Another server's response: its code must go nowhere (RFC 9207 §2.4). `issuer` is undefined if this server always
   * names one, and the response did not.
   */
  | { kind: "mix-up"; issuer: string | undefined };

export interface UnrelatedRedirect {
  kind: "unrelated";
  reason: "state missing" | "state wrong" | "parameter repeated" | "neither code nor error";
}

const known = ["state", "iss", "error", "error_description", "code"] as const; // unknown ones are ignored, §4.1.2

/**
 * Judges a redirect (RFC 6749 §4.1.2). The state comes first: without it a redirect can neither deliver a code (§10.12)
 * nor end the login with an `error`. Then the issuer: neither code nor error of another server may be trusted (RFC 9207
 * §2.4).
 */
export function authorizationResponse(
  params: URLSearchParams,
  expected: { state: Secret } & Partial<
    Pick<AuthorizationServer, "issuer" | "authorization_response_iss_parameter_supported">
  >,
): AuthorizationResponse | UnrelatedRedirect {
  // Parsers differ on which of two values counts, and attacks use that (RFC 6749 §3.1).
  if (known.some((name) => params.getAll(name).length > 1)) return { kind: "unrelated", reason: "parameter repeated" };
  // An empty parameter counts as omitted (RFC 6749 §3.1).
  const given = (name: (typeof known)[number]): string | undefined => params.get(name) || undefined;

  const state = given("state");
  if (state === undefined) return { kind: "unrelated", reason: "state missing" };
  if (!expected.state.matches(state)) return { kind: "unrelated", reason: "state wrong" };

  const iss = given("iss");
  // Simple string comparison (RFC 9207 §2.4), without normalization.
  if (iss !== undefined && expected.issuer !== undefined && iss !== expected.issuer)
    return { kind: "mix-up", issuer: iss };
  // Otherwise a mix-up attack would simply omit the name.
  if (iss === undefined && expected.authorization_response_iss_parameter_supported)
    return { kind: "mix-up", issuer: undefined };

  const error = given("error");
  if (error !== undefined) return { kind: "error", error, description: given("error_description") };
  const code = given("code");
  if (code !== undefined) return { kind: "code", code: new Secret(code) };
  return { kind: "unrelated", reason: "neither code nor error" };
}

/** RFC 6749 §4.1.3, RFC 7636 §4.5. Never repeated: a server that sees a code twice revokes what it issued (§4.1.2). */
export function authorizationCodeGrant(
  server: AuthorizationServer,
  grant: {
    client_id: string;
    code: Secret;
    code_verifier: Secret;
    redirect_uri: string;
    resource?: string | undefined;
  },
  options: ExchangeOptions,
): Promise<TokenResponse> {
  return tokenGrant(server, { grant_type: "authorization_code", ...grant }, { ...options, timeoutMs: answerLimitMs });
}
