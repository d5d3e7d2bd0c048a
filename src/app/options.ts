import type { SimpleKeychain } from "../auth/secure-storage/simple-keychain.ts";
import type { Seal } from "../auth/sessions/shared-sealing.ts";
import type { SharedStore } from "../auth/sessions/shared-store.ts";
import type { AuthEvent } from "../auth/token-manager/events.ts";
import type { WorkloadIdentity } from "../auth/workload/workload-identity.ts";
import type { OwnCommands } from "../base/identity.ts";
import type * as runtime from "../base/runtime-types.ts";
import type { Clock } from "../platform/clock.ts";
import type { Environment } from "../platform/paths.ts";

/** A tool and the service that its users log in to. Everything but the first three has a default. */
export interface AuthOptions {
  /**
   * The tool's name: lower-case letters, digits and single dashes. Names the directory, the keychain entry, the
   * variables (`ACME_PROFILE`) and the `User-Agent`; titles the pages, and appears in errors and hints.
   */
  name: string;
  version: string;
  /**
   * The authorization server, exactly as it names itself. Its metadata (RFC 8414, OpenID Connect Discovery) says where its endpoints are.
   */
  issuer: string;
  /**
   * What users type to log in, and for whatever else the tool offers: `{ login: "acme login" }`. By default the
   * commands of `createCommand`: `acme auth login`.
   */
  commands?: OwnCommands | undefined;
  /** Takes precedence over the profile that a variable or `auth switch` chooses. */
  profile?: string | undefined;
  /** Where the tokens go, unless a variable names another; by default the issuer. */
  service?: string | undefined;
  /** The public client registered there; by default one that a login registers, where the issuer offers it (RFC 7591). */
  clientId?: string | undefined;
  /**
   * What the issuer gave to the client in addition. It is in every copy of the program, so it is no secret and proves
   * nothing.
   */
  clientSecret?: string | undefined;
  /** Scopes separated by spaces; by default those of `openid profile email offline_access` that the issuer knows. */
  scope?: string | undefined;
  /**
   * A platform's identity, such as `"github-actions"`, to exchange at the issuer for access tokens (RFC 8693, RFC
   * 7523). These stay in memory, and no login is used. Variables of the tool take precedence.
   */
  identity?: string | WorkloadIdentity | undefined;
  /**
   * The path of the redirect URI registered at `issuer`, any port (RFC 8252 §7.3); `/callback` by default:
   * `http://127.0.0.1/callback`.
   */
  redirectPath?: string | undefined;
  /** Hosts other than the issuer's where a login may begin; by default the user is asked. */
  trustedHosts?: readonly string[] | undefined;
  env?: Environment;
  /** As `process.platform`, the default: decides directories, modes and the keychain. */
  platform?: runtime.Platform;
  /** The working directory, for which the user may have chosen a profile; the process's own by default. */
  cwd?: string;
  clock?: Clock;
  /** Sends every request. By default the runtime's, which honors the proxy variables. */
  fetch?: runtime.Fetch;
  /**
   * The directory of everything stored, except the secret behind a key without passphrase; by default the one that a
   * variable names, else the platform's place for the tool's name.
   */
  folder?: string | undefined;
  /**
   * Where sessions are kept. `"keychain"`, the default if available: sealed files, with their key in the OS keychain;
   * `"file"`: sealed files with a derived key, without further consent; `"memory"`: for the life of this object.
   */
  storage?: "keychain" | "file" | "memory" | undefined;
  /** A database that several machines share, instead. Made by a function of the entry point `stores`. */
  store?: SharedStore | undefined;
  /** The login in `store` to use, such as the id of a user; `default` by default. */
  login?: string | undefined;
  /** The key that seals `store`; by default the passphrase of the tool's variable. */
  seal?: Seal | undefined;
  /**
   * How long the holder of a login in `store` may be silent before another process takes over, in milliseconds; 90,000
   * by default. Must exceed any pause to survive: a longer pause may cost the session.
   */
  silentAfterMs?: number | undefined;
  /** Instead of the OS keychain; false for none. */
  keychain?: SimpleKeychain | false | undefined;
  /** Receives all events, for a log. Its errors are ignored. */
  log?: ((event: AuthEvent) => void) | undefined;
}
