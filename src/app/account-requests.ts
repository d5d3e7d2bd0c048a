import { accountOf, originOf } from "./account.ts";
import type { App } from "./app.ts";
import { tokensOfAccount } from "../auth/account-tokens.ts";
import { createAuthorizedFetch, type AuthorizedFetch } from "../auth/authorized-fetch.ts";
import { userOfToken } from "../auth/flows/check-session.ts";
import { defaultAuthorizationServer } from "../auth/oauth/authorization-server.ts";
import { discoverAuthorizationServer } from "../auth/oauth/discovery.ts";
import type { UserInfo } from "../auth/oauth/user-info.ts";
import type { TokenSource } from "../auth/token-manager/token-source.ts";
import { notLoggedIn } from "../auth/token-manager/ended-login.ts";
import { AuthError, hint, isTransient } from "../base/errors.ts";
import type { ExchangeOptions } from "../http/request.ts";
import type { Account, Origin } from "../sync/queue.ts";

/** Throws when not logged in. */
export async function accountInUse(app: App, signal?: AbortSignal): Promise<Account> {
  const origin = await originOf(app);
  const account = origin.account ?? (await accountOfToken(app, origin, signal));
  return account ?? noAccount(app);
}

async function noAccount({ profileInUse, clock }: App): Promise<never> {
  const { name, profile } = await profileInUse({ mayBeNew: true });
  throw notLoggedIn(name, profile, clock.now());
}

/** The account of a token from elsewhere; undefined for a stored session. */
export async function accountOfToken(
  app: App,
  origin: Origin,
  signal: AbortSignal | undefined,
): Promise<Account | undefined> {
  if (app.tokenSource === undefined) return undefined;
  const { service, user } = await ownerOfToken(app, signal, origin);
  return accountOf({ service, team: undefined, session: { user, teams: user.teams } });
}

export async function ownerOfToken(
  app: App,
  signal: AbortSignal | undefined,
  origin?: Origin,
): Promise<{ service: string; user: UserInfo }> {
  const { service } = origin ?? (await originOf(app));
  const { tokenSource } = app;
  if (tokenSource === undefined) return noAccount(app);
  if (service === null) {
    throw new AuthError(
      "configuration_invalid",
      `${app.identity.variable("SAAS_URL")} is not set: no service can name the owner of the token`,
      { hint: hint`Set it: ${{ variable: "SAAS_URL", value: "https://service.example" }}` },
    );
  }
  const exchange = app.exchange(signal);
  const endpoint = await endpointOfUser(app, service, tokenSource, exchange);
  const credential = await app.tokens().getCredential({ signal });
  return { service, user: await userOfToken(credential, tokenSource, endpoint, exchange) };
}

/** What names the user: the issuer that was named, by its metadata, or the API of the default service. */
async function endpointOfUser(
  { settings: { issuer } }: App,
  service: string,
  { origin }: TokenSource,
  exchange: ExchangeOptions,
): Promise<string> {
  const ofService = defaultAuthorizationServer(service).userinfo_endpoint;
  if (issuer === undefined) return ofService;
  const discovery = await discoverAuthorizationServer(issuer.value, exchange);
  if (discovery.server === undefined) {
    if (isTransient(discovery.reason)) throw discovery.reason;
    return ofService;
  }
  const { userinfo_endpoint } = discovery.server;
  if (userinfo_endpoint !== undefined) return userinfo_endpoint;
  throw new AuthError(
    "configuration_invalid",
    `"${issuer.value}" has no UserInfo endpoint to name the owner of the token`,
    { hint: hint`To use the login instead: ${{ set: origin, value: null }}` },
  );
}

export function fetchAs({ tokens, clock, fetch }: App, account: Account): AuthorizedFetch {
  return createAuthorizedFetch({ tokens: tokensOfAccount(tokens(), account), clock, fetch });
}
