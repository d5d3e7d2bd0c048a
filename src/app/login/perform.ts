import { isatty } from "node:tty";
import { browserLogin } from "../../auth/flows/browser-login.ts";
import { deviceLogin } from "../../auth/flows/device-login.ts";
import type { LoginRequest } from "../../auth/flows/login-request.ts";
import { endReplacedSession, unconfirmed } from "../../auth/flows/logout.ts";
import { tokenLogin } from "../../auth/flows/token-login.ts";
import { createDpopKey } from "../../auth/oauth/dpop-proof.ts";
import { accountName, type Profile, type Session } from "../../auth/sessions/session.ts";
import { endedLogin, lastLogin } from "../../auth/token-manager/ended-login.ts";
import { AuthError, hint } from "../../base/errors.ts";
import { openBrowser } from "../../platform/browser.ts";
import { isCiJob } from "../../platform/browser-or-device.ts";
import type { Environment } from "../../platform/paths.ts";
import { bindQueue } from "../account.ts";
import type { App } from "../app.ts";
import { clientOf } from "./client.ts";
import { agreedHosts, agreedKey, agreeToRebinding, agreeToResource, rebindingRefused } from "./consent.ts";
import { plannedLogin, type LoginStart } from "./metadata.ts";
import type { LoginCallbacks } from "./options.ts";
import { isSamePlace } from "./place.ts";
import type { LoginPlan } from "./plan.ts";

type LoggedIn = Profile & { readonly session: Session };

interface LoginUi extends Pick<LoginCallbacks, "onConsent" | "onWarning" | "signal"> {
  screen(planned: LoginPlan): ScreenCallbacks | Promise<ScreenCallbacks>;
  stored?(profile: LoggedIn): void;
  /** Called with the login of another user or service that this one has ended. */
  replaced?(profile: LoggedIn): void;
}

type ScreenCallbacks = Pick<LoginCallbacks, "onAddress" | "onCode" | "onWaiting">;

/**
 * Gets consent before the service is asked anything, lets the user log in, stores the session, and ends the one that it
 * replaces.
 */
export async function performLogin(app: App, start: LoginStart, ui: LoginUi): Promise<LoggedIn> {
  const { onConsent, onWarning: warn = () => undefined, signal } = ui;
  await agreeToRebinding(start.to, onConsent);
  await agreeToResource(start.to, start.args.resource, onConsent);
  const useKey = await agreedKey(app, onConsent, start.unopened !== undefined);
  const planned = await plannedLogin(app, start, signal);
  const { token } = start.args;
  const shown = token === undefined ? await ui.screen(planned) : {};
  if (token === undefined) requireScreen(planned, start, shown);
  const exchange = app.exchange(signal);
  const agreed = await agreedHosts(app, planned, onConsent);
  // A token belongs to the client it was issued to: a new one could not use it.
  const { registeredUntil, ...client } =
    token === undefined ? await clientOf(planned, app.identity, exchange) : planned.profile;
  const { clientId, clientSecret } = client;
  const request = { ...agreed, clientId, clientSecret, dpopKey: planned.binds ? createDpopKey() : undefined };
  const kept = { ...planned.profile, clientId, clientSecret, registeredUntil, trustedHosts: request.trustedHosts };

  let replaced: LoggedIn | undefined;
  const { name, known } = planned;
  const store = async (session: Session): Promise<Profile> => {
    let next = { ...kept, session };
    const add = (before: Profile | undefined): Profile => {
      // Another login was faster: the user agreed to change the profile as it was then.
      const isTakenOver =
        before !== undefined && !isSamePlace(before, kept) && (known === undefined || !isSamePlace(before, known));
      if (isTakenOver) throw rebindingRefused(name, before, kept);
      replaced = before?.session && { ...before, session: before.session };
      const now = app.clock.now();
      const end = { reason: "replaced", by: app.command, at: now } as const;
      return (next = { ...next, ended: lastLogin(before, now) ?? (replaced && endedLogin(replaced.session, end)) });
    };
    const aside = await useKey();
    await app.store.change(name, add);
    const where = aside === undefined ? "they stay unchanged" : `their keys are now in "${aside}"`;
    if (start.unopened !== undefined) warn(`cannot open stored logins (${start.unopened.message}): ${where}`);
    // The first profile is active at once; later ones when the user switches. For a shared store the program chooses.
    const { active } = await app.store.choice();
    if (app.sharedStore === undefined && active !== name && (await app.store.read(active)).profile === undefined)
      await app.store.choose((choice) => (choice.active === active ? { ...choice, active: name } : choice));
    app.tokens().forget();
    ui.stored?.(next);
    // Queued events belong to this account from now on, even if another sends first.
    await (app.isKept ? bindQueue(app, name, next) : undefined)?.catch((error: unknown) => {
      warn(
        `cannot assign the queued events to this account: ${error instanceof Error ? error.message : String(error)}`,
      );
    });
    return next;
  };
  const flow = planned.login === "device" ? byCode : byBrowser;
  const session =
    token === undefined
      ? await flow(app, planned, request, { ...shown, warn, store, signal })
      : await tokenLogin({ ...exchange, token, request, store });
  // After the new session is stored: if that fails, the old one is all there is. A second login may also return the
  // same session, or logout may end all of the user's: ending that one would end this login.
  const endsWithIt = (before: Session): boolean =>
    (before.sessionId !== undefined && before.sessionId === session.sessionId) ||
    (before.refreshToken !== undefined && session.refreshToken?.equals(before.refreshToken) === true) ||
    (planned.provider?.revokesAll === true && before.user.id === session.user.id);
  if (replaced !== undefined && !endsWithIt(replaced.session)) {
    const outcome = await endReplacedSession(replaced.session, { ...exchange, timeoutMs: 3_000 });
    for (const warning of unconfirmed(outcome, true)) warn(warning);
    if (!isSamePlace(replaced, kept) || replaced.session.user.id !== session.user.id) ui.replaced?.(replaced);
  }
  return { ...kept, session };
}

/** A URL or code that nobody sees could only time out. */
function requireScreen({ login, opens, reason }: LoginPlan, { args }: LoginStart, shown: ScreenCallbacks): void {
  if (login === "device" && shown.onCode === undefined) {
    throw new AuthError("usage_invalid", "a device login needs onCode, to show the code", {
      hint: "Pass onCode, and show its argument",
    });
  }
  const isUnasked = login === "browser" && !opens && args.open !== false;
  if (isUnasked && shown.onAddress === undefined)
    throw new AuthError("usage_invalid", `the login needs onAddress to show its URL, since ${reason}`, {
      hint: "Pass onAddress, and show its argument",
    });
}

/**
 * A code that nobody sees blocks until it expires: a quarter of an hour in a CI job. So an unattended program must
 * choose it.
 *
 * @throws {@link AuthError} `usage_invalid`
 */
export function requireSomebody({ login }: LoginPlan, env: Environment): void {
  const why = isCiJob(env) ? "this is a CI job" : isatty(0) || isatty(2) ? undefined : "there is no terminal";
  if (login !== "device" || why === undefined) return;
  throw new AuthError("usage_invalid", `a device login needs an explicit request here: ${why}`, {
    hint: hint`If a user can enter the code, pass flow: "device". Otherwise, pass a token: ${{ variable: "ACCESS_TOKEN", value: "…" }}`,
  });
}

interface FlowUi extends ScreenCallbacks, Pick<LoginCallbacks, "signal"> {
  warn(this: void, warning: string): void;
  store(this: void, session: Session): Promise<Profile>;
}

function byCode(
  app: App,
  { timeoutMs }: LoginPlan,
  request: LoginRequest,
  { onCode, onWaiting = () => undefined, store, signal }: FlowUi,
): Promise<Session> {
  return deviceLogin({
    ...app.exchange(signal),
    request,
    store,
    announce({
      user_code: userCode,
      verification_uri: verificationUri,
      verification_uri_complete: verificationUriComplete,
      expires_in,
    }) {
      const expiresAt = app.clock.now() + expires_in * 1000;
      onCode?.({ issuer: request.server.issuer, userCode, verificationUri, verificationUriComplete, expiresAt });
    },
    limitMs: timeoutMs,
    waiting: onWaiting,
  });
}

function byBrowser(
  app: App,
  { redirectHost, port, timeoutMs = 300_000, opens }: LoginPlan,
  request: LoginRequest,
  { onAddress, warn, store, signal }: FlowUi,
): Promise<Session> {
  const { browser } = app.tool;
  let [url, redirectUri] = ["", ""];
  return browserLogin({
    ...app.exchange(signal),
    request,
    identity: app.identity,
    port,
    redirectHost,
    ownerOf: browser?.ownerOf,
    timeoutMs,
    announce: (...addresses) => void ([url, redirectUri] = addresses),
    pasted: onAddress && ((accept, waiting) => onAddress({ url, redirectUri, timeoutMs, accept, signal: waiting })),
    open: opens
      ? (address, mayBeRead) =>
          browser?.open(address) ??
          openBrowser(address, { env: app.env, platform: app.platform, clock: app.clock, mayBeRead })
      : undefined,
    openFailed: (reason) => warn(`cannot open the browser (${reason}): open the URL yourself`),
    store: async (received) => accountName(await store(received)),
  });
}
