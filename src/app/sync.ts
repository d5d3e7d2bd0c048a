import { hostname } from "node:os";
import { join } from "node:path";
import type { App } from "./app.ts";
import { userOfToken } from "../auth/flows/check-session.ts";
import { defaultAuthorizationServer } from "../auth/oauth/authorization-server.ts";
import { tokensOfAccount } from "../auth/account-tokens.ts";
import { createAuthorizedFetch, type AuthorizedFetch } from "../auth/authorized-fetch.ts";
import { defaultTeam, notLoggedIn, type Profile } from "../auth/session.ts";
import { AuthError } from "../base/errors.ts";
import { userName } from "../platform/user-name.ts";
import { nodeId } from "../sync/events.ts";
import { type Account, type Origin, SyncQueue } from "../sync/queue.ts";
import { SyncRuntime, type SyncRuntimeOptions } from "../sync/runtime.ts";

/** What the caller of {@link createSync} may say about the synchronisation. */
export type SyncOptions = Pick<SyncRuntimeOptions, "context" | "live" | "intervalMs" | "keepAlive" | "onNotice">;

/**
 * The synchronisation of an app: its queue beside the session, its requests through the authorized fetch.
 *
 * @param app - from `createApp`
 */
export function createSync(app: App, options: SyncOptions = {}): SyncRuntime {
  return new SyncRuntime({
    ...options,
    folder: queueFolder(app),
    fetch: (account) => fetchAs(app, account),
    clock: app.clock,
    nodeId: nodeId(hostname(), userName()),
    origin: () => originOf(app),
    owner: (origin, signal) => ownerOf(app, origin, signal),
  });
}

/**
 * Gives an account what was emitted before its profile ever had one. To be called after a login.
 *
 * @param name - the profile's
 * @param profile - with the session that was just stored
 * @throws AuthError when the queue cannot be written
 */
export async function bindQueue(app: App, name: string, profile: Profile): Promise<void> {
  const account = accountOf(profile);
  if (account) await new SyncQueue(queueFolder(app), app.clock).bind(name, account);
}

/**
 * Whose name this app acts in now.
 *
 * @param app - from `createApp`
 * @param signal - ends the question to the service, which a token of the environment leads to
 * @throws NotAuthenticatedError when nobody is logged in; what the service answers when it is asked
 */
export async function accountInUse(app: App, signal?: AbortSignal): Promise<Account> {
  const origin = await originOf(app);
  const account = origin.account ?? (await ownerOf(app, origin, signal));
  if (account === undefined) throw notLoggedIn(origin.profile);
  return account;
}

/** The authorized fetch with the tokens of an account, and no other's. */
export function fetchAs(app: App, account: Account): AuthorizedFetch {
  return createAuthorizedFetch({ tokens: tokensOfAccount(app.tokens(), account), clock: app.clock, fetch: app.fetch });
}

/** The folder of what waits to be sent. */
export function queueFolder({ folder }: App): string {
  return join(folder, "queue");
}

/** Who is logged in now, and so to whom an event belongs that is emitted now, as far as that is known without asking anybody. */
async function originOf({ settings, store, tokens }: App): Promise<Origin> {
  const { active, profiles } = await store.read();
  const profile = tokens().settle(active);
  const known = profiles.get(profile);
  // A token of the environment goes before the session that is stored, and may be another user's: what is emitted under it
  // waits under its own name until a flush has asked whose it is. The next token may be yet another user's.
  if (settings.accessToken) return { profile: `token ${settings.accessToken.fingerprint()}`, service: settings.service?.value ?? known?.service ?? null, account: undefined };
  return { profile, service: known?.service ?? settings.service?.value ?? null, account: known && accountOf(known) };
}

function accountOf(profile: Profile): Account | undefined {
  const { service, session } = profile;
  if (session === undefined) return undefined;
  return { service, user: session.user.id, team: defaultTeam(profile)?.id ?? null, label: session.user.email ?? session.user.name };
}

/** Whose the token of the environment is: only the service can say. Undefined when there is no such token. */
async function ownerOf({ settings, fetch, clock }: App, { service }: Origin, signal: AbortSignal | undefined): Promise<Account | undefined> {
  if (settings.accessToken === undefined) return undefined;
  if (service === null) {
    throw new AuthError("configuration_invalid", "SPEC_KITTY_SAAS_URL is not set, so there is no service to ask whose the token is", {
      hint: "export SPEC_KITTY_SAAS_URL=https://service.example",
    });
  }
  const { userinfo_endpoint = "" } = defaultAuthorizationServer(service);
  const { id, email, name, teams } = await userOfToken(settings.accessToken, userinfo_endpoint, { fetch, clock, signal });
  return { service, user: id, team: defaultTeam({ session: { teams } })?.id ?? null, label: email ?? name };
}
