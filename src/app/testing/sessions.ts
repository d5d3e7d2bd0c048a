import { randomUUID } from "node:crypto";
import { failure, type Answer, type FakeRequest, type Handler } from "./http.ts";
import type { Issuer, IssuerSession, IssuerUser } from "./issuer.ts";

/** The 200 of the token endpoint. Without rotation there is no `refresh_token` and no expiry of it. */
export interface TokenAnswer {
  access_token: string;
  token_type: "Bearer";
  expires_in: number;
  refresh_token?: string;
  refresh_token_expires_in?: number;
  refresh_token_expires_at?: string;
  id_token?: string;
  scope: string;
  session_id: string;
}

export interface SessionRequest {
  user?: string;
  scope?: string;
  refreshExpiresIn?: number;
  authFlow?: IssuerSession["authFlow"];
  clientId?: string;
  nonce?: string | undefined;
}

export function openSession(issuer: Issuer, options: SessionRequest = {}): IssuerSession {
  const session: IssuerSession = {
    id: `ses_${randomUUID()}`,
    user: options.user ?? "alice",
    clientId: options.clientId ?? "",
    scope: options.scope ?? "offline_access api.read api.write",
    nonce: options.nonce,
    authFlow: options.authFlow ?? "authorization_code",
    authenticatedAt: issuer.now(),
    refreshExpiresAt: issuer.now() + (options.refreshExpiresIn ?? issuer.options.refreshTokenSeconds) * 1000,
    ended: undefined,
  };
  issuer.sessions.set(session.id, session);
  return session;
}

/** Without `withRefresh`, the access token alone. */
export function issueTokens(
  issuer: Issuer,
  session: IssuerSession,
  {
    expiresIn = issuer.options.accessTokenSeconds,
    withRefresh = true,
  }: { expiresIn?: number; withRefresh?: boolean } = {},
): TokenAnswer {
  const access = issuer.mint("access_token", "at");
  issuer.accessTokens.set(access, { session, expiresAt: issuer.now() + expiresIn * 1000, consumed: false });
  const id_token = session.scope.split(" ").includes("openid") ? issuer.idToken(session) : undefined;
  const answer: TokenAnswer = {
    access_token: access,
    token_type: "Bearer",
    expires_in: expiresIn,
    scope: session.scope,
    session_id: session.id,
    ...(id_token !== undefined && { id_token }),
  };
  if (!withRefresh) return answer;
  const refresh = issuer.mint("refresh_token", "rt");
  issuer.refreshTokens.set(refresh, { session, expiresAt: session.refreshExpiresAt, consumed: false });
  return {
    ...answer,
    refresh_token: refresh,
    refresh_token_expires_in: Math.round((session.refreshExpiresAt - issuer.now()) / 1000),
    refresh_token_expires_at: new Date(session.refreshExpiresAt).toISOString(),
  };
}

/**
 * A consumed refresh token proves that two parties hold it, so the session ends (RFC 9700 §4.14.2), unless the issuer
 * is lenient.
 */
export function refreshTokens(issuer: Issuer, presented: string): Answer {
  const { options } = issuer;
  const dead = failure(400, "invalid_grant", { error_description: "refresh token is not valid" });
  const grant = issuer.refreshTokens.get(presented);
  if (grant === undefined) return dead;
  if (grant.consumed) {
    issuer.counters.reuses += 1;
    if (options.reuse === "benign") return failure(409, "refresh_replay_benign_retry", { retry_after: 0 });
    issuer.revoke(grant.session.id);
    return dead;
  }
  if (grant.session.ended !== undefined || grant.expiresAt <= issuer.now()) return dead;
  grant.consumed = options.rotate;
  issuer.counters.refreshes += 1;
  return { status: 200, body: issueTokens(issuer, grant.session, { withRefresh: options.rotate }) };
}

export interface Caller {
  readonly session: IssuerSession;
  readonly user: IssuerUser;
  readonly tokenExpiresAt: number;
}

/** The Bearer header only (RFC 6750 §2.1); an answer means refused. */
export function authenticate(issuer: Issuer, { headers }: FakeRequest): Caller | Answer {
  const token = /^Bearer ([\w.~+/-]+=*)$/i.exec(headers.authorization ?? "")?.[1];
  // RFC 6750 §3.1: no error code for a request without authentication.
  if (token === undefined) return { ...refused("authentication_required"), headers: { "WWW-Authenticate": "Bearer" } };
  const grant = issuer.accessTokens.get(token);
  const user = grant && issuer.users[grant.session.user];
  if (grant === undefined || user === undefined) return refused("invalid_token");
  const { session, expiresAt: tokenExpiresAt } = grant;
  if (session.ended !== undefined) return refused(session.ended);
  if (tokenExpiresAt <= issuer.now()) return refused("access_token_expired");
  return { session, user, tokenExpiresAt };
}

function refused(error: string): Answer {
  return { ...failure(401, error), headers: { "WWW-Authenticate": `Bearer realm="fake", error="${error}"` } };
}

/** Only for callers with a good access token. */
export function authenticated(issuer: Issuer, handler: (caller: Caller, request: FakeRequest) => Answer): Handler {
  return (request) => {
    const caller = authenticate(issuer, request);
    return "status" in caller ? caller : handler(caller, request);
  };
}
