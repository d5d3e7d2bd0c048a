import { bindQueue } from "../../app/account.ts";
import type { App } from "../../app/app.ts";
import { defaultClientId } from "../../app/settings.ts";
import { endReplacedSession } from "../../auth/flows/logout.ts";
import type { KeyHeader } from "../../auth/secure-storage/vault.ts";
import { isAlive, isSameLogin, isSameSession, remainingMs, unknownProfile, type Profile, type Profiles, type Session } from "../../auth/session.ts";
import { isUnopenable, nobody, withProfile } from "../../auth/session-store.ts";
import { AuthError } from "../../base/errors.ts";
import { hint, login } from "../../base/hint.ts";
import { accountName, statusOf } from "../account.ts";
import type { Context } from "../command.ts";
import { duration } from "../format.ts";
import { warnOfOutcome } from "../revocation.ts";

/** Which profile a login is for, and where it goes. */
export interface LoginTarget {
  readonly name: string;
  /** Why what is stored cannot be opened: it will be moved aside. Undefined where it can. */
  readonly unopened: AuthError | undefined;
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
 * @param force - `--force`: what is stored is done without if it cannot be opened, or nobody could get away from a keychain that
 * stays locked
 * @throws AuthError `configuration_invalid` when nothing names a service; NotAuthenticatedError for a profile that only a
 * folder's file names
 */
export async function loginTarget({ identity, settings, store }: App, scope: string | undefined, force: boolean): Promise<LoginTarget> {
  let unopened: AuthError | undefined;
  const profiles = await store.read().catch((error: unknown) => {
    if (!force || !isUnopenable(error)) throw error;
    unopened = error;
    return nobody;
  });
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
    unopened,
    known,
    service,
    clientId: settings.clientId?.value ?? remembered?.clientId ?? defaultClientId,
    issuer,
    // One issuer's scopes are not another's.
    scope: scope ?? (remembered?.issuer === issuer ? remembered?.scope : undefined),
  };
}

/**
 * Has the user agree before a profile changes hands: what runs with this profile would from then on talk to another service, or
 * trust another issuer.
 *
 * @param granted - whether the user has agreed beforehand
 * @throws AuthError `consent_required` when there is no terminal to ask on, or the answer is no
 */
export async function agreedRebinding({ out, terminal, signal }: Context, target: LoginTarget, granted: boolean): Promise<void> {
  const { known, name } = target;
  if (granted || known === undefined || placeOf(known) === placeOf(target)) return;
  const { isInteractive, ask } = await terminal();
  if (!isInteractive) throw rebindingRefused(target, known);
  out.say(`Profile "${name}" belongs to ${placeOf(known)}. This login is at ${placeOf(target)}.`);
  if (!/^y(es)?$/i.test(await ask(`Change the profile to ${placeOf(target)}? [y/N] `, signal))) throw rebindingRefused(target, known);
}

function rebindingRefused(target: LoginTarget, stored: Profile): AuthError {
  const place = placeOf(target);
  return new AuthError("consent_required", `profile "${target.name}" belongs to ${placeOf(stored)}, and the login at ${place} was not agreed to`, {
    hint: hint`To keep both: ${login("NAME")}. To change the profile to ${place}: ${login(target.name, "--yes")}`,
  });
}

/** The service and, where it is another, the issuer, as they are named in a sentence. */
function placeOf({ service, issuer = service }: Pick<Profile, "service" | "issuer">): string {
  return issuer === service ? service : `${service} (issuer ${issuer})`;
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
  /** Ends the session that this one has replaced, at the server that issued it; a failure is a warning. */
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
        const before = stored.profiles.get(name);
        // Another login was faster: the user has agreed to change what the profile was then, not what it is now.
        const isForeign = before !== undefined && placeOf(before) !== placeOf(target) && (known === undefined || placeOf(before) !== placeOf(known));
        if (isForeign) throw rebindingRefused(target, before);
        replaced = before?.session;
        // The first profile is active from the start; a later one when the user switches to it.
        return { ...withProfile(stored, name, profile), active: stored.profiles.has(stored.active) ? stored.active : name };
      };
      const header = key();
      const moved = (path: string): void => out.warn(`the logins that were stored could not be opened (${target.unopened?.message}) and are kept in "${path}"`);
      await app.store.update(add, { ...(header && { key: header }), onSetAside: target.unopened && moved });
      const life = session.accessTokenExpiresAt === undefined ? "" : ` Access token valid for ${duration(remainingMs(session, app.clock.now()))}.`;
      const kept = app.isKept ? "" : " Nothing was stored: the session ends with this command.";
      if (asJson) out.json(statusOf(name, profile, app));
      else out.done(`Logged in as ${accountName(profile)}.${life}${kept}`);
      if (app.isKept) await assignQueue(context, name, profile);
      return accountName(profile);
    },
    // After the new one is stored: if that fails, the old one is all that there is.
    async endReplaced(session) {
      // A server may also answer a second login with the same session: ending that would end this login.
      if (replaced === undefined || isSameSession(replaced, session) || isSameLogin(replaced, session)) return;
      const exchange = { fetch: app.fetch, clock: app.clock, signal: context.signal, timeoutMs: 3_000 };
      warnOfOutcome(out, await endReplacedSession(replaced, exchange), true);
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
