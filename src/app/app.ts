import type { AppOverrides } from "./overrides.ts";
import type { Settings } from "./settings.ts";
import type { Keychain } from "../auth/secure-storage/keychain.ts";
import type { KeySource, KeyWay } from "../auth/secure-storage/key-slot.ts";
import type { LocalOptions } from "../auth/sessions/local.ts";
import type { Profile, ProfileInUse } from "../auth/sessions/session.ts";
import type { SessionStore } from "../auth/sessions/store.ts";
import type { AuthEventStream } from "../auth/sessions/events.ts";
import type { TokenManager } from "../auth/token-manager/token-manager.ts";
import type { TokenSource } from "../auth/token-manager/token-source.ts";
import type { AuthError } from "../base/errors.ts";
import type { Identity } from "../base/identity.ts";
import type { Fetch } from "../base/runtime-types.ts";
import type { ExchangeOptions } from "../http/request.ts";
import type { Clock } from "../platform/clock.ts";
import type { Environment } from "../platform/paths.ts";

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
  readonly tokenSource: TokenSource | undefined;
  /** A session's tokens go to its service; those from elsewhere to the configured one first. A lender names its own. */
  serviceFor(profile: Profile | undefined): string | undefined;
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
