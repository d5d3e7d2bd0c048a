import { identifyAddress } from "../../auth/flows/named-address.ts";
import { defaultAuthorizationServer, type KnownServer } from "../../auth/oauth/authorization-server.ts";
import { discoverAuthorizationServer } from "../../auth/oauth/discovery.ts";
import { isIssuerOf } from "../../auth/oauth/named-providers.ts";
import { isUnopenable } from "../../auth/sessions/store.ts";
import { isTransient, type AuthError } from "../../base/errors.ts";
import type { ExchangeOptions } from "../../http/request.ts";
import type { App } from "../app.ts";
import type { LoginArguments } from "./arguments.ts";
import { destination, type Destination } from "./destination.ts";
import { addressToAsk, isOfTool } from "./place.ts";
import { plan, type LoginPlan } from "./plan.ts";

export interface LoginStart {
  readonly args: LoginArguments;
  readonly to: Destination;
  /** Why the storage cannot be opened; undefined where it can. */
  readonly unopened: AuthError | undefined;
}

/** Reads the profile, and finds out what ADDRESS is. */
export async function startLogin(app: App, args: LoginArguments, signal?: AbortSignal): Promise<LoginStart> {
  let unopened: AuthError | undefined;
  const inUse = await app.profileInUse({ mayBeNew: true }).catch((error: unknown) => {
    if (args.setAside !== true || !isUnopenable(error)) throw error;
    unopened = error;
    return { ...app.tokens().named, profile: undefined };
  });
  const asked = addressToAsk(args, inUse.profile);
  const address = asked === undefined ? undefined : await identifyAddress(asked, app.exchange(signal));
  return { args, to: destination(args, inUse, address), unopened };
}

export async function plannedLogin(app: App, { args, to }: LoginStart, signal?: AbortSignal): Promise<LoginPlan> {
  return plan(args, to, await findServer(args, to, app.exchange(signal)));
}

/** Endpoints rarely move. */
const maxAgeMs = 86_400_000;

/**
 * An issuer must publish metadata: nothing else says where its endpoints are, and guesses would fail only in the
 * browser. A service without any has the default endpoints, on the same host, over the same TLS.
 */
async function findServer(
  args: LoginArguments,
  { profile, provider }: Destination,
  exchange: ExchangeOptions,
): Promise<KnownServer> {
  const { service, issuer, metadata: known } = profile;
  if (provider?.server !== undefined) return { server: provider.server, isDiscovered: true, askedAt: undefined };
  const now = exchange.clock.now();
  const age = now - (known?.askedAt ?? Number.NEGATIVE_INFINITY);
  if (known !== undefined && age >= 0 && age < maxAgeMs) return known;
  const accepts = provider && ((found: string) => isIssuerOf(provider, found));
  const discovery = await discoverAuthorizationServer(issuer ?? service, exchange, accepts);
  if (discovery.server !== undefined) return { server: discovery.server, isDiscovered: true, askedAt: now };
  const isTrouble = isTransient(discovery.reason);
  // Yesterday's metadata is a better guess than none.
  if (isTrouble && known?.isDiscovered) return known;
  if (issuer !== undefined || (isTrouble && isOfTool(args, profile))) throw discovery.reason;
  return { server: defaultAuthorizationServer(service), isDiscovered: false, askedAt: isTrouble ? undefined : now };
}
