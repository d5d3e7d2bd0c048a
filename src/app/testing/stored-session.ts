import { newLoginId, type Session } from "../../auth/sessions/session.ts";
import { Secret } from "../../base/secret.ts";
import type { Issuer } from "./issuer.ts";
import type { TokenAnswer } from "./sessions.ts";

/** As stored by a login for these tokens, issued now. */
export function sessionOfTokens(issuer: Issuer, tokens: TokenAnswer): Session {
  const { user: name = "", clientId = "", authFlow = "token" } = issuer.sessions.get(tokens.session_id) ?? {};
  const { user_id: id = name, email, name: called, teams = [] } = issuer.users[name] ?? {};
  const now = issuer.now();
  return {
    id: newLoginId(),
    refreshes: 0,
    server: issuer.endpoints,
    clientId,
    accessToken: new Secret(tokens.access_token),
    tokenType: "Bearer",
    refreshToken: new Secret(tokens.refresh_token),
    scope: tokens.scope,
    ...(tokens.id_token !== undefined && { idToken: { sub: id }, signedIdToken: new Secret(tokens.id_token) }),
    issuedAt: now,
    accessTokenExpiresAt: now + tokens.expires_in * 1000,
    refreshTokenExpiresAt: tokens.refresh_token_expires_at,
    clockOffsetMs: 0,
    sessionId: tokens.session_id,
    user: { id, ...(email !== undefined && { email }), ...(called !== undefined && { name: called }) },
    teams: teams.map(({ id, name = id, role, is_private_teamspace: isPrivateTeamspace = false }) => ({
      id,
      name,
      ...(role !== undefined && { role }),
      isPrivateTeamspace,
    })),
    authFlow,
    authenticatedAt: now,
  };
}
