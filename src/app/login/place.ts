import type { NamedAddress } from "../../auth/flows/named-address.ts";
import { namedProvider } from "../../auth/oauth/named-providers.ts";
import type { ProtectedResource } from "../../auth/oauth/protected-resource.ts";
import type { Profile } from "../../auth/sessions/session.ts";
import { withoutEndSlashes } from "../../base/address.ts";
import { AuthError, hint, login } from "../../base/errors.ts";
import type { LoginArguments } from "./arguments.ts";

/** The service of a login, and its issuer. */
type Place = Pick<Profile, "service" | "issuer">;

interface FoundPlace extends Place {
  readonly server?: Profile["metadata"];
  readonly resource?: ProtectedResource | undefined;
}

export function placeOf(args: LoginArguments, known: Profile | undefined, found: NamedAddress | undefined): FoundPlace {
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

function placeOfSettings({ settings, identity }: LoginArguments, known: Profile | undefined): FoundPlace {
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
    hint: hint`Name the service: ${login(undefined, "https://service.example")}, or ${{ variable: "SAAS_URL", value: "https://service.example" }}`,
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
function placeOfAddress(address: string, { settings }: LoginArguments, found: NamedAddress): FoundPlace {
  const base = withoutEndSlashes(address);
  const set = settings.service;
  const isOther = set?.source === "--service" && set.value !== base;
  if (found.kind === "resource" && !isOther)
    return { service: base, issuer: found.resource.issuer, resource: found.resource };
  if (found.kind === "issuer")
    return { service: set?.value ?? base, issuer: found.known.server.issuer, server: found.known };
  if (found.kind === "service" && !isOther) return { service: base, issuer: undefined, server: found.known };
  throw new AuthError("usage_invalid", `"${address}" is not an issuer, and --service names another service`, {
    hint: hint`Name one: ${login(undefined, address)}`,
  });
}

/** A tool's author knows its issuer; this says nothing about one that the user names. */
export function isOfTool({ settings: { issuer } }: LoginArguments, place: Place): boolean {
  return issuer?.source === "issuer" && issuer.value === issuerOf(place);
}

export function isSamePlace(one: Place, other: Place): boolean {
  return shownPlace(one) === shownPlace(other);
}

/** For a sentence. */
export function shownPlace(place: Place): string {
  const issuer = issuerOf(place);
  return withoutEndSlashes(issuer) === place.service ? place.service : `${place.service} (issuer ${issuer})`;
}

export function issuerOf({ service, issuer = service }: Place): string {
  return issuer;
}
