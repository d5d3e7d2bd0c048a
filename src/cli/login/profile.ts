import { bindQueue } from "../../app/account.ts";
import { defaultClientId, type Settings } from "../../app/settings.ts";
import { endReplacedSession } from "../../auth/flows/logout.ts";
import { identifyAddress } from "../../auth/flows/named-address.ts";
import type { KeyHeader } from "../../auth/secure-storage/vault.ts";
import type { KnownServer } from "../../auth/oauth/authorization-server.ts";
import { missingScope, scopeNames } from "../../auth/oauth/scope.ts";
import { isAlive, isSameLogin, isSameSession, remainingMs, type Profile, type Profiles, type Session } from "../../auth/session.ts";
import { withProfile } from "../../auth/session-store.ts";
import { parseIssuer } from "../../base/address.ts";
import { AuthError } from "../../base/errors.ts";
import { hint, login } from "../../base/hint.ts";
import type { Identity } from "../../base/identity.ts";
import type { ExchangeOptions } from "../../http/request.ts";
import { accountName, endOfSession, statusOf } from "../account.ts";
import { usageError, type Context } from "../command.ts";
import { duration } from "../format.ts";
import { warnOfOutcome } from "../revocation.ts";

/** Which profile a login is for, and where it goes. */
export interface LoginTarget {
  readonly name: string;
  /** The folder that the profile was chosen for, if it was. */
  readonly here: string | undefined;
  /** The stored profile; undefined when this login creates it. */
  readonly known: Profile | undefined;
  readonly service: string;
  readonly clientId: string;
  /** Undefined: the service is its own. */
  readonly issuer: string | undefined;
  readonly scope: string | undefined;
  /** The profile, if it is logged in already with all that is asked for, as far as this machine can tell, and `--force` was not given. */
  readonly already: Profile | undefined;
  /** The server, where it was asked what it is, to find out where the login goes, or for the login before. */
  readonly server: KnownServer | undefined;
}

/** What the user typed that decides where a login goes, apart from the settings. */
export interface LoginWords {
  /** `ADDRESS`: the service, or the issuer. */
  readonly address: string | undefined;
  /** `--scope`. */
  readonly scope: string | undefined;
  /** `--force`: the login starts anew, whatever was granted before. */
  readonly force: boolean;
}

/**
 * Decides where a login goes: what the user typed and the variables say, else what the profile remembers of that very service.
 *
 * @throws AuthError `configuration_invalid` when nothing names a service; ServiceError when it is not known yet what ADDRESS is, and
 * cannot be found out
 */
export async function loginTarget({ app, identity, signal }: Context, { address, scope: asked, force }: LoginWords): Promise<LoginTarget> {
  const { settings, store, fetch, clock } = app;
  const profiles = await store.read();
  const name = settings.profile?.value ?? profiles.active;
  const known = profiles.profiles.get(name);
  const { service, issuer, server } =
    address === undefined
      ? placeOfSettings(settings, known, identity)
      : await placeOfAddress(parseIssuer(address, "ADDRESS"), settings, known, { fetch, clock, signal });
  // What a profile remembers of another service says nothing about this one.
  const remembered = known?.service === service ? known : undefined;
  // One issuer's scopes are not another's.
  const same = remembered !== undefined && issuerOf(remembered) === issuerOf({ service, issuer }) ? remembered : undefined;
  const alive = same?.session !== undefined && !force && isAlive(same.session, clock.now()) ? same.session : undefined;
  return {
    name,
    here: settings.profile === undefined ? profiles.here : undefined,
    known,
    service,
    issuer,
    server: server ?? knownServer(same, issuer),
    clientId: settings.clientId?.value ?? remembered?.clientId ?? defaultClientId,
    scope: asked !== undefined && alive ? union(same?.scope ?? alive.scope, asked) : (asked ?? same?.scope),
    already: alive && (asked === undefined || missingScope(asked, alive) === undefined) ? same : undefined,
  };
}

/** What the profile knows of the server. That a service has no metadata does not count once the user calls it an issuer. */
function knownServer(profile: Profile | undefined, issuer: string | undefined): KnownServer | undefined {
  const { metadata } = profile ?? {};
  return issuer === undefined || metadata?.isDiscovered ? metadata : undefined;
}

/** Scopes of a login that is to grant more than the one before it, and not something else. */
function union(before: string, asked: string): string {
  return [...new Set([...scopeNames(before), ...scopeNames(asked)])].join(" ");
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
 * @param request - from `prepareLogin`
 */
export function loginStorage(
  context: Context,
  target: LoginTarget,
  { key, request, asJson }: { key: () => KeyHeader | undefined; request: KnownServer; asJson: boolean },
): LoginStorage {
  const { app, out } = context;
  const { name, known, service, issuer, clientId, scope } = target;
  let replaced: Session | undefined;
  return {
    async store(session) {
      const { server, isDiscovered, askedAt } = request;
      const metadata = askedAt === undefined ? undefined : { server, isDiscovered, askedAt };
      const profile: Profile = { service, issuer, metadata, clientId, scope, team: known?.service === service ? known.team : undefined, session };
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
      const ends = session.refreshToken === undefined ? ` There is no refresh token: ${endOfSession(session, app.clock.now())}.` : "";
      const kept = app.isKept ? "" : " Nothing was stored: the session ends with this command.";
      if (asJson) out.json(statusOf(name, profile, app, target.here));
      else out.done(`Logged in as ${accountName(profile)}.${life}${ends}${kept}`);
      if (session.missingScope !== undefined) out.warn(`less was granted than was asked for: not ${session.missingScope}`);
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
