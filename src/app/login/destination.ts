import type { NamedAddress } from "../../auth/flows/named-address.ts";
import type { Client } from "../../auth/oauth/client-authentication.ts";
import { namedProvider, type ChosenProvider, type NamedProvider } from "../../auth/oauth/named-providers.ts";
import type { ProtectedResource } from "../../auth/oauth/protected-resource.ts";
import { missingScope, scopeNames } from "../../auth/oauth/scope.ts";
import type { Profile, ProfileInUse } from "../../auth/sessions/session.ts";
import { lastLogin } from "../../auth/token-manager/ended-login.ts";
import { isAlive } from "../../auth/token-manager/freshness.ts";
import { withoutEndSlashes } from "../../base/address.ts";
import { AuthError, hint, login } from "../../base/errors.ts";
import type { Secret } from "../../base/secret.ts";
import type { LoginEnvironment } from "../../platform/browser-or-device.ts";
import type { App } from "../app.ts";
import { defaultClientId } from "../settings.ts";
import type { LoginCallbacks, LoginOptions } from "./options.ts";

/** The input of a login. `clientSecret`: from a file that the user named. */
export interface LoginArguments
  extends Omit<LoginOptions, keyof LoginCallbacks>,
    Pick<App, "identity" | "settings" | "tool">,
    Pick<Client, "clientSecret"> {
  readonly address?: string | undefined;
  readonly provider?: ChosenProvider | undefined;
  /** A token of a login made elsewhere: no browser, no code. */
  readonly token?: Secret | undefined;
  readonly force: boolean;
  readonly environment: LoginEnvironment;
  readonly now: number;
}

/**
 * Where a login goes, decided before the issuer is asked anything. `login`, `reason`, `signals`: which kind, and why.
 */
export interface Destination extends LoginEnvironment, Pick<ProfileInUse, "name" | "source"> {
  readonly known: Profile | undefined;
  /** The profile, if it has all that is requested, by this machine's clock. */
  readonly already: Profile | undefined;
  /** The account whose login there expired or was revoked: most likely the next one too. */
  readonly expected: string | undefined;
  /** What will be saved. */
  readonly profile: Omit<Profile, "session">;
  readonly provider: NamedProvider | undefined;
  /** The issuer was named and no client, now or before: one may be registered there. */
  readonly wantsRegistration: boolean;
}

/**
 * Combines options and variables with what the profile saved for that service.
 *
 * @param found - what ADDRESS is, if {@link addressToAsk} returned one
 */
export function destination(
  args: LoginArguments,
  { name, source, profile: known }: ProfileInUse,
  found: NamedAddress | undefined,
): Destination {
  const { settings, tool, now, force } = args;
  const place = placeOf(args, known, found);
  const { service, issuer, resource } = place;
  // What is saved for another service says nothing about this one.
  const remembered = known?.service === service ? known : undefined;
  // What one issuer is trusted with says nothing about another.
  const same = remembered !== undefined && issuerOf(remembered) === issuerOf(place) ? remembered : undefined;
  const alive = same?.session !== undefined && !force && isAlive(same.session, now) ? same.session : undefined;
  const chosen = args.provider ?? same?.provider;
  const provider = chosen && namedProvider(chosen);
  // A client registered by this program belongs to its issuer; one that the user named may be known to several.
  const own = remembered?.registeredUntil === undefined ? remembered : same;
  const isOwn = own?.registeredUntil !== undefined && settings.clientId === undefined;
  const isSpent = isOwn && (force || (own.registeredUntil !== 0 && own.registeredUntil <= now));
  const clientId = settings.clientId?.value ?? (isSpent ? undefined : own?.clientId) ?? defaultClientId;
  // Bound to this client at this issuer.
  const clientSecret =
    args.clientSecret ?? settings.clientSecret ?? (same?.clientId === clientId ? same.clientSecret : undefined);
  const asked = args.scope ?? settings.scope;
  const trusted = [same?.trustedHosts, provider?.hosts, args.trustedHosts, isOfTool(args, place) && tool.trustedHosts];
  const profile = {
    service,
    issuer,
    provider: chosen,
    metadata: place.server ?? knownServer(same, issuer),
    resource: resource?.resource ?? same?.resource,
    clientId,
    clientSecret,
    registeredUntil: isOwn && !isSpent ? own.registeredUntil : undefined,
    scope:
      asked !== undefined && alive
        ? union(same?.scope ?? alive.scope, asked)
        : (asked ?? same?.scope ?? provider?.scope ?? resource?.scope),
    trustedHosts: [...new Set(trusted.flatMap((hosts) => hosts || []))],
    redirectPath: args.redirectPath ?? same?.redirectPath ?? (chosen && `/callback/${chosen.name}`),
    team: remembered?.team,
  };
  const already = alive && (asked === undefined || missingScope(asked, alive) === undefined) ? same : undefined;
  const needsCode =
    provider?.needsSecret === "browser" && clientSecret === undefined
      ? `${provider.name} requires a client secret for a login in the browser`
      : undefined;
  const choice = chosenLogin(args, needsCode);
  if (provider !== undefined && already === undefined) requireClient(profile, provider, choice.login);
  const isUsed = same !== undefined && !isSpent;
  const wantsRegistration =
    clientId === defaultClientId &&
    settings.clientId === undefined &&
    (issuer !== undefined || isOfTool(args, place)) &&
    chosen === undefined &&
    !isUsed;
  const last = lastLogin(same, now);
  // After a logout another user may come.
  const expected = last?.reason === "logout" ? undefined : last?.user.email;
  return { name, source, ...choice, known, already, expected, profile, provider, wantsRegistration };
}

export function chosenLogin(
  { flow, open = true, environment }: Pick<LoginArguments, "flow" | "open" | "environment">,
  needsCode?: string,
): LoginEnvironment {
  const because = (login: LoginEnvironment["login"], reason: string): LoginEnvironment => ({
    login,
    reason,
    signals: [],
  });
  if (flow !== undefined)
    return because(flow, flow === "device" ? "--headless requests it" : "the program requests it");
  if (needsCode !== undefined) return because("device", needsCode);
  return open ? environment : because("browser", "--no-browser requests it, and you open the browser yourself");
}

function requireClient(
  { clientId, clientSecret }: Client,
  { name, needsSecret, documentation }: NamedProvider,
  flow: LoginEnvironment["login"],
): void {
  const again = (...options: string[]): ReturnType<typeof login> => login(undefined, "--provider", name, ...options);
  if (clientId === defaultClientId)
    throw new AuthError("configuration_invalid", `${name} requires a client ID of your own`, {
      hint: hint`Register a client, see ${documentation}, then run: ${again("--client-id", "ID")}`,
    });
  if (clientSecret === undefined && (needsSecret === "always" || (needsSecret === "browser" && flow === "browser")))
    throw new AuthError("configuration_invalid", `${name} requires the client secret`, {
      hint: hint`Set ${{ variable: "CLIENT_SECRET" }}, or run: ${again("--client-secret-file", "FILE")}`,
    });
}

type Place = Pick<Profile, "service" | "issuer"> & {
  readonly server?: Profile["metadata"];
  readonly resource?: ProtectedResource | undefined;
};

function placeOf(args: LoginArguments, known: Profile | undefined, found: NamedAddress | undefined): Place {
  const { address, provider, settings } = args;
  // A provider's tokens are for its own API, unless the user names another.
  if (provider !== undefined) {
    const { service, issuer } = namedProvider(provider);
    return { service: settings.service?.source === "--service" ? settings.service.value : service, issuer };
  }
  if (address === undefined) return placeOfSettings(args, known);
  return found === undefined
    ? { service: known?.service ?? address, issuer: known?.issuer }
    : placeOfAddress(address, args, found);
}

function placeOfSettings({ settings, identity }: LoginArguments, known: Profile | undefined): Place {
  const issuer = settings.issuer?.value;
  // One URL is enough: an issuer named alone is its own service.
  const own = issuer === undefined || known?.issuer === issuer ? known?.service : withoutEndSlashes(issuer);
  const service = settings.service?.value ?? own;
  const remembered = known?.service === service ? known : undefined;
  // A service named by other means is one, with or without metadata. A known issuer stays one: its redirect path is its
  // own (S-011), and the only one registered.
  const isKnownService = remembered !== undefined && remembered.issuer === undefined;
  const isService = issuer === service && (settings.service !== undefined || isKnownService);
  if (service !== undefined) return { service, issuer: isService ? undefined : (issuer ?? remembered?.issuer) };
  const variable = identity.variable("SAAS_URL");
  throw new AuthError("configuration_invalid", `${variable} is not set: there is no service to log in to`, {
    hint: hint`Set it: ${login(undefined, "https://service.example")}, or ${{ variable: "SAAS_URL", value: "https://service.example" }}`,
  });
}

/** ADDRESS, if the profile does not know what it is. */
export function addressToAsk(
  { address, provider, settings }: LoginArguments,
  known: Profile | undefined,
): string | undefined {
  const { issuer, service } = settings;
  const names = [
    provider && { word: "--provider", again: ["--provider", provider.name] },
    address && { word: "URL", again: [address] },
    issuer?.source === "--issuer" && { word: "--issuer", again: [] },
  ].filter((name) => typeof name === "object");
  const [one, other] = names;
  if (one !== undefined && other !== undefined)
    throw new AuthError("usage_invalid", `${one.word} and ${other.word} cannot be used together`, {
      hint: hint`Name one: ${login(undefined, ...one.again)}`,
    });
  if (address === undefined) return undefined;
  const base = withoutEndSlashes(address);
  const isKnown =
    known !== undefined &&
    (known.service === base ||
      (known.issuer !== undefined &&
        withoutEndSlashes(known.issuer) === base &&
        (service === undefined || service.value === known.service)));
  return isKnown && (service?.source !== "--service" || service.value === known.service) ? undefined : address;
}

/** An issuer's tokens are for the configured service, else for itself; any other URL is the service. */
function placeOfAddress(address: string, { settings }: LoginArguments, found: NamedAddress): Place {
  const base = withoutEndSlashes(address);
  const set = settings.service;
  const isOther = set?.source === "--service" && set.value !== base;
  if (found.kind === "resource" && !isOther)
    return { service: base, issuer: found.resource.issuer, resource: found.resource };
  if (found.kind === "issuer")
    return { service: set?.value ?? base, issuer: found.known.server.issuer, server: found.known };
  if (found.kind === "service" && !isOther) return { service: base, issuer: undefined, server: found.known };
  throw new AuthError("usage_invalid", `URL is "${address}", not an issuer, and --service names another service`, {
    hint: hint`Name one: ${login(undefined, address)}`,
  });
}

/** A service saved without metadata does not count once the user calls it an issuer. */
function knownServer(profile: Profile | undefined, issuer: string | undefined): Profile["metadata"] {
  return issuer === undefined || profile?.metadata?.isDiscovered ? profile?.metadata : undefined;
}

/** For a login that is to grant more, not something else. */
function union(before: string, asked: string): string {
  return [...new Set([...scopeNames(before), ...scopeNames(asked)])].join(" ");
}

/** A tool's author knows its issuer; this says nothing about one that the user names. */
export function isOfTool(
  { settings: { issuer } }: LoginArguments,
  place: Pick<Profile, "service" | "issuer">,
): boolean {
  return issuer?.source === "issuer" && issuer.value === issuerOf(place);
}

export function isSamePlace(
  one: Pick<Profile, "service" | "issuer">,
  other: Pick<Profile, "service" | "issuer">,
): boolean {
  return shownPlace(one) === shownPlace(other);
}

/** For a sentence. */
export function shownPlace(place: Pick<Profile, "service" | "issuer">): string {
  const issuer = issuerOf(place);
  return withoutEndSlashes(issuer) === place.service ? place.service : `${place.service} (issuer ${issuer})`;
}

function issuerOf({ service, issuer = service }: Pick<Profile, "service" | "issuer">): string {
  return issuer;
}
