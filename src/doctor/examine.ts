import { dirname } from "node:path";
import type { Settings } from "../app/settings.ts";
import { AuthError } from "../base/errors.ts";
import type { Clock } from "../platform/clock.ts";
import type { LoginEnvironment } from "../platform/environment.ts";
import type { Environment } from "../platform/paths.ts";
import { defaultAuthorizationServer } from "../auth/oauth/authorization-server.ts";
import type { Fetch } from "../base/runtime-types.ts";
import type { Keychain } from "../auth/secure-storage/keychain.ts";
import type { SealedFile } from "../auth/secure-storage/sealed-file.ts";
import type { Profile, Profiles } from "../auth/session.ts";
import { examineConfiguration } from "./configuration.ts";
import type { Finding } from "./finding.ts";
import { examineKeychain } from "./keychain.ts";
import { examineLocks } from "./locks.ts";
import { examineMachine } from "./machine.ts";
import { examineService } from "./service.ts";
import { examineSession } from "./session.ts";
import { examineStore } from "./store.ts";

/** What the doctor looks at, and with. */
export interface Examination {
  readonly settings: Settings;
  readonly env: Environment;
  readonly platform: NodeJS.Platform;
  readonly clock: Clock;
  readonly fetch: Fetch;
  readonly keychain: Keychain;
  readonly sealedFile: SealedFile;
  readonly isKept: boolean;
  /** Reads what is stored and changes nothing, not even a cache. */
  readonly readProfiles: () => Promise<Profiles>;
  /** Which login works here. */
  readonly login: LoginEnvironment;
  /** Removes locks whose holders are proved dead, and what killed writers left. Everything else is only looked at. */
  readonly unstick: boolean;
  readonly signal: AbortSignal;
}

/** All of it together: the keychain and the service are asked at the same time, and each step of theirs has a limit too. */
const limitMs = 9_500;

/**
 * Looks at everything that a login and a request depend on.
 * @returns the findings in the order of their numbers
 * @throws the signal's reason
 */
export async function examine(examination: Examination): Promise<Finding[]> {
  const { settings, env, platform, clock, sealedFile, isKept, unstick, signal } = examination;
  const limit = AbortSignal.any([signal, clock.timeout(limitMs)]);
  const keychain = examineKeychain(examination.keychain, isKept ? keychainAccount(sealedFile) : undefined, platform);
  let profiles: Profiles | undefined;
  let unreadable: unknown;
  try {
    profiles = await examination.readProfiles();
  } catch (error) {
    unreadable = error;
  }
  const name = settings.profile?.value ?? profiles?.active ?? "default";
  const profile = profiles?.profiles.get(name);
  const endpoint = endpointOf(settings, profile);
  const findings = [
    ...examineConfiguration(settings, env, profiles),
    ...(endpoint === undefined ? [] : await examineService({ endpoint, env, fetch: examination.fetch, clock, signal: limit })),
    ...(profiles === undefined ? [] : examineSession(name, profile, clock.now())),
    ...examineStore(sealedFile, isKept, unreadable, unstick),
    ...examineLocks(dirname(sealedFile.path), unstick),
    await keychain,
    ...examineMachine(examination.login, env, platform),
  ];
  signal.throwIfAborted();
  return findings;
}

/** The address that answers 401 without a token: of the service that commands would talk to now. */
function endpointOf({ service }: Settings, profile: Profile | undefined): string | undefined {
  const address = service?.value ?? profile?.service;
  const remembered = profile?.service === address ? profile?.session?.server.userinfo_endpoint : undefined;
  return remembered ?? (address === undefined ? undefined : defaultAuthorizationServer(address).userinfo_endpoint);
}

/** The keychain's entry that opens the file; undefined when the file needs none, or is not to be read at all. */
function keychainAccount(file: SealedFile): string | undefined {
  try {
    const header = file.header();
    return header?.source === "keychain" ? header.account : undefined;
  } catch (error) {
    if (error instanceof AuthError) return undefined;
    throw error;
  }
}
