import { browserLogin } from "../../auth/flows/browser-login.ts";
import { deviceLogin } from "../../auth/flows/device-login.ts";
import { prepareLogin } from "../../auth/flows/login-request.ts";
import { endReplacedSession, unconfirmed } from "../../auth/flows/logout.ts";
import { namedProvider } from "../../auth/oauth/named-providers.ts";
import {
  accountName,
  isSameLogin,
  isSameSession,
  withProfile,
  type Profile,
  type Profiles,
  type Session,
} from "../../auth/session.ts";
import { AuthError } from "../../base/errors.ts";
import { openBrowser } from "../../platform/browser.ts";
import { describeEnvironment, readFacts } from "../../platform/browser-or-device.ts";
import { bindQueue } from "../account.ts";
import type { App } from "../app.ts";
import { clientOf, deviceReason, requireClient } from "./client.ts";
import { agreedHost, agreedIssuer } from "./host.ts";
import { agreedKey } from "./key.ts";
import type { LoginOptions } from "./options.ts";
import { agreedRebinding, isSamePlace, rebindingRefused, type LoginTarget } from "./target.ts";

type LoggedIn = Profile & { readonly session: Session };

/**
 * Logs in: asks for consent before the service is asked anything, lets the user log in, stores the session, and ends the one that it
 * replaces.
 *
 * @param stored - called when the session is stored, before the browser shows success
 * @throws {@link AuthError} `consent_required`, `timed_out`, `access_denied`, and as the service and the storage do; `usage_invalid`
 * for a device login without {@link LoginOptions.onCode}; the signal's reason. Nothing is changed then
 */
export async function logIn(
  app: App,
  target: LoginTarget,
  options: LoginOptions,
  stored: (profile: LoggedIn) => void = () => undefined,
): Promise<LoggedIn> {
  const { signal, audience, prompt, loginHint, dpop = true, timeoutMs, redirectHost, port, open = true } = options;
  const warn = options.onWarning ?? (() => undefined);
  await agreedRebinding(target, options.onConsent);
  const key = await agreedKey(app, options.onConsent, target.unopened !== undefined);
  const flow =
    options.flow ??
    (deviceReason(target) !== undefined ? "device" : open ? describeEnvironment(readFacts(app.env)).login : "browser");
  if (flow === "device" && options.onCode === undefined) {
    throw new AuthError(
      "usage_invalid",
      "a device login needs `onCode`: without it nobody sees the code that has to be entered",
    );
  }
  const exchange = { fetch: app.fetch, clock: app.clock, signal };
  requireClient(target, flow);
  const provider = target.provider && namedProvider(target.provider);
  const redirectPath = options.redirectPath ?? target.redirectPath;
  // What the author of a tool knows of its issuer says nothing about another that the user names.
  const { defaults, redirectPath: registeredPath = "/callback", trustedHosts: ofTool = [] } = app.tool;
  const isOfTool =
    app.settings.issuer?.source === "issuer" && app.settings.issuer.value === (target.issuer ?? target.service);
  const trustedHosts = [
    ...new Set([...target.trustedHosts, ...(options.trustedHosts ?? []), ...(isOfTool ? ofTool : [])]),
  ];
  const resource = options.resource ?? target.resource;
  // A provider and a protected resource have APIs of another kind.
  const hasOwnApi = defaults !== "standard" && provider === undefined && target.resource === undefined;
  const asked = {
    redirectPath: redirectPath ?? (isOfTool ? registeredPath : undefined),
    trustedHosts,
    dpop,
    resource,
    audience,
    prompt,
    loginHint,
  };
  const parameters = { ...target, ...asked, known: target.server, provider, hasOwnApi };
  const prepared = await agreedIssuer(app, target, await prepareLogin(parameters, exchange), options.onConsent);
  const agreed = await agreedHost(
    prepared,
    flow === "device" ? "device_code" : "authorization_code",
    options.onConsent,
  );
  const client = await clientOf(app, target, agreed, options, exchange);
  const request = { ...agreed, ...client };

  let replaced: Session | undefined;
  const { name, known, service, issuer, scope } = target;
  const { server, isDiscovered, askedAt } = request;
  const metadata = askedAt === undefined ? undefined : { server, isDiscovered, askedAt };
  const team = known?.service === service ? known.team : undefined;
  const kept = {
    service,
    issuer,
    resource: target.resource,
    provider: target.provider,
    metadata,
    ...client,
    scope,
    trustedHosts: request.trustedHosts,
    redirectPath,
    team,
  };
  const store = async (session: Session): Promise<Profile> => {
    const next = { ...kept, session };
    const add = (profiles: Profiles): Profiles => {
      const before = profiles.profiles.get(name);
      // Another login was faster: the user has agreed to change what the profile was then, not what it is now.
      const isForeign =
        before !== undefined && !isSamePlace(before, target) && (known === undefined || !isSamePlace(before, known));
      if (isForeign) throw rebindingRefused(target, before);
      replaced = before?.session;
      // The first profile is active from the start; a later one when the user switches to it.
      return {
        ...withProfile(profiles, name, next),
        active: profiles.profiles.has(profiles.active) ? profiles.active : name,
      };
    };
    const header = key();
    const moved = (path: string): void =>
      warn(`the logins that were stored could not be opened (${target.unopened?.message}) and are kept in "${path}"`);
    await app.store.update(add, { ...(header && { key: header }), onSetAside: target.unopened && moved });
    // What is in memory belongs to the previous session.
    app.tokens().forget();
    stored(next);
    // Events that were queued before the first login belong to this account from now on, even if another is the first to send.
    await (app.isKept ? bindQueue(app, name, next) : undefined)?.catch((error: unknown) => {
      warn(
        `the queue cannot be written, so the events in it are not assigned to this account yet: ${error instanceof Error ? error.message : String(error)}`,
      );
    });
    return next;
  };

  const common = { ...exchange, request };
  let session: Session;
  if (flow === "device") {
    session = await deviceLogin({
      ...common,
      store,
      announce({
        user_code: userCode,
        verification_uri: verificationUri,
        verification_uri_complete: verificationUriComplete,
        expires_in,
      }) {
        options.onCode?.({
          issuer: request.server.issuer,
          userCode,
          verificationUri,
          verificationUriComplete,
          expiresAt: app.clock.now() + expires_in * 1000,
        });
      },
      limitMs: timeoutMs,
      waiting: options.onWaiting ?? (() => undefined),
    });
  } else {
    const { onAddress } = options;
    const waitMs = timeoutMs ?? 300_000;
    let [url, redirectUri] = ["", ""];
    session = await browserLogin({
      ...common,
      identity: app.identity,
      port,
      redirectHost: redirectHost ?? provider?.redirectHost,
      timeoutMs: waitMs,
      announce: (...addresses) => void ([url, redirectUri] = addresses),
      pasted:
        onAddress && ((accept, waiting) => onAddress({ url, redirectUri, timeoutMs: waitMs, accept, signal: waiting })),
      open: open
        ? (address) => openBrowser(address, { env: app.env, platform: app.platform, clock: app.clock })
        : undefined,
      openFailed: (reason) => warn(`the browser could not be opened (${reason}). Open the address yourself`),
      store: async (received) => accountName(await store(received)),
    });
  }
  // After the new one is stored: if that fails, the old one is all that there is. A server may also answer a second login with the same
  // session, or end all of the user's at once: ending that one would end this login.
  const endsWithIt = (before: Session): boolean =>
    isSameSession(before, session) ||
    isSameLogin(before, session) ||
    (provider?.revokesAll === true && before.user.id === session.user.id);
  if (replaced !== undefined && !endsWithIt(replaced)) {
    for (const warning of unconfirmed(await endReplacedSession(replaced, { ...exchange, timeoutMs: 3_000 }), true))
      warn(warning);
  }
  return { ...kept, session };
}
