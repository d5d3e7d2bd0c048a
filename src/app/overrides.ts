import type { BrowserLoginOptions } from "../auth/flows/browser-login.ts";
import type { AuthOptions } from "./options.ts";
import type { SessionStore } from "../auth/sessions/store.ts";
import type { Identity } from "../base/identity.ts";
import type { BrowserOutcome } from "../platform/browser.ts";

/** What an app uses instead of the real thing: what a program says of it, and what the command and tests add. */
export interface AppOverrides extends Partial<Omit<AuthOptions, "name" | "version" | "commands" | "issuer">> {
  issuer?: string | undefined;
  /** The tool's name and what follows from it. This package's own by default. */
  toolIdentity?: Identity;
  /** Options of the command line, which take precedence over the environment. */
  options?: Readonly<Record<string, unknown>>;
  /** The command that is run, for what is remembered of a login; by default the name of the program's file. */
  command?: string;
  /** Instead of all storage. */
  sessions?: SessionStore;
  /** Instead of the user's browser: opens the address of a login, and says whose the connections are that then come. */
  browser?: Pick<BrowserLoginOptions, "ownerOf"> & { open(address: string): Promise<BrowserOutcome> };
  /** Told of each request when it is sent, and of its answer, a line each, without secrets. */
  onTraffic?: (line: string) => void;
}
