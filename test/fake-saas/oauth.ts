import { createHash } from "node:crypto";
import { AuthorizationEndpoint } from "./authorize.ts";
import { DeviceEndpoint } from "./device.ts";
import { failure, formOf } from "./http.ts";
import type { Answer, FakeRequest } from "./http.ts";
import type { Route } from "./routes.ts";
import { issueTokens, openSession, refreshTokens } from "./sessions.ts";
import type { FakeState } from "./state.ts";

/** The authorization server: authorization, device and token endpoints with their pages. */
export function oauthRoutes(state: FakeState): Route[] {
  const authorization = new AuthorizationEndpoint(state);
  const device = new DeviceEndpoint(state);
  return [
    ["GET", "/oauth/authorize", (request) => authorization.show(request)],
    ["POST", "/oauth/authorize", (request) => authorization.decide(request)],
    ["POST", "/oauth/device", (request) => device.authorize(request)],
    ["GET", "/device", (request) => device.show(request)],
    ["POST", "/device", (request) => device.decide(request)],
    ["POST", "/oauth/token", (request) => noStore(token(state, authorization, device, request))],
  ];
}

/** RFC 6749 §5.1: no answer that may hold a token is cached. */
function noStore(answer: Answer): Answer {
  return { ...answer, headers: { "Cache-Control": "no-store", ...answer.headers } };
}

function token(
  state: FakeState,
  authorization: AuthorizationEndpoint,
  device: DeviceEndpoint,
  request: FakeRequest,
): Answer {
  const form = formOf(request);
  if (form === undefined) return failure(400, "invalid_request", { error_description: "expected a form" });
  if (form.get("client_id") !== "cli_native") return failure(401, "invalid_client");
  switch (form.get("grant_type")) {
    case "authorization_code":
      return exchangeCode(state, authorization, form);
    case "urn:ietf:params:oauth:grant-type:device_code":
      return device.poll(form);
    case "refresh_token":
      return refreshTokens(state, form.get("refresh_token") ?? "");
    case "urn:ietf:params:oauth:grant-type:token-exchange":
      return exchangeIdentity(state, form.get("subject_token"));
    case "urn:ietf:params:oauth:grant-type:jwt-bearer":
      return exchangeIdentity(state, form.get("assertion"));
    default:
      return failure(400, "unsupported_grant_type");
  }
}

/** RFC 8693 §2.2 and RFC 7523 §3: an access token without a refresh token. */
function exchangeIdentity(state: FakeState, jwt: string | null): Answer {
  const { identity } = state.options;
  if (identity === null) return failure(400, "unsupported_grant_type");
  if (jwt === null) return failure(400, "invalid_request");
  state.issued.set(jwt, "identity_token");
  const user = identity(jwt);
  if (typeof user !== "string") return failure(400, "invalid_grant", { error_description: user.refused });
  state.counters.exchanges += 1;
  const issued_token_type = "urn:ietf:params:oauth:token-type:access_token";
  return {
    status: 200,
    body: { ...issueTokens(state, openSession(state, { user }), { withRefresh: false }), issued_token_type },
  };
}

/** RFC 6749 §4.1.3 and RFC 7636 §4.6. A code that comes twice ends the session that the first use gave (RFC 6749 §4.1.2). */
function exchangeCode(state: FakeState, { codes }: AuthorizationEndpoint, form: URLSearchParams): Answer {
  const refuse = (why: string): Answer =>
    failure(state.options.invalidGrantStatus, "invalid_grant", { error_description: why });
  const verifier = form.get("code_verifier") ?? "";
  if (verifier !== "") state.issued.set(verifier, "code_verifier");
  const code = codes.get(form.get("code") ?? "");
  if (code === undefined) return refuse("the code is not known");
  if (code.sessionId !== undefined) {
    state.revoke(code.sessionId);
    return refuse("the code has been used");
  }
  if (code.expiresAt <= state.now()) return refuse("the code has expired");
  if (code.redirectUri !== form.get("redirect_uri"))
    return refuse("redirect_uri is not the one the code was asked for");
  if (!/^[\w.~-]{43,128}$/.test(verifier)) return refuse("code_verifier is malformed");
  if (createHash("sha256").update(verifier).digest("base64url") !== code.challenge) {
    return refuse("code_verifier does not match the challenge");
  }
  const session = openSession(state, { user: code.user, scope: code.scope });
  code.sessionId = session.id;
  state.counters.logins += 1;
  return { status: 200, body: issueTokens(state, session) };
}
