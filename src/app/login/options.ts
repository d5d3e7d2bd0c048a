import type * as runtime from "../../base/runtime-types.ts";

/** A question of a login that only the user can answer. */
export type ConsentQuestion =
  /**
   * May the session be kept in an encrypted file that this user's programs can open? `reason`: why not with a key in
   * the keychain.
   */
  | { readonly about: "file"; readonly reason: string }
  /**
   * May a login at `issuer` begin at another `host`? If the two are not one party, the issuer could act as the user at
   * that host (S-011).
   */
  | { readonly about: "host"; readonly issuer: string; readonly host: string }
  /** May `address` get tokens for all of `resource`, of which it is a part? It could use them there. */
  | { readonly about: "resource"; readonly address: string; readonly resource: string }
  /** May the profile change hands? Its programs would then talk to another service, or trust another issuer. */
  | { readonly about: "profile"; readonly profile: string; readonly from: string; readonly to: string };

/** The page where the user logs in. */
export interface LoginAddress {
  /** Show it even when a browser is opened: the browser may not come up. */
  readonly url: string;
  /** The redirect URI. It must be registered for the client, with any port. */
  readonly redirectUri: string;
  /** The time limit, in milliseconds. */
  readonly timeoutMs: number;
  /**
   * Takes the URL of the last page, if that did not load because the browser is on another machine. Throws when it is
   * not that URL.
   */
  readonly accept: (address: string) => void;
  readonly signal: runtime.AbortSignal;
}

/** The code that the user enters in a browser on any device (RFC 8628 §3.3). */
export interface LoginCode {
  /** Grouped as the service wrote it. */
  readonly userCode: string;
  /** The page to enter it on. If it is not at the issuer, show both hosts. */
  readonly verificationUri: string;
  readonly issuer: string;
  /** The same page with the code in its URL, for a QR code; undefined when the service has none. */
  readonly verificationUriComplete: string | undefined;
  readonly expiresAt: number;
}

/** How a login talks to the user. */
export interface LoginCallbacks {
  /** Shows the URL of a browser login, before the browser is opened. Its errors end the login. */
  onAddress?: ((address: LoginAddress) => void) | undefined;
  /** Shows the code of a device login, which requires it. Its errors end the login. */
  onCode?: ((code: LoginCode) => void) | undefined;
  /** Called once a second during a device login, with the time until the code expires, in milliseconds. */
  onWaiting?: ((leftMs: number) => void) | undefined;
  /**
   * Asks the user. False is a no, undefined means that there is nobody to ask: both end the login with
   * `consent_required`. Undefined by default.
   */
  onConsent?: ((question: ConsentQuestion) => boolean | undefined | Promise<boolean | undefined>) | undefined;
  /** Called with each problem that does not end the login, such as a browser that does not start. */
  onWarning?: ((warning: string) => void) | undefined;
  /** Ends the login. The promise rejects with its reason, and nothing is stored. */
  signal?: runtime.AbortSignal | undefined;
}

/** How to log in. Defaults are as in the command `auth login`. */
export interface LoginOptions extends LoginCallbacks {
  /**
   * `"browser"` on this machine, or `"device"`: a code for a browser on any device. By default what can work here: the
   * device login over SSH, in a container, in CI; if the issuer has none, a browser on any machine, see
   * {@link LoginAddress.accept}.
   */
  flow?: "browser" | "device" | undefined;
  /** Opens the browser here; true by default. */
  open?: boolean | undefined;
  /** The time limit, in milliseconds. By default 5 minutes for the browser, and the lifetime of a code. */
  timeoutMs?: number | undefined;
  /** The port of the callback; by default the first free one from 28888 on. */
  port?: number | undefined;
  /** The host of the callback: `"127.0.0.1"` by default, `"localhost"` for servers that know only that name. */
  redirectHost?: "127.0.0.1" | "localhost" | undefined;
  /** The path of the callback, for servers that accept only one; saved in the profile. */
  redirectPath?: string | undefined;
  /** Hosts, with any unusual port, where logins at this issuer may begin; saved in the profile. */
  trustedHosts?: readonly string[] | undefined;
  /** Scopes, separated by spaces, instead of the tool's own. */
  scope?: string | undefined;
  /** What the tokens are for: a URL (RFC 8707), or a name, for servers that use names. */
  resource?: string | undefined;
  audience?: string | undefined;
  /** OpenID Connect Core §3.1.2.1. */
  prompt?: string | undefined;
  /** The account that the server should expect. */
  loginHint?: string | undefined;
  /** False requests tokens without a key (RFC 9449), even where the server can bind them. */
  dpop?: boolean | undefined;
  /**
   * Starts over where stored sessions cannot be opened (locked keychain, lost secret, another machine's), instead of
   * failing. They stay where they are. False by default: other accounts may be among them.
   */
  setAside?: boolean | undefined;
}
