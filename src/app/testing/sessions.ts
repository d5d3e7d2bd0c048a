import { randomUUID } from "node:crypto";
import { failure, type Answer, type FakeRequest, type Handler } from "./http.ts";
import type { Issuer, IssuerSession, IssuerUser } from "./issuer.ts";

/** The 200 of the token endpoint. */
export interface TokenAnswer {
  access_token: string;
  token_type: "Bearer";
  expires_in: number;
  refresh_token: string;
  refresh_token_expires_in: number;
  refresh_token_expires_at: string;
  id_token?: string;
  scope: string;
  session_id: string;
}

export type SessionRequest = Pick<IssuerSession, "user" | "clientId" | "scope"> &
  Partial<Pick<IssuerSession, "nonce" | "authFlow">>;

export function openSession(
  issuer: Issuer,
  { user, clientId, scope, nonce, authFlow = "authorization_code" }: SessionRequest,
): IssuerSession {
  const session: IssuerSession = {
    id: `ses_${randomUUID()}`,
    user,
    clientId,
    scope,
    nonce,
    authFlow,
    authenticatedAt: issuer.now(),
    refreshExpiresAt: issuer.now() + issuer.options.refreshTokenSeconds * 1000,
    ended: undefined,
  };
  issuer.sessions.set(session.id, session);
  return session;
}

export function issueTokens(
  issuer: Issuer,
  session: IssuerSession,
  expiresIn: number = issuer.options.accessTokenSeconds,
): TokenAnswer {
  const access = issuer.mint("access_token", "at");
  issuer.accessTokens.set(access, { session, expiresAt: issuer.now() + expiresIn * 1000, consumed: false });
  const refresh = issuer.mint("refresh_token", "rt");
  issuer.refreshTokens.set(refresh, { session, expiresAt: session.refreshExpiresAt, consumed: false });
  const id_token = session.scope.split(" ").includes("openid") ? issuer.idToken(session) : undefined;
  return {
    access_token: access,
    token_type: "Bearer",
    expires_in: expiresIn,
    scope: session.scope,
    session_id: session.id,
    ...(id_token !== undefined && { id_token }),
    refresh_token: refresh,
    refresh_token_expires_in: Math.round((session.refreshExpiresAt - issuer.now()) / 1000),
    refresh_token_expires_at: new Date(session.refreshExpiresAt).toISOString(),
  };
}

/** A consumed refresh token proves that two parties hold it, so the session ends (RFC 9700 §4.14.2). */
export function refreshTokens(issuer: Issuer, presented: string): Answer {
  const dead = failure(400, "invalid_grant", { error_description: "refresh token is not valid" });
  const grant = issuer.refreshTokens.get(presented);
  if (grant === undefined) return dead;
  if (grant.consumed) {
    issuer.revoke(grant.session.id);
    return dead;
  }
  if (grant.session.ended !== undefined || grant.expiresAt <= issuer.now()) return dead;
  grant.consumed = true;
  return { status: 200, body: issueTokens(issuer, grant.session) };
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
