import { basename, join } from "node:path";
import type { App } from "./app.ts";
import type { AuthOptions } from "./options.ts";
import type { AppOverrides } from "./overrides.ts";
import { requireKnownOptions, resolveSettings, withoutSecrets } from "./settings.ts";
import { KeySlots } from "../auth/secure-storage/data-key.ts";
import type { KeySource, KeyWay } from "../auth/secure-storage/key-slot.ts";
import { machineDigest, machineKey } from "../auth/secure-storage/machine-key.ts";
import type { LocalOptions } from "../auth/sessions/local.ts";
import { LocalStore } from "../auth/sessions/local-store.ts";
import type { SessionStore } from "../auth/sessions/store.ts";
import type { AuthEvent, AuthEventStream } from "../auth/sessions/events.ts";
import { TokenManager } from "../auth/token-manager/token-manager.ts";
import type { TokenGiver, TokenSource } from "../auth/token-manager/token-source.ts";
import { AuthError } from "../base/errors.ts";
import { createIdentity, ownIdentity } from "../base/identity.ts";
import type { Fetch } from "../base/runtime-types.ts";
import type { Effects } from "../http/effects.ts";
import { systemClock } from "../platform/clock.ts";
import { findProfileFile, keysFile, realFolder, stateFolder, storeFolder } from "../platform/paths.ts";

let ofThisProcess: App | undefined;

/**
 * The shared app of the library's functions, or a new one for a caller with options. Without a name: this package's
 * own.
 */
export function appFor(options: Partial<AuthOptions> | undefined): App {
  if (options === undefined) return (ofThisProcess ??= createApp());
  const { name, version = "", commands, ...own } = options;
  const toolIdentity = name === undefined ? ownIdentity : createIdentity({ name, version, commands });
  try {
    return createApp({ toolIdentity, ...own });
  } catch (error) {
    throw error instanceof AuthError ? error.speakFor({ identity: toolIdentity }) : error;
  }
}

/** Reads only the settings; everything else on first use. */
export function createApp(overrides: AppOverrides = {}): App {
  requireKnownOptions(overrides);
  const { toolIdentity: identity = ownIdentity, env: variables = process.env, store: shared } = overrides;
  const { platform } = process;
  const { clock = systemClock, redirectPath, trustedHosts, browser } = overrides;
  const { command = basename(process.argv[1] ?? "a program") } = overrides;
  const env = withoutSecrets(variables, identity);
  const effects: Effects = { unknown: 0 };
  const events = eventStream(overrides.log);
  // Loaded with the first request: printing a token sends none.
  const loadedFetch = lazily(async () => {
    const { sender } = await import("./sender.ts");
    return (loaded = await sender(overrides, { identity, env, clock, events }, effects));
  });
  let loaded: Fetch | undefined;
  const fetch: Fetch = (input, init) =>
    loaded?.(input, init) ?? loadedFetch().then((whenLoaded) => whenLoaded(input, init));
  const settings = resolveSettings(overrides, variables, identity);
  const folderHere = lazily(() => realFolder(overrides.cwd));

  const folder = lazily(() => storeFolder(overrides.folder, identity, env, platform));
  const missingFolder = (): AuthError | undefined => {
    try {
      folder();
    } catch (error) {
      if (error instanceof AuthError) return error;
      throw error;
    }
    return undefined;
  };
  const keychain = lazily(async () => {
    const { createKeychain, keychainOf } = await import("../auth/secure-storage/keychain.ts");
    return overrides.keychain === undefined
      ? createKeychain({ identity, clock, folder, env })
      : keychainOf(overrides.keychain);
  });
  const keySource = async (source: KeyWay["source"]): Promise<KeySource> => {
    if (source === "machine")
      return machineKey({ identity, folder: () => stateFolder(identity, env, platform), platform, clock });
    if (source === "passphrase")
      return (await import("../auth/secure-storage/passphrase-key.ts")).passphraseKey(settings.passphrase);
    const { keychainAccountOf, keychainKey } = await import("../auth/secure-storage/keychain.ts");
    return keychainKey(await keychain(), keychainAccountOf(folder()));
  };
  const tokenSource = lazily((): TokenSource | undefined => {
    const { accessToken, agent, workload } = settings;
    if (accessToken !== undefined) {
      const given = giver(async () => (await import("../auth/token-manager/given-token.ts")).givenToken(accessToken));
      return { kind: "given", origin: identity.variable("ACCESS_TOKEN"), ...given };
    }
    if (agent !== undefined) {
      const origin = identity.variable("AGENT");
      const lent = lazily(async () =>
        (await import("./loan.ts")).lentTokens(settings, agent, origin, { identity, clock }),
      );
      return { kind: "lent", origin, lender: async () => (await lent()).lender(), ...giver(lent) };
    }
    if (workload === undefined) return undefined;
    const world = { tool: identity, env, variable: (name: string) => variables[name], fetch, clock };
    const exchanged = giver(async () =>
      (await import("./workload.ts")).workloadTokens(settings, workload, () => tokens().service(), world),
    );
    return { kind: "exchanged", origin: workload.source, ...exchanged };
  });
  const local = lazily((): LocalOptions => {
    const machine = { digest: machineDigest(), folder: () => stateFolder(identity, env, platform) };
    const hasPassphrase = settings.passphrase !== undefined;
    const slots = { path: join(folder(), keysFile), machine: machine.digest, sourceOf: keySource, hasPassphrase };
    const onWait: LocalOptions["onWait"] = (awaited) => events.emit("waiting", awaited);
    return { folder: folder(), keys: new KeySlots(slots), clock, machine, onWait, workingFolder: folderHere() };
  });
  const isKept = shared !== undefined || settings.storage?.value !== "memory";
  const isLocal = isKept && shared === undefined && overrides.sessions === undefined;
  const store = lazily((): SessionStore => {
    if (overrides.sessions !== undefined) return overrides.sessions;
    if (shared !== undefined)
      return loadedStore(async () =>
        (await import("./shared-login.ts")).sharedLogin(shared, overrides, { settings, identity, local: local() }),
      );
    // Without a directory, only what uses it fails.
    if (isKept) return missingFolder() ? loadedStore(async () => new LocalStore(local())) : new LocalStore(local());
    return loadedStore(async () => new (await import("../auth/sessions/memory-store.ts")).MemoryStore(clock));
  });
  const managers = new Map<string, TokenManager>();
  let typed = settings.profile && { name: settings.profile.value, source: settings.profile.source };
  const tokens = (named?: string, service = settings.service?.value): TokenManager => {
    const profile = named === undefined ? typed : { name: named, source: "profile" };
    const name = JSON.stringify([profile?.name, service]);
    let manager = managers.get(name);
    if (manager === undefined) {
      const source = tokenSource();
      manager = new TokenManager({ store: store(), profile, service, source, clock, fetch, events, by: command });
      managers.set(name, manager);
    }
    return manager;
  };

  return {
    identity,
    command,
    env,
    platform,
    clock,
    fetch,
    events,
    exchange: (signal) => ({ fetch, clock, signal }),
    mayHaveChanged: () => effects.unknown > 0,
    settings,
    // Not all overrides: a printed app must not show the environment (S-005).
    tool: { redirectPath, trustedHosts, browser },
    isKept,
    isLocal,
    sharedStore: shared && {
      name: shared.name ?? "the shared store",
      key: overrides.seal === false ? "none" : overrides.seal === undefined ? "passphrase" : "program",
    },
    get folder() {
      return folder();
    },
    get folderHere() {
      return folderHere();
    },
    get profileFile() {
      return (settings.profile ?? tokenSource())
        ? undefined
        : findProfileFile(identity, env["HOME"] ?? env["USERPROFILE"], folderHere());
    },
    keychain,
    keySource,
    get local() {
      return local();
    },
    get store() {
      return store();
    },
    get tokenSource() {
      return tokenSource();
    },
    serviceFor(profile) {
      const [set, known] = [settings.service?.value, profile?.service];
      return tokenSource() === undefined ? (known ?? set) : (set ?? known);
    },
    tokens,
    get missingFolder() {
      return missingFolder();
    },
    async profileInUse({ mayBeNew = tokenSource() !== undefined } = {}) {
      const isNeeded = tokenSource() === undefined || !isLocal || missingFolder() === undefined;
      return isNeeded ? tokens().profileInUse({ mayBeNew }) : { ...tokens().named, profile: undefined };
    },
    use: (name) => void (typed = { name, source: "profile" }),
    async close() {
      for (const manager of managers.values()) await manager.close();
      await shared?.close?.();
    },
  };
}

/** Loaded on first use: the sealed files need none of its code. */
function loadedStore(load: () => Promise<SessionStore>): SessionStore {
  const loaded = lazily(load);
  return {
    choice: async () => (await loaded()).choice(),
    names: async () => (await loaded()).names(),
    read: async (name) => (await loaded()).read(name),
    change: async (name, change) => (await loaded()).change(name, change),
    choose: async (change) => (await loaded()).choose(change),
    claim: async (found, options) => (await loaded()).claim(found, options),
    removeAll: async (but, removeKey) => (await loaded()).removeAll(but, removeKey),
  };
}

/** A listener that throws must not break the work. */
function eventStream(log: ((event: AuthEvent) => void) | undefined): AuthEventStream {
  /** By event name, and "all" for a log. */
  const listeners = new Map<AuthEvent["event"] | "all", Set<(event: never) => void>>();
  const listen = (name: AuthEvent["event"] | "all", listener: (event: never) => void): (() => void) => {
    const those = listeners.get(name) ?? new Set();
    // The same function may listen twice.
    const one = (event: never): void => listener(event);
    listeners.set(name, those.add(one));
    return () => void those.delete(one);
  };
  if (log !== undefined) listen("all", log);
  const tell = (name: AuthEvent["event"] | "all", event: object): void => {
    for (const listener of listeners.get(name) ?? []) {
      try {
        listener(event as never);
      } catch {}
    }
  };
  return {
    isHeard: (name) => [name, "all" as const].some((one) => (listeners.get(one)?.size ?? 0) > 0),
    emit(event, facts) {
      tell("all", { event, ...facts });
      tell(event, facts);
    },
    on: (name, listener) => listen(name, listener),
  };
}

function giver(load: () => Promise<TokenGiver>): TokenGiver {
  const loaded = lazily(load);
  return {
    getCredential: async (need) => (await loaded()).getCredential(need),
    sessionRefused: async (token) => (await loaded()).sessionRefused(token),
  };
}

function lazily<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}
