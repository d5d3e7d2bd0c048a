import { isDeepStrictEqual } from "node:util";
import { NotAuthenticatedError } from "../../base/errors.ts";
import type { Secret } from "../../base/secret.ts";
import { invalidAnswer, type ExchangeOptions } from "../../http/request.ts";
import { userInfoRequest, userInfoResponse, type UserInfo } from "../oauth/user-info.ts";
import { boundFetch } from "../oauth/dpop-fetch.ts";
import { loginCommand, type Session } from "../session.ts";
import type { SessionStore } from "../session-store.ts";
import type { TokenManager } from "../token-manager/token-manager.ts";

/**
 * Asks the service whether a session is still good, after one refresh where the token is over or refused, and stores what
 * the service says now of its user and teams.
 *
 * @throws {@link NotAuthenticatedError} when it is not; {@link ServiceError} when the service cannot be asked, or names
 * another user than the one who logged in; {@link AuthError} `storage_…`
 */
export async function checkSession({ store, tokens, exchange }: { store: SessionStore; tokens: TokenManager; exchange: ExchangeOptions }): Promise<void> {
  const wait = exchange.signal && { signal: exchange.signal };
  let session = await tokens.getSession({ ...wait });
  // Nobody to ask whose it is, where an ID token was all there was: that it can be refreshed says that it is good.
  if (session.server.userinfo_endpoint === undefined) return void (await tokens.refresh({ ...wait }));
  let response = await ask(session, exchange);
  if (response.status === 401) {
    await response.body?.cancel();
    session = await tokens.getSession({ rejected: session.accessToken.reveal(), ...wait });
    response = await ask(session, exchange);
  }
  if (response.status === 401) {
    throw new NotAuthenticatedError("the service does not take this session any more", { code: "session_ended", hint: `Run: ${loginCommand(tokens.profile)} --force` });
  }
  const { teams, ...user } = await userInfoResponse(response);
  if (user.id !== session.user.id) throw invalidAnswer(response, "named another user than the one who logged in");
  if (isDeepStrictEqual({ user, teams }, { user: session.user, teams: session.teams })) return;
  await store.replaceSession(tokens.profile, session, { ...session, user, teams });
}

/**
 * Asks the service whose access token this is, one that belongs to no session here.
 *
 * @param endpoint - `userinfo_endpoint` of the service
 * @throws {@link NotAuthenticatedError} when the service refuses it; {@link ServiceError} when it cannot be asked
 */
export async function whoseToken(accessToken: Secret, endpoint: string, exchange: ExchangeOptions): Promise<UserInfo> {
  const response = await userInfoRequest(endpoint, accessToken, exchange);
  if (response.status !== 401) return userInfoResponse(response);
  throw new NotAuthenticatedError("the service does not take the token in SPEC_KITTY_ACCESS_TOKEN", {
    hint: "Put a new one there, or use the login: unset SPEC_KITTY_ACCESS_TOKEN",
  });
}

function ask(session: Session, exchange: ExchangeOptions): Promise<Response> {
  return userInfoRequest(session.server.userinfo_endpoint ?? "", session.accessToken, { ...exchange, fetch: boundFetch(session, exchange) });
}
