import { basename, join, resolve } from "node:path";
import type { AuthOptions } from "./options.ts";
import type { AppOverrides } from "./overrides.ts";
import { requireKnownOptions, resolveSettings, withoutSecrets, type Settings } from "./settings.ts";
import type { Effects } from "../http/effects.ts";
import type { Fetch } from "../base/runtime-types.ts";
import type { Keychain } from "../auth/secure-storage/keychain.ts";
import { KeySlots } from "../auth/secure-storage/data-key.ts";
import type { KeySource, KeyWay } from "../auth/secure-storage/key-slot.ts";
import { machineDigest, machineKey } from "../auth/secure-storage/machine-key.ts";
import { LocalStore } from "../auth/sessions/local-store.ts";
import type { LocalOptions } from "../auth/sessions/local.ts";
import type { ProfileInUse } from "../auth/sessions/session.ts";
import type { SharedStore } from "../auth/sessions/shared-store.ts";
import type { SessionStore } from "../auth/sessions/store.ts";
import type { AuthEvent, AuthEventStream } from "../auth/token-manager/events.ts";
import { TokenManager } from "../auth/token-manager/token-manager.ts";
import type { TokenGiver, TokenSource } from "../auth/token-manager/token-source.ts";
import { AuthError } from "../base/errors.ts";
import { createIdentity, ownIdentity, type Identity } from "../base/identity.ts";
import type { ExchangeOptions } from "../http/request.ts";
import { systemClock, type Clock } from "../platform/clock.ts";
import {
  configFolder,
  findProfileFile,
  keysFile,
  realFolder,
  stateFolder,
  type Environment,
} from "../platform/paths.ts";

/** Every collaborator, made on first use. */
export interface App {
  readonly identity: Identity;
  /** The command or program, for the record of an ended login. */
  readonly command: string;
  /** Without secret variables: an app may be printed, and passes these on to other programs. */
  readonly env: Environment;
  readonly platform: NodeJS.Platform;
  readonly clock: Clock;
  readonly fetch: Fetch;
  /** Of all token managers and requests of this app. */
  readonly events: AuthEventStream;
  exchange(signal: AbortSignal | undefined): ExchangeOptions;
  /** Whether a request was sent that may have changed something at a service. */
  mayHaveChanged(): boolean;
  readonly settings: Settings;
  readonly tool: Pick<AppOverrides, "redirectPath" | "trustedHosts" | "browser">;
  readonly folder: string;
  /** Why there is no directory, such as a missing home. Only what needs a stored session fails. */
  readonly missingFolder: AuthError | undefined;
  /** The real path of the working directory; undefined when it no longer exists. */
  readonly folderHere: string | undefined;
  /** The file that suggests a profile for the working directory; not looked for when the user has named one. */
  readonly profileFile: string | undefined;
  /** Loads the keychain's code, which a derived key does not need. */
  keychain(): Promise<Keychain>;
  keySource(source: KeyWay["source"]): Promise<KeySource>;
  /** The sealed files, whether or not this app stores its sessions there. */
  readonly local: LocalOptions;
  readonly isLocal: boolean;
  /** A store that machines share: its name, and what holds the sealing key. */
  readonly sharedStore: { readonly name: string; readonly key: "program" | "passphrase" | "none" } | undefined;
  readonly isKept: boolean;
  readonly store: SessionStore;
  /**
   * The profile in use, decided once: named by an option or a variable, else chosen for the directory, else the active
   * one.
   *
   * @param options - `mayBeNew`: it may be named and not exist; by default only where tokens come from elsewhere
   */
  profileInUse(options?: { mayBeNew?: boolean }): Promise<ProfileInUse>;
  /** The source of tokens, if not a stored session. */
  readonly tokenSource: TokenSource | undefined;
  /** For the profile and service in use, unless named. */
  tokens(profile?: string, service?: string): TokenManager;
  /** Makes a profile the one in use, whatever named another. Token managers given out before keep theirs. */
  use(profile: string): void;
  /**
   * Call this before the process ends.
   *
   * @throws {@link AuthError} `storage_…` when an unsaved session is lost with this process
   */
  close(): Promise<void>;
}

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
  const identity = overrides.toolIdentity ?? ownIdentity;
  const variables = overrides.env ?? process.env;
  const env = withoutSecrets(variables, identity);
  const platform = overrides.platform ?? process.platform;
  const clock = overrides.clock ?? systemClock;
  const command = overrides.command ?? basename(process.argv[1] ?? "a program");
  const effects: Effects = { unknown: 0 };
  const events = eventStream(overrides.log);
  // Loaded with the first request: printing a token sends none.
  const loadedFetch = lazily(async () => {
    const { sender } = await import("./sender.ts");
    return (loaded = await sender(overrides, { identity, env, clock, events, effects }));
  });
  let loaded: Fetch | undefined;
  const fetch: Fetch = (input, init) =>
    loaded?.(input, init) ?? loadedFetch().then((whenLoaded) => whenLoaded(input, init));
  const settings = resolveSettings(overrides, variables, identity);
  const folderHere = lazily(() => realFolder(overrides.cwd));

  const folder = lazily(() =>
    overrides.folder === undefined ? configFolder(identity, env, platform) : resolve(overrides.folder),
  );
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
      const given = lazily(async () => (await import("../auth/token-manager/given-token.ts")).givenToken(accessToken));
      return { kind: "given", origin: identity.variable("ACCESS_TOKEN"), ...giver(given) };
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
    const exchanged = lazily(async () =>
      (await import("./workload.ts")).workloadTokens(settings, workload, () => tokens().service(), world),
    );
    return { kind: "exchanged", origin: workload.source, ...giver(exchanged) };
  });
  const local = lazily((): LocalOptions => {
    const machine = { digest: machineDigest(), folder: () => stateFolder(identity, env, platform) };
    const hasPassphrase = settings.passphrase !== undefined;
    const slots = { path: join(folder(), keysFile), machine: machine.digest, sourceOf: keySource, hasPassphrase };
    const onWait: LocalOptions["onWait"] = (awaited) => events.emit("waiting", awaited);
    return { folder: folder(), keys: new KeySlots(slots), clock, machine, onWait, workingFolder: folderHere() };
  });
  const isKept = overrides.store !== undefined || settings.storage?.value !== "memory";
  const shared = overrides.store;
  const isLocal = isKept && shared === undefined && overrides.sessions === undefined;
  const store = lazily((): SessionStore => {
    if (overrides.sessions !== undefined) return overrides.sessions;
    if (shared !== undefined) return loadedStore(() => sharedSessions(shared));
    // Without a directory, only what uses it fails.
    if (isKept) return missingFolder() ? loadedStore(async () => new LocalStore(local())) : new LocalStore(local());
    return loadedStore(async () => new (await import("../auth/sessions/memory-store.ts")).MemoryStore(clock));
  });
  const sharedSessions = async (place: SharedStore): Promise<SessionStore> => {
    const { SharedSessions } = await import("../auth/sessions/shared-sessions.ts");
    const { sealerOf } = await import("../auth/sessions/shared-sealing.ts");
    const { machine, onWait } = local();
    return new SharedSessions({
      store: place,
      sealer: sealerOf(overrides.seal, settings.passphrase),
      clock,
      tool: identity.name,
      login: overrides.login ?? "default",
      machine,
      silentAfterMs: overrides.silentAfterMs ?? 90_000,
      onWait,
    });
  };
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
    tool: {
      redirectPath: overrides.redirectPath,
      trustedHosts: overrides.trustedHosts,
      ...(overrides.browser && { browser: overrides.browser }),
    },
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

function giver(loaded: () => Promise<TokenGiver>): TokenGiver {
  return {
    getCredential: async (need) => (await loaded()).getCredential(need),
    sessionRefused: async (token) => (await loaded()).sessionRefused(token),
  };
}

function lazily<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}
