import type { SimpleKeychain } from "../auth/secure-storage/simple-keychain.ts";
import type { Seal } from "../auth/sessions/shared-sealing.ts";
import type { SharedStore } from "../auth/sessions/shared-store.ts";
import type { AuthEvent } from "../auth/sessions/events.ts";
import type { WorkloadIdentity } from "../auth/workload/workload-identity.ts";
import type { OwnCommands } from "../base/identity.ts";
import type * as runtime from "../base/runtime-types.ts";
import type { Clock } from "../platform/clock.ts";
import type { Environment } from "../platform/paths.ts";

/** Everything but the first three has a default. */
export interface AuthOptions {
  /**
   * Lower-case letters, digits and single dashes. Names the directory, the keychain entry, the variables
   * (`ACME_PROFILE`) and the `User-Agent`.
   */
  name: string;
  version: string;
  /** The authorization server, as its metadata (RFC 8414, OpenID Connect Discovery) names it. */
  issuer: string;
  /** What users type, such as `{ login: "acme login" }`; by default the commands of `createCommand`. */
  commands?: OwnCommands | undefined;
  /** Takes precedence over a variable and `auth switch`. */
  profile?: string | undefined;
  /** Where the tokens go, unless a variable names another; by default the issuer. */
  service?: string | undefined;
  /** Of the public client; by default a login registers one (RFC 7591). */
  clientId?: string | undefined;
  /** For issuers that require one. It is in every copy of the program, so it is no secret and proves nothing. */
  clientSecret?: string | undefined;
  /**
   * By default `openid profile email offline_access`, limited to the issuer's list; without a list, OpenID issuers get
   * all, others only `offline_access`.
   */
  scope?: string | undefined;
  /**
   * Instead of a login, a platform's identity to exchange (RFC 8693, RFC 7523), such as `"github-actions"`. Variables
   * of the tool take precedence.
   */
  identity?: string | WorkloadIdentity | undefined;
  /** Of the redirect URL registered at the issuer, with any port (RFC 8252 §7.3); `/callback` by default. */
  redirectPath?: string | undefined;
  /** Hosts other than the issuer's, with a port unless it is the default, where a login may begin; by default, the login asks. */
  trustedHosts?: readonly string[] | undefined;
  env?: Environment;
  /** May decide the profile; by default the working directory. */
  cwd?: string;
  clock?: Clock;
  /** Sends every request; by default the runtime's, with the proxy variables. */
  fetch?: runtime.Fetch;
  /** Where everything is stored, except the secret of the machine key; by default the platform's place. */
  folder?: string | undefined;
  /**
   * `"keychain"`, the default if available: files sealed with a key in it; `"file"`: with a derived key, without
   * asking for consent; `"memory"`: for the life of this object.
   */
  storage?: "keychain" | "file" | "memory" | undefined;
  /** The logins are in this database, for several machines. */
  store?: SharedStore | undefined;
  /** The login to use in `store`, such as a user's ID; `default` by default. */
  login?: string | undefined;
  /** The key for `store`; by default the passphrase of the tool's variable. */
  seal?: Seal | undefined;
  /**
   * The silence after which another process takes over a login in `store`; 90,000 by default. Must exceed any pause to
   * survive: a longer pause may cost the session.
   */
  silentAfterMs?: number | undefined;
  /** Instead of the OS keychain; false for none. */
  keychain?: SimpleKeychain | false | undefined;
  /** Receives every event. Its errors are ignored. */
  log?: ((event: AuthEvent) => void) | undefined;
}
