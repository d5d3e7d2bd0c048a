import { bindQueue } from "../../app/account.ts";
import { defaultClientId, type Settings } from "../../app/settings.ts";
import type { KnownServer } from "../../auth/flows/login-request.ts";
import { endReplacedSession } from "../../auth/flows/logout.ts";
import { identifyAddress } from "../../auth/flows/named-address.ts";
import type { KeyHeader } from "../../auth/secure-storage/vault.ts";
import { isAlive, isSameLogin, isSameSession, remainingMs, unknownProfile, type Profile, type Profiles, type Session } from "../../auth/session.ts";
import { withProfile } from "../../auth/session-store.ts";
import { parseIssuer } from "../../base/address.ts";
import { AuthError } from "../../base/errors.ts";
import { hint, login } from "../../base/hint.ts";
import type { Identity } from "../../base/identity.ts";
import type { ExchangeOptions } from "../../http/request.ts";
import { accountName, statusOf } from "../account.ts";
import { usageError, type Context } from "../command.ts";
import { duration } from "../format.ts";
import { warnOfOutcome } from "../revocation.ts";

/** Which profile a login is for, and where it goes. */
export interface LoginTarget {
  readonly name: string;
  /** The stored profile; undefined when this login creates it. */
  readonly known: Profile | undefined;
  readonly service: string;
  readonly clientId: string;
  /** Undefined: the service is its own. */
  readonly issuer: string | undefined;
  readonly scope: string | undefined;
  /** Hosts that the user has agreed to, see `--trust-host`. */
  readonly trustedHosts: readonly string[];
  readonly redirectPath: string | undefined;
  /** The server, where it was asked what it is, to find out where the login goes. */
  readonly server: KnownServer | undefined;
}

/** What the user typed that decides where a login goes, apart from the settings. */
export interface LoginWords {
  /** `ADDRESS`: the service, or the issuer. */
  readonly address: string | undefined;
  /** `--scope`. */
  readonly scope: string | undefined;
  /** `--trust-host`. */
  readonly trustedHosts: readonly string[];
  /** `--redirect-path`. */
  readonly redirectPath: string | undefined;
}

/**
 * Decides where a login goes: what the user typed and the variables say, else what the profile remembers of that very service.
 *
 * @throws AuthError `configuration_invalid` when nothing names a service; NotAuthenticatedError for a profile that only a
 * folder's file names; ServiceError when it is not known yet what ADDRESS is, and cannot be found out
 */
export async function loginTarget({ app, identity, signal }: Context, { address, scope, trustedHosts, redirectPath }: LoginWords): Promise<LoginTarget> {
  const { settings, store, fetch, clock } = app;
  const profiles = await store.read();
  const name = settings.profile?.value ?? profiles.active;
  const known = profiles.profiles.get(name);
  if (known === undefined && settings.profile?.mayBeNew === false) throw unknownProfile(name, profiles, settings.profile.source);
  const { service, issuer, server } =
    address === undefined
      ? placeOfSettings(settings, known, identity)
      : await placeOfAddress(parseIssuer(address, "ADDRESS"), settings, known, { fetch, clock, signal });
  // What a profile remembers of another service says nothing about this one.
  const remembered = known?.service === service ? known : undefined;
  // What one issuer wants or is trusted with says nothing about another.
  const sameIssuer = remembered !== undefined && issuerOf(remembered) === issuerOf({ service, issuer }) ? remembered : undefined;
  return {
    name,
    known,
    service,
    issuer,
    server,
    clientId: settings.clientId?.value ?? remembered?.clientId ?? defaultClientId,
    scope: scope ?? sameIssuer?.scope,
    redirectPath: redirectPath ?? sameIssuer?.redirectPath,
    trustedHosts: [...new Set([...(sameIssuer?.trustedHosts ?? []), ...trustedHosts])],
  };
}

/** Where a login goes, and the server if it was asked. */
type Place = Pick<Profile, "service" | "issuer"> & { readonly server?: KnownServer | undefined };

function placeOfSettings(settings: Settings, known: Profile | undefined, { variable }: Identity): Place {
  const issuer = settings.issuer?.value;
  // One address is enough: a service whose issuer the user names, and nothing else, is the issuer's own.
  const own = issuer === undefined || known?.issuer === issuer ? known?.service : issuer.replace(/\/+$/, "");
  const service = settings.service?.value ?? own;
  const remembered = known?.service === service ? known : undefined;
  // Where the service was named by other means as well, that is what it is, with or without metadata.
  const isService = issuer === service && (settings.service !== undefined || remembered !== undefined);
  if (service !== undefined) return { service, issuer: isService ? undefined : (issuer ?? remembered?.issuer) };
  throw new AuthError("configuration_invalid", `${variable("SAAS_URL")} is not set, so there is no service to log in to`, {
    hint: hint`Name it: ${login(undefined, "https://service.example")}, or ${{ variable: "SAAS_URL", value: "https://service.example" }}`,
  });
}

/**
 * An issuer's tokens are for the service that is set, if there is one, else for the issuer itself; any other address is the service.
 * What the profile knows is not asked again.
 */
async function placeOfAddress(address: string, settings: Settings, known: Profile | undefined, exchange: ExchangeOptions): Promise<Place> {
  if (settings.issuer !== undefined) throw usageError("ADDRESS and --issuer both name the issuer", hint`Name one: ${login(undefined, address)}`);
  const bare = (text: string | undefined): string | undefined => text?.replace(/\/+$/, "");
  const base = bare(address) ?? address;
  const set = settings.service;
  const isKnown = known !== undefined && (known.service === base || (bare(known.issuer) === base && (set === undefined || set.value === known.service)));
  if (isKnown && (set?.source !== "--service" || set.value === known.service)) return { service: known.service, issuer: known.issuer };
  const { kind, known: server } = await identifyAddress(address, exchange);
  if (kind === "issuer") return { service: set?.value ?? base, issuer: server.server.issuer, server };
  if (set?.source !== "--service" || set.value === base) return { service: base, issuer: undefined, server };
  throw usageError(`ADDRESS is "${address}", which is not an issuer, and --service names another service`, hint`Name one: ${login(undefined, address)}`);
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
function placeOf(place: Pick<Profile, "service" | "issuer">): string {
  const issuer = issuerOf(place);
  return issuer.replace(/\/+$/, "") === place.service ? place.service : `${place.service} (issuer ${issuer})`;
}

function issuerOf({ service, issuer = service }: Pick<Profile, "service" | "issuer">): string {
  return issuer;
}

/** The profile, if it is logged in already, as far as this machine can tell. */
export function loggedIn(target: LoginTarget, now: number): Profile | undefined {
  const { known, service } = target;
  if (known?.session === undefined || known.service !== service || issuerOf(known) !== issuerOf(target)) return undefined;
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
 * @param how - `key` from `agreedKey`; `trustedHosts` for the profile to remember
 */
export function loginStorage(
  context: Context,
  target: LoginTarget,
  { key, trustedHosts, asJson }: { key: () => KeyHeader | undefined; trustedHosts: readonly string[]; asJson: boolean },
): LoginStorage {
  const { app, out } = context;
  const { name, known, service, issuer, clientId, scope, redirectPath } = target;
  let replaced: Session | undefined;
  return {
    async store(session) {
      const trusted = trustedHosts.length > 0 ? trustedHosts : undefined;
      const profile: Profile = { service, issuer, clientId, scope, redirectPath, trustedHosts: trusted, team: known?.service === service ? known.team : undefined, session };
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
      await app.store.update(add, header && { key: header });
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
