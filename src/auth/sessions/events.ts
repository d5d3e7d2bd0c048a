import type { AuthError } from "../../base/errors.ts";

/** Events of {@link Auth.on}. None holds a secret: no token, no code, no key. */
export interface AuthEvents {
  /** A refresh succeeded and is stored. */
  refreshed: { readonly profile: string; readonly expiresAt: number | undefined };
  /** A token of another process is used, without a request. */
  adopted: { readonly profile: string; readonly expiresAt: number | undefined };
  /** A refresh failed. */
  refused: { readonly profile: string; readonly error: AuthError };
  /** A login is needed. `elsewhere`: another program ended or replaced the session, or noticed its end. */
  ended: { readonly profile: string; readonly reason: "expired" | "revoked" | "logout" | "elsewhere" };
  /** The refreshed session could not be stored, and lives only in this process until a later try succeeds. */
  unsaved: { readonly profile: string; readonly error: AuthError };
  /**
   * A second has passed: another process is at work (`refresh`, `change`), or the issuer has not responded to a refresh.
   */
  waiting: {
    readonly work: "refresh" | "change" | "answer";
    /** Of the process; undefined if unknown, as in another container. */
    readonly pid?: number | undefined;
    /** Of the issuer's token endpoint. */
    readonly host?: string | undefined;
  };
  /** `status` is undefined without a response; `url` has no query, which may hold a secret. */
  request: {
    readonly method: string;
    readonly url: string;
    readonly status: number | undefined;
    readonly ms: number;
  };
}

/** Events of {@link AuthOptions.log}. */
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
