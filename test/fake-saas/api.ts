import { failure } from "../../src/app/testing/http.ts";
import { jsonOf } from "./http.ts";
import type { Answer, FakeRequest } from "../../src/app/testing/http.ts";
import { authenticated } from "../../src/app/testing/sessions.ts";
import type { Route } from "../../src/app/testing/http.ts";
import { isMember } from "./users.ts";
import type { Caller } from "../../src/app/testing/sessions.ts";
import type { IssuerSession } from "../../src/app/testing/issuer.ts";
import type { FakeState } from "./state.ts";

export function apiRoutes(state: FakeState): Route[] {
  return [
    ["GET", "/api/v1/me", authenticated(state, (caller) => ({ status: 200, body: describe(caller) }))],
    ["POST", "/api/v1/logout", authenticated(state, ({ session }) => logout(state, session))],
    ["POST", /^\/api\/v1\/ws-token\/?$/, authenticated(state, (caller, request) => ticket(state, caller, request))],
    ["GET", "/api/v1/sync/health/", authenticated(state, () => health(state))],
    ["*", "/api/v1/echo", authenticated(state, (_, request) => echo(request))],
  ];
}

function describe({ session, user, tokenExpiresAt }: Caller): object {
  const iso = (at: number): string => new Date(at).toISOString();
  return {
    ...user,
    session_id: session.id,
    authenticated_at: iso(session.authenticatedAt),
    access_token_expires_at: iso(tokenExpiresAt),
    refresh_token_expires_at: iso(session.refreshExpiresAt),
    auth_flow: session.authFlow,
  };
}

function logout(state: FakeState, session: IssuerSession): Answer {
  session.ended = "session_invalid";
  state.counters.logouts += 1;
  return { status: 200, body: { status: "logged_out", session_id: session.id } };
}

function ticket(state: FakeState, { session, user }: Caller, request: FakeRequest): Answer {
  const team = jsonOf(request)?.["team_id"];
  if (typeof team !== "string") return failure(400, "invalid_request");
  if (!Object.values(state.users).some(({ teams }) => teams.some(({ id }) => id === team))) {
    return failure(404, "team_not_found");
  }
  if (!isMember(user, team)) return failure(403, "not_a_team_member");
  const value = state.mint("ws_token", "wt");
  const expiresAt = state.now() + state.options.ticketSeconds * 1000;
  state.tickets.set(value, { session, team, expiresAt, consumed: false });
  state.counters.tickets += 1;
  return {
    status: 200,
    body: {
      ws_token: value,
      ws_url: `${state.url.replace(/^http/, "ws")}/ws`,
      expires_in: state.options.ticketSeconds,
      session_id: session.id,
    },
  };
}

function health({ limits }: FakeState): Answer {
  return {
    status: 200,
    body: {
      status: "ok",
      sync_ingress: {
        limits: { max_events_per_batch: limits.maxEvents, max_decompressed_bytes_per_batch: limits.maxBytes },
      },
    },
  };
}

function echo({ method, path, query, headers, body }: FakeRequest): Answer {
  const shown = { ...headers, authorization: "Bearer …" };
  return { status: 200, body: { method, path, query: [...query], headers: shown, body } };
}
