import { isDeepStrictEqual } from "node:util";
import { NotAuthenticatedError, hint, login } from "../../base/errors.ts";
import { invalidAnswer, type ExchangeOptions } from "../../http/request.ts";
import { resourceFetch } from "../oauth/dpop-fetch.ts";
import { userInfoRequest, userInfoResponse, type UserInfo } from "../oauth/user-info.ts";
import type { Credential } from "../sessions/session.ts";
import type { SessionStore } from "../sessions/store.ts";
import { presentToken, refusable } from "../present-token.ts";
import type { TokenManager } from "../token-manager/token-manager.ts";
import type { TokenSource } from "../token-manager/token-source.ts";

/**
 * Asks the service whether a session is valid, and stores its user and teams.
 *
 * @returns false if no endpoint names the user and there is nothing to refresh
 */
export async function checkSession({
  store,
  tokens,
  exchange,
}: {
  store: SessionStore;
  tokens: TokenManager;
  exchange: ExchangeOptions;
}): Promise<boolean> {
  const { signal } = exchange;
  const first = await tokens.getSession({ signal });
  // Without such an endpoint, a refresh shows that the session is valid.
  const endpoint = first.server.userinfo_endpoint;
  if (endpoint === undefined) {
    if (first.refreshToken !== undefined) await tokens.refresh({ signal });
    return first.refreshToken !== undefined;
  }
  const { response, credential: session } = await presentToken(first, {
    send: (asking) => ask(asking, endpoint, exchange).then(refusable),
    renew: (rejected) => tokens.getSession({ rejected, signal }),
    ended: (token) => tokens.sessionRefused(token),
    clock: exchange.clock,
  });
  if (response.status === 401) {
    throw new NotAuthenticatedError("the session has ended", {
      code: "session_ended",
      hint: hint`Run: ${login(tokens.profile, "--force")}`,
    });
  }
  const { teams, ...user } = await userInfoResponse(response);
  if (user.id !== session.user.id) throw invalidAnswer(response, "names a different user than the login");
  if (isDeepStrictEqual({ user, teams }, { user: session.user, teams: session.teams })) return true;
  const stored = await store.read(tokens.profile);
  if (stored.profile?.session?.refreshes !== session.refreshes || stored.profile.session.id !== session.id) return true;
  // The holder of the claim is about to store the old user: the next check gets another chance.
  const claim = await store.claim(stored, { timeoutMs: 3_000, whileAtWorkMs: 3_000 });
  await claim?.store({ ...session, user, teams });
  return true;
}

/**
 * For an access token of no session here.
 *
 * @throws {@link NotAuthenticatedError} when it is refused
 */
export async function userOfToken(
  credential: Credential,
  { origin, kind }: TokenSource,
  endpoint: string,
  exchange: ExchangeOptions,
): Promise<UserInfo> {
  const response = await ask(credential, endpoint, exchange);
  if (response.status !== 401) return userInfoResponse(response);
  throw new NotAuthenticatedError(`the service rejects the access token from ${origin}`, {
    hint: hint`${kind === "given" ? `Set ${origin} to a new token. ` : ""}To use the login instead: ${{ set: origin, value: null }}`,
  });
}

function ask(credential: Credential, endpoint: string, exchange: ExchangeOptions): Promise<Response> {
  return userInfoRequest(endpoint, credential.accessToken, { ...exchange, fetch: resourceFetch(credential, exchange) });
}
