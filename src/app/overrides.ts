import type { BrowserLoginOptions } from "../auth/flows/browser-login.ts";
import type { AuthOptions } from "./options.ts";
import type { SessionStore } from "../auth/sessions/store.ts";
import type { Identity } from "../base/identity.ts";
import type { BrowserOutcome } from "../platform/browser.ts";

/** What an app uses instead of the real thing, from programs, commands and tests. */
export interface AppOverrides extends Partial<Omit<AuthOptions, "name" | "version" | "commands" | "issuer">> {
  issuer?: string | undefined;
  /** This package's own by default. */
  toolIdentity?: Identity;
  /** Take precedence over the environment. */
  options?: Readonly<Record<string, unknown>>;
  /** For the record of an ended login; by default the name of the program's file. */
  command?: string;
  /** Instead of all storage. */
  sessions?: SessionStore;
  /** Instead of the user's browser: opens the URL of a login, and says who owns the connections that follow. */
  browser?: (Pick<BrowserLoginOptions, "ownerOf"> & { open(address: string): Promise<BrowserOutcome> }) | undefined;
  /** Called with each request and its response, a line each, without secrets. */
  onTraffic?: ((line: string) => void) | undefined;
}
