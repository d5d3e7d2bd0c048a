import type { App } from "../app/app.ts";
import { defaultAuthorizationServer } from "../auth/oauth/authorization-server.ts";
import { wellKnownAddress } from "../auth/oauth/discovery.ts";
import { keychainAccount } from "../auth/secure-storage/keychain.ts";
import type { Profile, ProfileInUse } from "../auth/sessions/session.ts";
import type { LoginEnvironment } from "../platform/browser-or-device.ts";
import { examineConfiguration } from "./configuration.ts";
import { examineDefences } from "./defences.ts";
import type { Finding } from "./finding.ts";
import { examineLocks } from "./locks.ts";
import { examineKeychain, examineMachine } from "./machine.ts";
import { examineService } from "./service.ts";
import { examineSession } from "./session.ts";
import { examineStore } from "./store.ts";

/** For everything: each step has its own limit. */
const limitMs = 9_500;

/** `repair` removes locks of dead holders and files of killed writers; otherwise nothing changes. */
export async function examine(
  app: App,
  login: LoginEnvironment,
  repair: boolean,
  signal: AbortSignal,
): Promise<Finding[]> {
  const { clock } = app;
  const isThere = app.missingFolder === undefined;
  const limit = AbortSignal.any([signal, clock.timeout(limitMs)]);
  const keychain = examineKeychain(
    await app.keychain(),
    app.isLocal && isThere ? keychainAccount(app.local.keys) : undefined,
    app.platform,
  );
  let inUse: ProfileInUse | undefined;
  let unreadable: unknown;
  let names: readonly string[] = [];
  try {
    inUse = await app.profileInUse({ mayBeNew: true });
    names = await app.store.names();
  } catch (error) {
    unreadable = error;
  }
  const endpoint = endpointToAsk(app, inUse?.profile);
  const findings = [
    ...examineConfiguration(app, inUse, names),
    ...(endpoint === undefined ? [] : await examineService(app, endpoint, limit)),
    ...(inUse === undefined ? [] : examineSession(inUse, clock.now(), { isNeeded: app.tokenSource === undefined })),
    ...examineStore(app, unreadable, repair),
    ...(isThere ? await examineLocks(app.folder, repair) : []),
    await keychain,
    ...examineMachine(login, app),
    examineDefences(),
  ];
  signal.throwIfAborted();
  return findings;
}

/** Answers 401 without a token, or else has the issuer's metadata. */
function endpointToAsk({ settings }: App, profile: Profile | undefined): string | undefined {
  const address = settings.service?.value ?? profile?.service;
  const known = profile?.service === address ? profile : undefined;
  const remembered = known?.session?.server.userinfo_endpoint;
  const issuer = settings.issuer?.value ?? known?.issuer;
  if (remembered !== undefined || address === undefined) return remembered;
  return issuer === undefined ? defaultAuthorizationServer(address).userinfo_endpoint : wellKnownAddress(issuer);
}
