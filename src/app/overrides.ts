import type { AuthEvent } from "../auth/token-manager/events.ts";
import type { SimpleKeychain } from "../auth/secure-storage/simple-keychain.ts";
import type { Seal } from "../auth/sessions/shared-sealing.ts";
import type { SharedStore } from "../auth/sessions/shared-store.ts";
import type { SessionStore } from "../auth/sessions/store.ts";
import type { WorkloadIdentity } from "../auth/workload/workload.ts";
import type { Identity } from "../base/identity.ts";
import type * as runtime from "../base/runtime-types.ts";
import type { Clock } from "../platform/clock.ts";
import type { Environment } from "../platform/paths.ts";

/** What an embedding program or a test uses instead of the real thing. */
export interface AppOverrides {
  /** The tool's name and what follows from it: folder, variables, keychain entry, User-Agent. This package's own by default. */
  toolIdentity?: Identity;
  /** Options of the command line, which take precedence over the environment. */
  options?: Readonly<Record<string, unknown>>;
  /** The command that is run, for what is remembered of a login; by default the name of the program's file. */
  command?: string;
  /** The profile, instead of the one that a variable or `auth switch` chooses. */
  profile?: string | undefined;
  /** Where the tokens go, unless a variable names another service; by default the issuer. */
  service?: string | undefined;
  /** The authorization server, exactly as it names itself; by default the service itself. */
  issuer?: string | undefined;
  /** The public client that is registered there; `cli_native` by default. */
  clientId?: string | undefined;
  /** What the issuer gave to the client in addition, if it did. It is in every copy of the program, so it is no secret: it proves nothing. */
  clientSecret?: string | undefined;
  /** The scopes that a login requests, separated by spaces; by default those of the service, see {@link AppOverrides.defaults}. */
  scope?: string | undefined;
  /**
   * An identity that the platform vouches for, such as `"github-actions"`, to exchange at the issuer for access tokens (RFC 8693, RFC 7523).
   * These are kept in memory only, and no login is used. Variables of the tool take precedence.
   */
  identity?: string | WorkloadIdentity | undefined;
  /** The path of the redirect URI that is registered at `issuer`, `http://127.0.0.1/callback` by default, where the port may be any (RFC 8252 §7.3). */
  redirectPath?: string | undefined;
  /** Other hosts than the issuer's own that a login at `issuer` may begin at; by default the user is asked. */
  trustedHosts?: readonly string[] | undefined;
  /**
   * What a login takes the service to have. `"own"`, the default: `/api/v1/me`, which names the user and their teams, and
   * `/api/v1/logout`. `"standard"`: neither, so UserInfo or the ID token name the user, there are no teams, and `openid offline_access` is
   * requested unless `scope` says otherwise.
   */
  defaults?: "own" | "standard" | undefined;
  env?: Environment;
  /** As `process.platform`, which is the default: decides folders, modes and the keychain. */
  platform?: runtime.Platform;
  /** The folder that this program works in, for which the user may have chosen a profile; the process's own by default. */
  cwd?: string;
  clock?: Clock;
  /** Sends every request. By default the runtime's own, which honors the proxy variables. */
  fetch?: runtime.Fetch;
  /**
   * The folder of everything that is stored, except the secret that a key without passphrase is made of; by default the one that a
   * variable names, else the platform's place for the tool's name.
   */
  folder?: string | undefined;
  /**
   * Where sessions are kept. `"keychain"`: in sealed files, with their key in the OS keychain, which is the default if it answers;
   * `"file"`: in sealed files, with a derived key, without further consent; `"memory"`: for the life of this app.
   */
  storage?: "keychain" | "file" | "memory" | undefined;
  /** Where logins are kept instead: a database that several machines share. Made by one of the functions of the entry point `stores`. */
  store?: SharedStore | undefined;
  /** Which login in `store` is used, such as the id of a user; `default` by default. */
  login?: string | undefined;
  /** The key that seals what is in `store`; by default the passphrase of the tool's variable. */
  seal?: Seal | undefined;
  /**
   * How long a program that refreshes a login in `store` may be silent before another takes over, in milliseconds; 90,000 by default. Longer
   * than any pause to be survived; one that is longer still may cost the session.
   */
  silentAfterMs?: number | undefined;
  /** Instead of all of these. @internal */
  sessions?: SessionStore;
  /** Instead of the OS keychain; false for none. */
  keychain?: SimpleKeychain | false | undefined;
  /** Told of each request when it is sent, and of its answer, a line each, without secrets. */
  onTraffic?: (line: string) => void;
  /** Told of all that happens, for a log. What it throws is ignored. */
  log?: ((event: AuthEvent) => void) | undefined;
}
