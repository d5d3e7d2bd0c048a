import type * as runtime from "../../base/runtime-types.ts";

/** A question of a login that only the user can answer. */
export type ConsentQuestion =
  /** May the session be kept in an encrypted file that this user's programs can open? `reason`: why not with a key in the keychain. */
  | { readonly about: "file"; readonly reason: string }
  /**
   * May a login at `issuer` begin at `host`, which is another one? If the two do not belong together, the issuer could then act as the user
   * at that host (S-011).
   */
  | { readonly about: "host"; readonly issuer: string; readonly host: string }
  /** May `address` get tokens that are good for all of `resource`, which it is a part of? It could use them there. */
  | { readonly about: "resource"; readonly address: string; readonly resource: string }
  /** May the profile change hands? From then on its programs talk to another service, or trust another issuer. */
  | { readonly about: "profile"; readonly profile: string; readonly from: string; readonly to: string };

/** The page where the user logs in. */
export interface LoginAddress {
  /** Show it to the user, even when a browser is opened: the browser may not come up. */
  readonly url: string;
  /** Where the server sends the browser back to. It must know this address for the client, with any port. */
  readonly redirectUri: string;
  /** How long the login waits for the browser, in milliseconds. */
  readonly timeoutMs: number;
  /**
   * Takes the address of the last page, if that did not load because the browser is on another machine. Throws when it is not that address.
   */
  readonly accept: (address: string) => void;
  readonly signal: runtime.AbortSignal;
}

/** The code that the user enters in a browser on any device (RFC 8628 §3.3). */
export interface LoginCode {
  /** In the chunks in which the service wrote it. */
  readonly userCode: string;
  /** The page to enter it on. Where it is not at the issuer, name both hosts. */
  readonly verificationUri: string;
  readonly issuer: string;
  /** The same page with the code in its address, for a QR code; undefined when the service has none. */
  readonly verificationUriComplete: string | undefined;
  readonly expiresAt: number;
}

/** How a login talks to the user meanwhile. */
export interface LoginCallbacks {
  /** Shows the address of a browser login; called before the browser is opened. What it throws ends the login. */
  onAddress?: ((address: LoginAddress) => void) | undefined;
  /** Shows the code of a device login, which requires it. What it throws ends the login. */
  onCode?: ((code: LoginCode) => void) | undefined;
  /** Called once a second while the code is waited for, with the time until it expires, in milliseconds. */
  onWaiting?: ((leftMs: number) => void) | undefined;
  /**
   * Asks the user. False is a no, undefined means that there is nobody to ask: either way the login ends with `consent_required`. By
   * default there is nobody.
   */
  onConsent?: ((question: ConsentQuestion) => boolean | undefined | Promise<boolean | undefined>) | undefined;
  /** Called with each problem that does not end the login, such as a browser that does not start. */
  onWarning?: ((warning: string) => void) | undefined;
  /** Ends the login. The promise rejects with its reason, and nothing is stored. */
  signal?: runtime.AbortSignal | undefined;
}

/** How to log in, and how to talk to the user meanwhile. Everything that is left out is as in the command `auth login`. */
export interface LoginOptions extends LoginCallbacks {
  /**
   * `"browser"` on this machine, or `"device"`: a code for a browser on any device. By default what can work here: the device login over
   * SSH, in a container, in CI; where the issuer has none, the address is for a browser on any machine, see {@link LoginAddress.accept}.
   */
  flow?: "browser" | "device" | undefined;
  /** Whether the browser is opened here; true by default. */
  open?: boolean | undefined;
  /** How long to wait for the user, in milliseconds. By default 5 minutes for the browser, and for a code as long as it is valid. */
  timeoutMs?: number | undefined;
  /** The port of the callback; by default the first free one from 28888 on. */
  port?: number | undefined;
  /** The host of the callback: `"127.0.0.1"` by default, `"localhost"` for servers that know only that name. */
  redirectHost?: "127.0.0.1" | "localhost" | undefined;
  /** The path of the callback, for servers that know only this one; remembered by the profile. */
  redirectPath?: string | undefined;
  /** Hosts, with the port where it is not the usual one, that logins at this issuer may begin at; remembered by the profile. */
  trustedHosts?: readonly string[] | undefined;
  /** Scopes, separated by spaces, instead of the tool's own. */
  scope?: string | undefined;
  /** What the tokens are for: an address (RFC 8707), or a name, for servers that want that instead. */
  resource?: string | undefined;
  audience?: string | undefined;
  /** OpenID Connect Core §3.1.2.1. */
  prompt?: string | undefined;
  /** The account that the server should expect. */
  loginHint?: string | undefined;
  /** False requests tokens that are not bound to a key (RFC 9449), even where the server can bind them. */
  dpop?: boolean | undefined;
  /**
   * Whether a login may begin anew where stored sessions cannot be opened (a keychain that stays locked, a lost secret, another
   * machine's), instead of that being an error. They stay where they are, for whoever can open them. False by default: other accounts
   * may be among them.
   */
  setAside?: boolean | undefined;
}
