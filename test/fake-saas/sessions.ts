import { randomUUID } from "node:crypto";
import { failure } from "./http.ts";
import type { Answer, FakeRequest } from "./http.ts";
import type { FakeSession } from "./records.ts";
import type { FakeState } from "./state.ts";
import type { UserName } from "./users.ts";

/** The token endpoint's 200. `refresh_token` and its expiry are absent where the service does not rotate. */
export interface TokenResponse {
  access_token: string;
  token_type: "Bearer";
  expires_in: number;
  refresh_token?: string;
  refresh_token_expires_in?: number;
  refresh_token_expires_at?: string;
  scope: string;
  session_id: string;
}

/** What a session made without a browser may vary. */
export interface IssueOptions {
  user?: UserName;
  scope?: string;
  /** Life of the access token in seconds; default the service's. Zero and less: issued expired. */
  expiresIn?: number;
  refreshExpiresIn?: number;
  authFlow?: FakeSession["authFlow"];
}

/** Opens a session for someone who has just logged in. */
export function openSession(state: FakeState, options: IssueOptions = {}): FakeSession {
  const session: FakeSession = {
    id: `ses_${randomUUID()}`,
    user: options.user ?? "alice",
    scope: options.scope ?? "offline_access api.read api.write",
    authFlow: options.authFlow ?? "authorization_code",
    authenticatedAt: state.now(),
    refreshExpiresAt: state.now() + (options.refreshExpiresIn ?? state.options.refreshTokenSeconds) * 1000,
    ended: undefined,
  };
  state.sessions.set(session.id, session);
  return session;
}

/** Issues a pair of tokens; without `withRefresh`, the access token alone. */
export function issueTokens(
  state: FakeState,
  session: FakeSession,
  { expiresIn = state.options.accessTokenSeconds, withRefresh = true } = {},
): TokenResponse {
  const access = state.mint("access_token", "at");
  state.accessTokens.set(access, { session, expiresAt: state.now() + expiresIn * 1000, consumed: false });
  const answer: TokenResponse = {
    access_token: access,
    token_type: "Bearer",
    expires_in: expiresIn,
    scope: session.scope,
    session_id: session.id,
  };
  if (!withRefresh) return answer;
  const refresh = state.mint("refresh_token", "rt");
  state.refreshTokens.set(refresh, { session, expiresAt: session.refreshExpiresAt, consumed: false });
  return {
    ...answer,
    refresh_token: refresh,
    refresh_token_expires_in: Math.round((session.refreshExpiresAt - state.now()) / 1000),
    refresh_token_expires_at: new Date(session.refreshExpiresAt).toISOString(),
  };
}

/**
 * One use of a refresh token. A consumed one is proof that two parties hold it, so the whole session ends
 * (RFC 9700 §4.14.2) unless the service is told to be lenient.
 */
export function refreshTokens(state: FakeState, presented: string): Answer {
  const dead = failure(state.options.invalidGrantStatus, "invalid_grant", {
    error_description: "refresh token is not valid",
  });
  const grant = state.refreshTokens.get(presented);
  if (grant === undefined) return dead;
  if (grant.consumed) {
    state.counters.reuses += 1;
    if (state.options.reuse === "benign") return failure(409, "refresh_replay_benign_retry", { retry_after: 0 });
    state.revoke(grant.session.id);
    return dead;
  }
  if (grant.session.ended !== undefined || grant.expiresAt <= state.now()) return dead;
  grant.consumed = state.options.rotate;
  state.counters.refreshes += 1;
  return { status: 200, body: issueTokens(state, grant.session, { withRefresh: state.options.rotate }) };
}

/** Who is asking, and with which token. */
export interface Caller {
  readonly session: FakeSession;
  readonly user: UserName;
  readonly tokenExpiresAt: number;
}

/** Judges the Bearer token (RFC 6750 §2.1, the header only); an answer means refused. */
export function authenticate(state: FakeState, request: FakeRequest): Caller | Answer {
  const token = /^Bearer ([\w.~+/-]+=*)$/i.exec(request.headers.authorization ?? "")?.[1];
  // RFC 6750 §3.1: a request with no authentication at all is told the scheme and no error code.
  if (token === undefined) return { ...refused("authentication_required"), headers: { "WWW-Authenticate": "Bearer" } };
  const grant = state.accessTokens.get(token);
  if (grant === undefined) return refused("invalid_token");
  if (grant.session.ended !== undefined) return refused(grant.session.ended);
  if (grant.expiresAt <= state.now()) return refused("access_token_expired");
  return { session: grant.session, user: grant.session.user, tokenExpiresAt: grant.expiresAt };
}

function refused(error: string): Answer {
  return { ...failure(401, error), headers: { "WWW-Authenticate": `Bearer realm="fake-saas", error="${error}"` } };
}

/** Whether that team is one of the user's. */
export function isMember(state: FakeState, user: UserName, team: string): boolean {
  return state.users[user].teams.some(({ id }) => id === team);
}
