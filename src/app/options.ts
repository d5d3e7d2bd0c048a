import type { SimpleKeychain } from "../auth/secure-storage/simple-keychain.ts";
import type { Seal } from "../auth/sessions/shared-sealing.ts";
import type { SharedStore } from "../auth/sessions/shared-store.ts";
import type { AuthEvent } from "../auth/token-manager/events.ts";
import type { WorkloadIdentity } from "../auth/workload/workload-identity.ts";
import type { OwnCommands } from "../base/identity.ts";
import type * as runtime from "../base/runtime-types.ts";
import type { Clock } from "../platform/clock.ts";
import type { Environment } from "../platform/paths.ts";

/** What a tool says about itself and the service that its users log in to. Everything but the first three has a default. */
export interface AuthOptions {
  /**
   * The tool's name: lower-case letters, digits and single dashes. Names the folder, the keychain's entry, the variables (`ACME_PROFILE`)
   * and the `User-Agent`; it is the title of the pages, and in the words of errors and hints.
   */
  name: string;
  version: string;
  /**
   * The authorization server, exactly as it names itself. Its metadata (RFC 8414, OpenID Connect Discovery) says where its endpoints are.
   */
  issuer: string;
  /**
   * What users type to log in (again), and for whatever else the tool offers: `{ login: "acme login" }`. By default the commands that
   * `createCommand` makes: `acme auth login`.
   */
  commands?: OwnCommands | undefined;
  /** The profile, instead of the one that a variable or `auth switch` chooses. */
  profile?: string | undefined;
  /** Where the tokens go, unless a variable names another service; by default the issuer. */
  service?: string | undefined;
  /** The public client that is registered there; `cli_native` by default. */
  clientId?: string | undefined;
  /**
   * What the issuer gave to the client in addition, if it did. It is in every copy of the program, so it is no secret: it proves nothing.
   */
  clientSecret?: string | undefined;
  /** The scopes that a login requests, separated by spaces; by default those of {@link AuthOptions.defaults}. */
  scope?: string | undefined;
  /**
   * An identity that the platform vouches for, such as `"github-actions"`, to exchange at the issuer for access tokens (RFC 8693, RFC
   * 7523). These are kept in memory only, and no login is used. Variables of the tool take precedence.
   */
  identity?: string | WorkloadIdentity | undefined;
  /**
   * The path of the redirect URI that is registered at `issuer`, `http://127.0.0.1/callback` by default, where the port may be any (RFC
   * 8252 §7.3).
   */
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
   * `"file"`: in sealed files, with a derived key, without further consent; `"memory"`: for the life of this object.
   */
  storage?: "keychain" | "file" | "memory" | undefined;
  /** Where logins are kept instead: a database that several machines share. Made by one of the functions of the entry point `stores`. */
  store?: SharedStore | undefined;
  /** Which login in `store` is used, such as the id of a user; `default` by default. */
  login?: string | undefined;
  /** The key that seals what is in `store`; by default the passphrase of the tool's variable. */
  seal?: Seal | undefined;
  /**
   * How long a program that refreshes a login in `store` may be silent before another takes over, in milliseconds; 90,000 by default.
   * Longer than any pause to be survived; one that is longer still may cost the session.
   */
  silentAfterMs?: number | undefined;
  /** Instead of the OS keychain; false for none. */
  keychain?: SimpleKeychain | false | undefined;
  /** Told of all that happens, for a log. What it throws is ignored. */
  log?: ((event: AuthEvent) => void) | undefined;
}
