import type { NamedAddress } from "../../auth/flows/named-address.ts";
import type { Client } from "../../auth/oauth/client-authentication.ts";
import { namedProvider, type NamedProvider } from "../../auth/oauth/named-providers.ts";
import { missingScope, scopeNames } from "../../auth/oauth/scope.ts";
import type { Profile, ProfileInUse } from "../../auth/sessions/session.ts";
import { lastLogin } from "../../auth/token-manager/ended-login.ts";
import { isAlive } from "../../auth/token-manager/freshness.ts";
import { AuthError, hint, login } from "../../base/errors.ts";
import type { LoginEnvironment } from "../../platform/browser-or-device.ts";
import { defaultClientId } from "../settings.ts";
import type { LoginArguments } from "./arguments.ts";
import { isOfTool, issuerOf, placeOf } from "./place.ts";

/**
 * Where a login goes, decided before the issuer is asked anything. `login`, `reason`, `signals`: which kind, and why.
 */
export interface Destination extends LoginEnvironment, Pick<ProfileInUse, "name" | "source"> {
  readonly known: Profile | undefined;
  /** The profile, if it has all that is requested, by this machine's clock. */
  readonly already: Profile | undefined;
  /** The account whose login there expired or was revoked: most likely the next one too. */
  readonly expected: string | undefined;
  readonly profile: Omit<Profile, "session">;
  readonly provider: NamedProvider | undefined;
  /** The issuer was named and no client, now or before: one may be registered there. */
  readonly wantsRegistration: boolean;
}

/**
 * Combines options and variables with what the profile saved for that service.
 *
 * @param found - what ADDRESS is, if `addressToAsk` returned one
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
  return open ? environment : because("browser", "--no-browser leaves the browser to you");
}

function requireClient(
  { clientId, clientSecret }: Client,
  { name, needsSecret, documentation }: NamedProvider,
  flow: LoginEnvironment["login"],
): void {
  const again = (...options: string[]): ReturnType<typeof login> => login(undefined, "--provider", name, ...options);
  if (clientId === defaultClientId)
    throw new AuthError("configuration_invalid", `${name} requires a client ID of your own`, {
      hint: hint`Register a client (${documentation}), then run: ${again("--client-id", "ID")}`,
    });
  if (clientSecret === undefined && (needsSecret === "always" || (needsSecret === "browser" && flow === "browser")))
    throw new AuthError("configuration_invalid", `${name} requires the client secret`, {
      hint: hint`Set ${{ variable: "CLIENT_SECRET" }}, or run: ${again("--client-secret-file", "FILE")}`,
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
