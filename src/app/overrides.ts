import type { AwaitedProcess } from "../auth/session-store.ts";
import type { SimpleVault, Vault } from "../auth/secure-storage/vault.ts";
import type { Identity } from "../base/identity.ts";
import type * as runtime from "../base/runtime-types.ts";
import type { Clock } from "../platform/clock.ts";
import type { Environment } from "../platform/paths.ts";

/** What an embedding program or a test uses instead of the real thing. */
export interface AppOverrides {
  /** The tool's name and what follows from it: folder, variables, keychain entry, User-Agent. This package's own by default. */
  identity?: Identity;
  /** Options of the command line, which take precedence over the environment. */
  options?: SettingOptions;
  /** The variables; `process.env` by default. */
  env?: Environment;
  /** As `process.platform`, which is the default: decides folders, modes and the keychain. */
  platform?: runtime.Platform;
  /** The folder that this program works in, for which the user may have chosen a profile; the process's own by default. */
  cwd?: string;
  /** The machine's own by default. */
  clock?: Clock;
  /** Sends every request. By default the runtime's own, which honours the proxy variables. */
  fetch?: runtime.Fetch;
  /** Where sessions are kept: `"memory"` keeps them for the life of this app; a place of the embedding program; the sealed file by default. */
  storage?: "memory" | Vault | SimpleVault;
  /** Called when another process has been waited for a second: that one refreshes the session, or changes what is stored. */
  onWait?: (awaited: AwaitedProcess) => void;
}

/** The options of the command line that are settings. */
export interface SettingOptions {
  readonly profile?: string | undefined;
  readonly storage?: string | undefined;
  readonly service?: string | undefined;
  readonly issuer?: string | undefined;
  readonly "client-id"?: string | undefined;
}
