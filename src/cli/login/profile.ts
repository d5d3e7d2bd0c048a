import { bindQueue } from "../../app/account.ts";
import type { App } from "../../app/app.ts";
import { defaultClientId } from "../../app/settings.ts";
import { endSession } from "../../auth/flows/end-session.ts";
import type { KeyHeader } from "../../auth/secure-storage/vault.ts";
import { isAlive, isSameSession, remainingMs, unknownProfile, type Profile, type Profiles, type Session } from "../../auth/session.ts";
import { withProfile } from "../../auth/session-store.ts";
import { AuthError } from "../../base/errors.ts";
import { hint, login } from "../../base/hint.ts";
import { accountName, statusOf } from "../account.ts";
import type { Context } from "../command.ts";
import { duration } from "../format.ts";
import { warnOfRevocations } from "../revocation.ts";

/** Which profile a login is for, and where it goes. */
export interface LoginTarget {
  readonly name: string;
  /** The stored profile; undefined when this login creates it. */
  readonly known: Profile | undefined;
  readonly service: string;
  readonly clientId: string;
  readonly issuer: string | undefined;
  readonly scope: string | undefined;
}

/**
 * Decides where a login goes: what options and variables say, else what the profile remembers of that very service.
 *
 * @param scope - `--scope`
 * @throws AuthError `configuration_invalid` when nothing names a service; NotAuthenticatedError for a profile that only a
 * folder's file names
 */
export async function loginTarget({ identity, settings, store }: App, scope: string | undefined): Promise<LoginTarget> {
  const profiles = await store.read();
  const name = settings.profile?.value ?? profiles.active;
  const known = profiles.profiles.get(name);
  if (known === undefined && settings.profile?.mayBeNew === false) throw unknownProfile(name, profiles, settings.profile.source);
  const service = settings.service?.value ?? known?.service;
  if (service === undefined) {
    throw new AuthError("configuration_invalid", `${identity.variable("SAAS_URL")} is not set, so there is no service to log in to`, {
      hint: hint`${{ variable: "SAAS_URL", value: "https://service.example" }}, then run: ${login()}`,
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

/** The profile, if it is logged in already, as far as this machine can tell. */
export function loggedIn({ known, service, issuer }: LoginTarget, now: number): Profile | undefined {
  if (known?.session === undefined || known.service !== service || known.issuer !== issuer) return undefined;
  return isAlive(known.session, now) ? known : undefined;
}

/** What happens to the session of a login. */
export interface LoginStorage {
  /** Stores the session and tells the user. Returns the account's name. */
  store(session: Session): Promise<string>;
  /** Ends the session that this one has replaced, if its tokens have to be revoked one by one. */
  endReplaced(session: Session): Promise<void>;
}

/**
 * Stores the session of a login in its profile.
 *
 * @param key - from `agreedKey`
 */
export function loginStorage(context: Context, target: LoginTarget, { key, asJson }: { key: () => KeyHeader | undefined; asJson: boolean }): LoginStorage {
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
      const kept = app.isKept ? "" : " Nothing was stored: the session ends with this command.";
      if (asJson) out.json(statusOf(name, profile, app));
      else out.done(`Logged in as ${accountName(profile)}.${life}${kept}`);
      if (app.isKept) await assignQueue(context, name, profile);
      return accountName(profile);
    },
    // After the new one is stored: if that fails, the old one is all that there is. A service with a logout of its own is left to
    // end the session that was replaced by itself.
    async endReplaced(session) {
      if (replaced?.server.revocation_endpoint === undefined || replaced.server.logout_endpoint !== undefined || isSameSession(replaced, session)) return;
      warnOfRevocations(out, await endSession(replaced, { fetch: app.fetch, clock: app.clock, timeoutMs: 3_000 }), " of the previous login");
    },
  };
}

/** Events that were queued before the first login belong to this account from now on, even if another is the first to send. */
async function assignQueue({ app, out }: Context, name: string, profile: Profile): Promise<void> {
  try {
    await bindQueue(app, name, profile);
  } catch (error) {
    // The login itself is done.
    const reason = error instanceof Error ? error.message : String(error);
    out.warn(`the queue cannot be written, so the events in it are not assigned to this account yet: ${reason}`);
  }
}
