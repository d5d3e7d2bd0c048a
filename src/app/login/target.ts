import { identifyAddress } from "../../auth/flows/named-address.ts";
import type { KnownServer } from "../../auth/oauth/authorization-server.ts";
import { namedProvider, type ChosenProvider } from "../../auth/oauth/named-providers.ts";
import type { ProtectedResource } from "../../auth/oauth/protected-resource.ts";
import { missingScope, scopeNames } from "../../auth/oauth/scope.ts";
import { isAlive } from "../../auth/token-manager/current-session.ts";
import { nobody, type Profile } from "../../auth/session.ts";
import { isUnopenable } from "../../auth/session-store.ts";
import { parseIssuer, withoutEndSlashes } from "../../base/address.ts";
import { AuthError, hint, login } from "../../base/errors.ts";
import type { Secret } from "../../base/secret.ts";
import type { Identity } from "../../base/identity.ts";
import type { ExchangeOptions } from "../../http/request.ts";
import type { App } from "../app.ts";
import { defaultClientId, type Settings } from "../settings.ts";
import type { LoginOptions } from "./options.ts";

/** Which profile a login is for, and where it goes: what the profile will remember of it, and why. */
export interface LoginTarget extends Omit<Required<Profile>, "metadata" | "team" | "session" | "trustedHosts"> {
  readonly name: string;
  /** Who named the profile, see {@link NamedProfile}. */
  readonly source: string;
  /** Why what is stored cannot be opened: it will be moved aside. Undefined where it can. */
  readonly unopened: AuthError | undefined;
  /** The stored profile; undefined when this login creates it. */
  readonly known: Profile | undefined;
  readonly trustedHosts: readonly string[];
  /** Whether nobody has named a client, and the issuer was named, so that a client may be registered there. */
  readonly wantsRegistration: boolean;
  /** The profile, if it is logged in already with all that is asked for, as far as this machine can tell, and `force` is false. */
  readonly already: Profile | undefined;
  /** The server, if it was asked what it is: to find out where this login goes, or for the previous one. */
  readonly server: KnownServer | undefined;
}

/** What the user typed that decides where a login goes, apart from the settings. */
export interface LoginWords {
  /** `ADDRESS`: the service, or the issuer. */
  readonly address?: string | undefined;
  readonly provider?: ChosenProvider | undefined;
  /** What is asked for this time. */
  readonly scope: string | undefined;
  /** From a file that the user named. */
  readonly clientSecret?: Secret | undefined;
  readonly signal: LoginOptions["signal"];
  /** The login starts over, whatever was granted before. */
  readonly force: boolean;
  readonly setAside: LoginOptions["setAside"];
}

/**
 * Decides where a login goes: what the user typed and the variables say, else what the profile remembers about that service.
 *
 * @throws AuthError `configuration_invalid` when nothing names a service; ServiceError when it is not known yet what ADDRESS is, and
 * cannot be found out
 */
export async function loginTarget(
  app: App,
  { address, provider, scope, clientSecret, force, setAside, signal }: LoginWords,
): Promise<LoginTarget> {
  const { identity, settings, store, fetch, clock } = app;
  const asked = scope ?? settings.scope;
  let unopened: AuthError | undefined;
  const profiles = await store.read().catch((error: unknown) => {
    if (setAside !== true || !isUnopenable(error)) throw error;
    unopened = error;
    return nobody;
  });
  const { name, source, profile: known } = app.tokens().pinProfile(profiles);
  const { service, issuer, server, resource }: Place =
    provider !== undefined
      ? placeOfProvider(provider, address, settings)
      : address === undefined
        ? placeOfSettings(settings, known, identity)
        : await placeOfAddress(parseIssuer(address, "ADDRESS"), settings, known, { fetch, clock, signal });
  // What a profile remembers of another service says nothing about this one.
  const remembered = known?.service === service ? known : undefined;
  // What one issuer wants or is trusted with says nothing about another.
  const same =
    remembered !== undefined && issuerOf(remembered) === issuerOf({ service, issuer }) ? remembered : undefined;
  const alive = same?.session !== undefined && !force && isAlive(same.session, clock.now()) ? same.session : undefined;
  const chosen = provider ?? same?.provider;
  const named = chosen && namedProvider(chosen);
  // A client that this program has registered belongs to its issuer; one that the user named may be known to several.
  const own = remembered?.registeredUntil === undefined ? remembered : same;
  const isOwn = own?.registeredUntil !== undefined && settings.clientId === undefined;
  const isSpent = isOwn && (force || (own.registeredUntil !== 0 && own.registeredUntil <= clock.now()));
  const clientId = settings.clientId?.value ?? (isSpent ? undefined : own?.clientId) ?? defaultClientId;
  return {
    name,
    unopened,
    source,
    known,
    service,
    issuer,
    server: server ?? knownServer(same, issuer),
    clientId,
    // It belongs to this client at this issuer, and goes nowhere else.
    clientSecret:
      clientSecret ?? settings.clientSecret ?? (same?.clientId === clientId ? same.clientSecret : undefined),
    provider: chosen,
    resource: resource?.resource ?? same?.resource,
    registeredUntil: isOwn && !isSpent ? own.registeredUntil : undefined,
    wantsRegistration:
      clientId === defaultClientId && settings.clientId === undefined && issuer !== undefined && chosen === undefined,
    scope:
      asked !== undefined && alive
        ? union(same?.scope ?? alive.scope, asked)
        : (asked ?? same?.scope ?? named?.scope ?? resource?.scope),
    trustedHosts: [...new Set([...(same?.trustedHosts ?? []), ...(named?.hosts ?? [])])],
    redirectPath: same?.redirectPath ?? (chosen && `/callback/${chosen.name}`),
    already: alive && (asked === undefined || missingScope(asked, alive) === undefined) ? same : undefined,
  };
}

/** What the profile knows about the server. That a service has no metadata does not count once the user calls it an issuer. */
function knownServer(profile: Profile | undefined, issuer: string | undefined): KnownServer | undefined {
  const { metadata } = profile ?? {};
  return issuer === undefined || metadata?.isDiscovered ? metadata : undefined;
}

/** Scopes of a login that is to grant more than the one before it, and not something else. */
function union(before: string, asked: string): string {
  return [...new Set([...scopeNames(before), ...scopeNames(asked)])].join(" ");
}

/** A provider's tokens are for its own API, unless the user says otherwise in the same command. */
function placeOfProvider(provider: ChosenProvider, address: string | undefined, { issuer, service }: Settings): Place {
  if (address !== undefined || issuer?.source === "--issuer") {
    const what = address === undefined ? "--issuer" : "ADDRESS";
    const nameOne = { hint: hint`Name one: ${login(undefined, "--provider", provider.name)}` };
    throw new AuthError("usage_invalid", `--provider and ${what} both name the issuer`, nameOne);
  }
  const named = namedProvider(provider);
  return { service: service?.source === "--service" ? service.value : named.service, issuer: named.issuer };
}

/** Where a login goes, and the server if it was asked. */
type Place = Pick<Profile, "service" | "issuer"> & {
  readonly server?: KnownServer | undefined;
  readonly resource?: ProtectedResource | undefined;
};

function placeOfSettings(settings: Settings, known: Profile | undefined, { variable }: Identity): Place {
  const issuer = settings.issuer?.value;
  // One address is enough: a service whose issuer the user names, and nothing else, is the issuer's own.
  const own = issuer === undefined || known?.issuer === issuer ? known?.service : withoutEndSlashes(issuer);
  const service = settings.service?.value ?? own;
  const remembered = known?.service === service ? known : undefined;
  // Where the service was named by other means as well, that is what it is, with or without metadata. An issuer that the profile knows as
  // one stays one: its redirect path is its own (S-011), and the only one that it knows.
  const isKnownService = remembered !== undefined && remembered.issuer === undefined;
  const isService = issuer === service && (settings.service !== undefined || isKnownService);
  if (service !== undefined) return { service, issuer: isService ? undefined : (issuer ?? remembered?.issuer) };
  throw new AuthError(
    "configuration_invalid",
    `${variable("SAAS_URL")} is not set, so there is no service to log in to`,
    {
      hint: hint`Name it: ${login(undefined, "https://service.example")}, or ${{ variable: "SAAS_URL", value: "https://service.example" }}`,
    },
  );
}

/**
 * An issuer's tokens are for the service that is set, if there is one, else for the issuer itself; any other address is the service.
 * What the profile knows is not asked again.
 */
async function placeOfAddress(
  address: string,
  settings: Settings,
  known: Profile | undefined,
  exchange: ExchangeOptions,
): Promise<Place> {
  const nameOne = { hint: hint`Name one: ${login(undefined, address)}` };
  if (settings.issuer?.source === "--issuer")
    throw new AuthError("usage_invalid", "ADDRESS and --issuer both name the issuer", nameOne);
  const bare = (text: string | undefined): string | undefined => text && withoutEndSlashes(text);
  const base = bare(address) ?? address;
  const set = settings.service;
  const isKnown =
    known !== undefined &&
    (known.service === base || (bare(known.issuer) === base && (set === undefined || set.value === known.service)));
  if (isKnown && (set?.source !== "--service" || set.value === known.service))
    return { service: known.service, issuer: known.issuer };
  const found = await identifyAddress(address, exchange);
  const isOther = set?.source === "--service" && set.value !== base;
  if (found.kind === "resource" && !isOther)
    return { service: base, issuer: found.resource.issuer, resource: found.resource };
  if (found.kind === "issuer")
    return { service: set?.value ?? base, issuer: found.known.server.issuer, server: found.known };
  if (found.kind === "service" && !isOther) return { service: base, issuer: undefined, server: found.known };
  throw new AuthError(
    "usage_invalid",
    `ADDRESS is "${address}", which is not an issuer, and --service names another service`,
    nameOne,
  );
}

/**
 * Has the user agree before a profile changes hands: what runs with this profile would from then on talk to another service, or
 * trust another issuer. Throws `consent_required` when there is nobody to ask, or the answer is no.
 */
export async function agreedRebinding(target: LoginTarget, onConsent: LoginOptions["onConsent"]): Promise<void> {
  const { known, name: profile } = target;
  if (known === undefined || isSamePlace(known, target)) return;
  if (!(await onConsent?.({ about: "profile", profile, from: placeOf(known), to: placeOf(target) })))
    throw rebindingRefused(target, known);
}

/** The error for a login that would take a profile to another place without its user's consent. */
export function rebindingRefused(target: LoginTarget, stored: Profile): AuthError {
  const place = placeOf(target);
  return new AuthError(
    "consent_required",
    `profile "${target.name}" belongs to ${placeOf(stored)}, and the login at ${place} was not agreed to`,
    {
      hint: hint`To keep both: ${login("NAME")}. To change the profile to ${place}: ${login(target.name, "--yes")}`,
    },
  );
}

/** Whether two logins are at one service with the tokens of one issuer. */
export function isSamePlace(
  one: Pick<Profile, "service" | "issuer">,
  other: Pick<Profile, "service" | "issuer">,
): boolean {
  return placeOf(one) === placeOf(other);
}

/** The service and, where it is another, the issuer, as they are named in a sentence. */
function placeOf(place: Pick<Profile, "service" | "issuer">): string {
  const issuer = issuerOf(place);
  return withoutEndSlashes(issuer) === place.service ? place.service : `${place.service} (issuer ${issuer})`;
}

function issuerOf({ service, issuer = service }: Pick<Profile, "service" | "issuer">): string {
  return issuer;
}
