import type { AuthError } from "../../base/errors.ts";

/** What happens in a program to its sessions and its requests. No event holds a secret: no token, no code, no key. */
export interface AuthEvents {
  /** A refresh succeeded and is stored. `expiresAt`: as the server says, milliseconds since 1970; undefined when it does not say. */
  refreshed: { readonly profile: string; readonly expiresAt: number | undefined };
  /** A token that another process stored is used, without a request. */
  adopted: { readonly profile: string; readonly expiresAt: number | undefined };
  /** A refresh failed. */
  refused: { readonly profile: string; readonly error: AuthError };
  /**
   * The session of this program is gone: a login is needed. `elsewhere`: another program logged out, logged in as
   * another user, or learned that the session ended.
   */
  ended: { readonly profile: string; readonly reason: "expired" | "revoked" | "logout" | "elsewhere" };
  /** The refreshed session could not be stored: it lives in this process only, until a later try succeeds. */
  unsaved: { readonly profile: string; readonly error: AuthError };
  /** A second has passed waiting for another process, or for the service's response to a refresh. */
  waiting: {
    /** Another process refreshes the session, or changes what is stored; or the service does not respond yet. */
    readonly work: "refresh" | "change" | "answer";
    /**
     * The process; undefined where it is in another container or on another machine, or where the system does not say.
     */
    readonly pid?: number | undefined;
    /** The host of the service. */
    readonly host?: string | undefined;
  };
  /**
   * A request has a response, or has failed: `status` is then undefined. `url` has no query, which may hold a secret.
   */
  request: {
    readonly method: string;
    readonly url: string;
    readonly status: number | undefined;
    readonly ms: number;
  };
}

/** One of {@link AuthEvents}, with its name. */
export type AuthEvent = {
  [Name in keyof AuthEvents]: { readonly event: Name } & AuthEvents[Name];
}[keyof AuthEvents];

/** @internal */
export interface AuthEventSource {
  /** Returns a function that stops it. */
  on<Name extends keyof AuthEvents>(name: Name, listener: (event: AuthEvents[Name]) => void): () => void;
}

/** @internal */
export interface AuthEventStream extends AuthEventSource {
  isHeard(name: keyof AuthEvents): boolean;
  emit<Name extends keyof AuthEvents>(name: Name, event: AuthEvents[Name]): void;
}
