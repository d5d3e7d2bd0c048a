import type { App } from "../../app/app.ts";
import { bindQueue } from "../../app/account.ts";
import { endSession } from "../../auth/flows/end-session.ts";
import type { KeyHeader } from "../../auth/secure-storage/vault.ts";
import { isAlive, isSameSession, remainingMs, unknownProfile, type Profile, type Profiles, type Session } from "../../auth/session.ts";
import { withProfile } from "../../auth/session-store.ts";
import { defaultClientId } from "../../app/settings.ts";
import { AuthError } from "../../base/errors.ts";
import { accountName } from "../account.ts";
import type { Context } from "../command.ts";
import { duration } from "../format.ts";
import { statusOf } from "../status.ts";

/** Which profile a login is for, and where it goes. */
export interface LoginTarget {
  readonly name: string;
  /** The profile as it is; undefined when this login makes it. */
  readonly known: Profile | undefined;
  readonly service: string;
  readonly clientId: string;
  readonly issuer: string | undefined;
  readonly scope: string | undefined;
}

/**
 * Finds out where a login goes: what the user says now, else what the profile remembers of that very service.
 *
 * @param scope - `--scope`
 * @throws AuthError `configuration_invalid` when nothing says which service; NotAuthenticatedError for a profile that only a
 * folder's file names
 */
export async function loginTarget({ settings, store }: App, scope: string | undefined): Promise<LoginTarget> {
  const profiles = await store.read();
  const name = settings.profile?.value ?? profiles.active;
  const known = profiles.profiles.get(name);
  if (known === undefined && settings.profile?.mayBeNew === false) throw unknownProfile(name, profiles, settings.profile.source);
  const service = settings.service?.value ?? known?.service;
  if (service === undefined) {
    throw new AuthError("configuration_invalid", "SPEC_KITTY_SAAS_URL is not set, so there is no service to log in to", {
      hint: "export SPEC_KITTY_SAAS_URL=https://service.example, then run: spec-kitty auth login",
    });
  }
  // What a profile remembers of another service says nothing about this one.
  const remembered = known?.service === service ? known : undefined;
  const issuer = settings.issuer?.value ?? remembered?.issuer;
  return {
    name,
    known,
    service,
    clientId: settings.clientId?.value ?? remembered?.clientId ?? defaultClientId,
    issuer,
    // One issuer's scopes are not another's.
    scope: scope ?? (remembered?.issuer === issuer ? remembered?.scope : undefined),
  };
}

/** The profile, if somebody is logged in there already, as far as this machine can tell. */
export function loggedIn({ known, service, issuer }: LoginTarget, now: number): Profile | undefined {
  if (known?.session === undefined || known.service !== service || known.issuer !== issuer) return undefined;
  return isAlive(known.session, now) ? known : undefined;
}

/** What keeps the session of a login. */
export interface ProfileKeeper {
  /** Stores the session and tells the user. Returns how to call the account. */
  store(session: Session): Promise<string>;
  /** Ends the session that this one has replaced, where the service has no way of its own. */
  endReplaced(session: Session): Promise<void>;
}

/**
 * Keeps the session of a login in its profile.
 *
 * @param key - from `agreedKey`
 */
export function profileKeeper(context: Context, target: LoginTarget, { key, asJson }: { key: () => KeyHeader | undefined; asJson: boolean }): ProfileKeeper {
  const { app, out } = context;
  const { name, known, service, issuer, clientId, scope } = target;
  let replaced: Session | undefined;
  return {
    async store(session) {
      const profile: Profile = { service, issuer, clientId, scope, team: known?.service === service ? known.team : undefined, session };
      const add = (stored: Profiles): Profiles => {
        replaced = stored.profiles.get(name)?.session;
        // The first profile is active from the start; a later one when the user switches to it.
        return { ...withProfile(stored, name, profile), active: stored.profiles.has(stored.active) ? stored.active : name };
      };
      const header = key();
      await app.store.update(add, header && { key: header });
      const life = session.accessTokenExpiresAt === undefined ? "" : ` Access token valid for ${duration(remainingMs(session, app.clock.now()))}.`;
      const kept = app.isKept ? "" : " Nothing was kept: the session ends with this command.";
      if (asJson) out.json(statusOf(name, profile, app));
      else out.done(`Logged in as ${accountName(profile)}.${life}${kept}`);
      if (app.isKept) await giveQueue(context, name, profile);
      return accountName(profile);
    },
    // After the new one is stored: should that fail, the old one is all that there is. The service's own sessions are left to
    // end by themselves, as the service has it.
    async endReplaced(session) {
      if (replaced?.server.revocation_endpoint === undefined || replaced.server.logout_endpoint !== undefined || isSameSession(replaced, session)) return;
      for (const { token, error } of await endSession(replaced, { fetch: app.fetch, clock: app.clock, timeoutMs: 3_000 })) {
        if (error) out.warn(`the ${token.replace("_", " ")} of the login before this one could not be revoked (${error.message}): it may live on until it expires`);
      }
    },
  };
}

/** What waits in the queue since before the first login is this account's from now on, even if another is the first to send. */
async function giveQueue({ app, out }: Context, name: string, profile: Profile): Promise<void> {
  try {
    await bindQueue(app, name, profile);
  } catch (error) {
    // The login itself is done.
    out.warn(`the queue cannot be written, so events that wait in it are not this account's yet: ${error instanceof Error ? error.message : String(error)}`);
  }
}
