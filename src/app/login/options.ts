import type * as runtime from "../../base/runtime-types.ts";

/** Questions of {@link LoginOptions.onConsent}. */
export type ConsentQuestion =
  /**
   * May the session be kept in an encrypted file that this user's programs can open? `reason`: why not in the keychain.
   */
  | { readonly about: "file"; readonly reason: string }
  /**
   * May a login at `issuer` begin at another `host`? If the two are not one party, the issuer could act as the user at
   * that host (S-011).
   */
  | { readonly about: "host"; readonly issuer: string; readonly host: string }
  /** May `address` get tokens for all of `resource`, of which it is a part? It could use them there. */
  | { readonly about: "resource"; readonly address: string; readonly resource: string }
  /** May the profile's programs use another service, or trust another issuer? */
  | { readonly about: "profile"; readonly profile: string; readonly from: string; readonly to: string };

/** Parameter of {@link LoginOptions.onAddress}. */
export interface LoginAddress {
  /** Show it even if a browser opens: that may fail. */
  readonly url: string;
  /** Must be registered for the client, with any port. */
  readonly redirectUri: string;
  readonly timeoutMs: number;
  /** Takes the URL of the last page, which cannot load if the browser is elsewhere. Throws for any other URL. */
  readonly accept: (address: string) => void;
  readonly signal: runtime.AbortSignal;
}

/** The code to enter in a browser on any device (RFC 8628 §3.3). */
export interface LoginCode {
  /** Show it unchanged. */
  readonly userCode: string;
  /** If it is not at the issuer, show both hosts. */
  readonly verificationUri: string;
  readonly issuer: string;
  /** The URL of the page with the code in it, if the issuer gives one. */
  readonly verificationUriComplete: string | undefined;
  readonly expiresAt: number;
}

/** Options of {@link Auth.login}. */
export interface LoginOptions {
  /** Called before the browser is opened; its errors end the login. */
  onAddress?: ((address: LoginAddress) => void) | undefined;
  /** Required for a device login; its errors end the login. */
  onCode?: ((code: LoginCode) => void) | undefined;
  /** Called each second of a device login. */
  onWaiting?: ((leftMs: number) => void) | undefined;
  /**
   * Asks the user. Only true continues the login; false, and undefined if nobody can be asked, end it with
   * `consent_required`. By default, nobody is asked.
   */
  onConsent?: ((question: ConsentQuestion) => boolean | undefined | Promise<boolean | undefined>) | undefined;
  /** Called with each problem that does not end the login. */
  onWarning?: ((warning: string) => void) | undefined;
  /** Ends the login. It rejects with the signal's reason, and nothing is stored. */
  signal?: runtime.AbortSignal | undefined;
  /**
   * `"device"`: a code for a browser on any device; the default over SSH and in containers, if the issuer has it; in
   * CI, or without a terminal, it must be passed.
   */
  flow?: "browser" | "device" | undefined;
  /** Opens the browser here; true by default. */
  open?: boolean | undefined;
  /** By default 5 minutes for the browser, or the lifetime of a code; at most 15 minutes for a code. */
  timeoutMs?: number | undefined;
  /** Of the callback; by default the first free one of 28888 to 28898, else any. */
  port?: number | undefined;
  /** `"127.0.0.1"` by default; `"localhost"` for issuers that accept only that name. */
  redirectHost?: "127.0.0.1" | "localhost" | undefined;
  /** Saved in the profile. */
  redirectPath?: string | undefined;
  /** Saved in the profile. */
  trustedHosts?: readonly string[] | undefined;
  /** Instead of the tool's own. */
  scope?: string | undefined;
  /** What the tokens are for: a URL (RFC 8707). */
  resource?: string | undefined;
  /** The same, for issuers that use names. */
  audience?: string | undefined;
  /** OpenID Connect Core §3.1.2.1. */
  prompt?: string | undefined;
  loginHint?: string | undefined;
  /** False requests bearer tokens, without DPoP (RFC 9449). */
  dpop?: boolean | undefined;
  /**
   * Starts over if stored sessions cannot be opened, and leaves them in place; false by default. Other accounts may be
   * among them.
   */
  setAside?: boolean | undefined;
}

/** How a login talks to the user. @internal */
export type LoginCallbacks = Pick<
  LoginOptions,
  "onAddress" | "onCode" | "onWaiting" | "onConsent" | "onWarning" | "signal"
>;
