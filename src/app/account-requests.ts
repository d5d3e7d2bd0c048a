import { originOf } from "./account.ts";
import type { App } from "./app.ts";
import { tokensOfAccount } from "../auth/account-tokens.ts";
import { createAuthorizedFetch, type AuthorizedFetch } from "../auth/authorized-fetch.ts";
import { userOfToken } from "../auth/flows/check-session.ts";
import type { UserInfo } from "../auth/oauth/user-info.ts";
import { defaultTeam } from "../auth/sessions/session.ts";
import { notLoggedIn } from "../auth/token-manager/ended-login.ts";
import { AuthError, hint } from "../base/errors.ts";
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
  return { service, user: user.id, team: defaultTeam({ session: user })?.id ?? null, label: user.email ?? user.name };
}

/** Asks the service who owns a token from elsewhere. */
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
      `${app.identity.variable("SAAS_URL")} is not set: no service to ask for the owner of the token`,
      {
        hint: hint`${{ variable: "SAAS_URL", value: "https://service.example" }}`,
      },
    );
  }
  const credential = await app.tokens().getCredential(signal && { signal });
  const exchange = { fetch: app.fetch, clock: app.clock, signal };
  return { service, user: await userOfToken(credential, tokenSource, service, exchange) };
}

export function fetchAs({ tokens, clock, fetch }: App, account: Account): AuthorizedFetch {
  return createAuthorizedFetch({ tokens: tokensOfAccount(tokens(), account), clock, fetch });
}
